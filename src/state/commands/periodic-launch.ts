/** A periodic job's tick was passed over on purpose: it counts as done. An earlier one than the last changes nothing. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { noteLaunch } from "../kin.ts";

type PeriodicLaunchCommand = Extract<Command, { type: "periodic-launch" }>;

export function applyPeriodicLaunch(draft: Draft, { Launch }: PeriodicLaunchCommand): Refusal | undefined {
  if (draft.record(Launch.Namespace, Launch.JobID) === undefined) {
    return { code: "missing", reason: `Cannot note launch of job "${Launch.JobID}": no such job` };
  }
  noteLaunch(draft, Launch);
  return undefined;
}
