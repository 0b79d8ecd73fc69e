/**
 * The one list of what may ever happen: command type → format version and apply. A change to what a command means is a new
 * version here; an entry of a newer version than the one listed halts the server.
 */
import type { Command, CommandType } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { applyAclPoliciesUpsert } from "./acl-policies-upsert.ts";
import { applyAclPoliciesDelete } from "./acl-policies-delete.ts";
import { applyAclRolesUpsert } from "./acl-roles-upsert.ts";
import { applyAclRolesDelete } from "./acl-roles-delete.ts";
import { applyAclTokensUpsert } from "./acl-tokens-upsert.ts";
import { applyAclTokensDelete } from "./acl-tokens-delete.ts";
import { applyAclBootstrap } from "./acl-bootstrap.ts";
import { applyAclAuthMethodsUpsert } from "./acl-auth-methods-upsert.ts";
import { applyAclAuthMethodsDelete } from "./acl-auth-methods-delete.ts";
import { applyAclBindingRulesUpsert } from "./acl-binding-rules-upsert.ts";
import { applyAclBindingRulesDelete } from "./acl-binding-rules-delete.ts";
import { applyOneTimeTokenPut } from "./one-time-token-put.ts";
import { applyOneTimeTokensDelete } from "./one-time-tokens-delete.ts";
import { applyAllocationsClientUpdate } from "./allocations-client-update.ts";
import { applyAllocationsDesiredTransition } from "./allocations-desired-transition.ts";
import { applyDeploymentAllocationHealth } from "./deployment-allocation-health.ts";
import { applyDeploymentPromote } from "./deployment-promote.ts";
import { applyDeploymentStatus } from "./deployment-status.ts";
import { applyEvaluationsUpsert } from "./evaluations-upsert.ts";
import { applyJobDeregister } from "./job-deregister.ts";
import { applyJobRegister } from "./job-register.ts";
import { applyJobStability } from "./job-stability.ts";
import { applyJobVersionTag } from "./job-version-tag.ts";
import { applyNamespacesDelete } from "./namespaces-delete.ts";
import { applyNamespacesUpsert } from "./namespaces-upsert.ts";
import { applyNodeDrain } from "./node-drain.ts";
import { applyNodeEligibility } from "./node-eligibility.ts";
import { applyNodePoolsDelete } from "./node-pools-delete.ts";
import { applyNodePoolsUpsert } from "./node-pools-upsert.ts";
import { applyNodePurge } from "./node-purge.ts";
import { applyNodeRegister } from "./node-register.ts";
import { applyNodeStatus } from "./node-status.ts";
import { applyPeriodicLaunch } from "./periodic-launch.ts";
import { applyPlan } from "./plan-apply.ts";
import { applyLeadership } from "./leadership.ts";
import { applyRestoreCommit } from "./restore-commit.ts";
import { applyRestorePart } from "./restore-part.ts";
import { applyReap } from "./reap.ts";
import { applyScalingEvent } from "./scaling-event.ts";
import { applyRootKeyDelete } from "./root-key-delete.ts";
import { applyRootKeysUpsert } from "./root-keys-upsert.ts";
import { applyAutopilotConfiguration } from "./autopilot-configuration.ts";
import { applySchedulerConfiguration } from "./scheduler-configuration.ts";
import { applyServicesDelete } from "./services-delete.ts";
import { applyServicesUpsert } from "./services-upsert.ts";
import { applyVariableDelete } from "./variable-delete.ts";
import { applyVariableLock } from "./variable-lock.ts";
import { applyVariablePut } from "./variable-put.ts";
import { applyVariableUnlock } from "./variable-unlock.ts";
import { applyVariablesReseal } from "./variables-reseal.ts";
import { applyTurnGive } from "./turn-give.ts";
import { applyTurnTake } from "./turn-take.ts";

/** Validates, then writes. A refusal or a throw drops everything written. */
type Apply<Type extends CommandType> = (draft: Draft, command: Extract<Command, { type: Type }>) => Refusal | undefined;

