/** Something is said of a group's scaling; nothing is scaled by it. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { addScalingEvent } from "../kin.ts";

type ScalingEventCommand = Extract<Command, { type: "scaling-event" }>;

export function applyScalingEvent(draft: Draft, command: ScalingEventCommand): Refusal | undefined {
  const job = draft.record(command.Namespace, command.JobID)?.job;
  if (job === undefined) return { code: "missing", reason: `Cannot note scaling of job "${command.JobID}": no such job` };
  if (!job.TaskGroups.some((group) => group.Name === command.Group)) {
    return { code: "missing", reason: `Cannot note scaling of group "${command.Group}": job "${command.JobID}" has no such group` };
  }
  addScalingEvent(draft, job, command.Group, command.Event);
  return undefined;
}
