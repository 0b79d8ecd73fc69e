/**
 * The one list of what may ever happen: command type → format version and apply. A change to what a command means is a new
 * version here; an entry of a version not listed halts the server.
 */
import type { Command, CommandType } from "../contract.ts";
import type { Draft, Refusal } from "../draft.ts";
import { applyAllocationsClientUpdate } from "./allocations-client-update.ts";
import { applyAllocationsDesiredTransition } from "./allocations-desired-transition.ts";
import { applyEvaluationsUpsert } from "./evaluations-upsert.ts";
import { applyJobDeregister } from "./job-deregister.ts";
import { applyJobRegister } from "./job-register.ts";
import { applyNodeEligibility } from "./node-eligibility.ts";
import { applyNodePurge } from "./node-purge.ts";
import { applyNodeRegister } from "./node-register.ts";
import { applyNodeStatus } from "./node-status.ts";
import { applyPlan } from "./plan-apply.ts";
import { applyReap } from "./reap.ts";
import { applySchedulerConfiguration } from "./scheduler-configuration.ts";

/** Validates, then writes. A refusal or a throw drops everything written. */
type Apply<Type extends CommandType> = (draft: Draft, command: Extract<Command, { type: Type }>) => Refusal | undefined;

const COMMANDS: { readonly [Type in CommandType]: { readonly version: number; readonly apply: Apply<Type> } } = {
  "job-register": { version: 1, apply: applyJobRegister },
  "job-deregister": { version: 1, apply: applyJobDeregister },
  "node-register": { version: 1, apply: applyNodeRegister },
  "node-status": { version: 1, apply: applyNodeStatus },
  "node-eligibility": { version: 1, apply: applyNodeEligibility },
  "node-purge": { version: 1, apply: applyNodePurge },
  "evaluations-upsert": { version: 1, apply: applyEvaluationsUpsert },
  "plan-apply": { version: 1, apply: applyPlan },
  "allocations-client-update": { version: 1, apply: applyAllocationsClientUpdate },
  "allocations-desired-transition": { version: 1, apply: applyAllocationsDesiredTransition },
  reap: { version: 1, apply: applyReap },
  "scheduler-configuration": { version: 1, apply: applySchedulerConfiguration },
};

/** The version this program writes and understands; undefined for a type it does not know. */
export function commandVersion(type: string): number | undefined {
  return Object.hasOwn(COMMANDS, type) ? COMMANDS[type as CommandType].version : undefined;
}

export function applyCommand(draft: Draft, command: Command): Refusal | undefined {
  return (COMMANDS[command.type].apply as Apply<CommandType>)(draft, command);
}