/** `version` is what is written; every version from 1 up to it is read. */
const COMMANDS: { readonly [Type in CommandType]: { readonly version: number; readonly apply: Apply<Type> } } = {
  "job-register": { version: 2, apply: applyJobRegister },
  "job-deregister": { version: 2, apply: applyJobDeregister },
  "job-stability": { version: 1, apply: applyJobStability },
  "job-version-tag": { version: 1, apply: applyJobVersionTag },
  "periodic-launch": { version: 1, apply: applyPeriodicLaunch },
  "scaling-event": { version: 1, apply: applyScalingEvent },
  "deployment-status": { version: 1, apply: applyDeploymentStatus },
  "deployment-promote": { version: 1, apply: applyDeploymentPromote },
  "deployment-allocation-health": { version: 1, apply: applyDeploymentAllocationHealth },
  "node-register": { version: 2, apply: applyNodeRegister },
  "node-status": { version: 1, apply: applyNodeStatus },
  "node-eligibility": { version: 1, apply: applyNodeEligibility },
  "node-drain": { version: 1, apply: applyNodeDrain },
  "node-purge": { version: 1, apply: applyNodePurge },
  "node-pools-upsert": { version: 1, apply: applyNodePoolsUpsert },
  "node-pools-delete": { version: 1, apply: applyNodePoolsDelete },
  "namespaces-upsert": { version: 1, apply: applyNamespacesUpsert },
  "namespaces-delete": { version: 1, apply: applyNamespacesDelete },
  "evaluations-upsert": { version: 1, apply: applyEvaluationsUpsert },
  "plan-apply": { version: 2, apply: applyPlan },
  "allocations-client-update": { version: 2, apply: applyAllocationsClientUpdate },
  "allocations-desired-transition": { version: 1, apply: applyAllocationsDesiredTransition },
  reap: { version: 2, apply: applyReap },
  "services-upsert": { version: 1, apply: applyServicesUpsert },
  "services-delete": { version: 1, apply: applyServicesDelete },
  "root-keys-upsert": { version: 1, apply: applyRootKeysUpsert },
  "root-key-delete": { version: 1, apply: applyRootKeyDelete },
  "variable-put": { version: 1, apply: applyVariablePut },
  "variable-delete": { version: 1, apply: applyVariableDelete },
  "variable-lock": { version: 1, apply: applyVariableLock },
  "variable-unlock": { version: 1, apply: applyVariableUnlock },
  "variables-reseal": { version: 1, apply: applyVariablesReseal },
  "turn-take": { version: 1, apply: applyTurnTake },
  "turn-give": { version: 1, apply: applyTurnGive },
  "acl-policies-upsert": { version: 1, apply: applyAclPoliciesUpsert },
  "acl-policies-delete": { version: 1, apply: applyAclPoliciesDelete },
  "acl-roles-upsert": { version: 1, apply: applyAclRolesUpsert },
  "acl-roles-delete": { version: 1, apply: applyAclRolesDelete },
  "acl-tokens-upsert": { version: 1, apply: applyAclTokensUpsert },
  "acl-tokens-delete": { version: 1, apply: applyAclTokensDelete },
  "acl-bootstrap": { version: 1, apply: applyAclBootstrap },
  "acl-auth-methods-upsert": { version: 1, apply: applyAclAuthMethodsUpsert },
  "acl-auth-methods-delete": { version: 1, apply: applyAclAuthMethodsDelete },
  "acl-binding-rules-upsert": { version: 1, apply: applyAclBindingRulesUpsert },
  "acl-binding-rules-delete": { version: 1, apply: applyAclBindingRulesDelete },
  "one-time-token-put": { version: 1, apply: applyOneTimeTokenPut },
  "one-time-tokens-delete": { version: 1, apply: applyOneTimeTokensDelete },
  leadership: { version: 1, apply: applyLeadership },
  "restore-part": { version: 1, apply: applyRestorePart },
  "restore-commit": { version: 1, apply: applyRestoreCommit },
  "autopilot-configuration": { version: 1, apply: applyAutopilotConfiguration },
  "scheduler-configuration": { version: 1, apply: applySchedulerConfiguration },
};

/** The highest level this program reads. A type or version that is new with a later one is written only when all servers have that. */
export const FEATURE_LEVEL = 1;
/** Command types that came after level 1. */
const LEVELS: Partial<Record<CommandType, number>> = {};

/** Versions of older types that came after level 1: type → version → level. Below that level the version before is written, as ever. */
const VERSION_LEVELS: Partial<Record<CommandType, VersionLevels>> = {};
export type VersionLevels = Readonly<Record<number, number>>;
/** They carry a snapshot in the form that this program writes. */
const OF_NEWEST_LEVEL: ReadonlySet<CommandType> = new Set(["restore-part", "restore-commit"]);

export function commandLevel(type: CommandType): number {
  return OF_NEWEST_LEVEL.has(type) ? FEATURE_LEVEL : (LEVELS[type] ?? 1);
}

/** The version that is written where all servers read `level`; undefined for a type this program does not know. */
export function commandVersion(type: string, level = FEATURE_LEVEL): number | undefined {
  return Object.hasOwn(COMMANDS, type)
    ? versionAt(COMMANDS[type as CommandType].version, VERSION_LEVELS[type as CommandType] ?? {}, level)
    : undefined;
}

export function versionAt(newest: number, levels: VersionLevels, level: number): number {
  let version = newest;
  while (version > 1 && (levels[version] ?? 1) > level) version--;
  return version;
}

/** Older versions are read too: codec.ts fills in what they lack, `Draft.version` tells commands whose meaning has grown. */
export function readsVersion(type: string, version: number): boolean {
  const newest = commandVersion(type);
  return newest !== undefined && Number.isInteger(version) && version >= 1 && version <= newest;
}

export function applyCommand(draft: Draft, command: Command): Refusal | undefined {
  return (COMMANDS[command.type].apply as Apply<CommandType>)(draft, command);
}
