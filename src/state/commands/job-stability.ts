/** A version of a job is, or is not, one to come back to. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { mark } from "./mark.ts";

type JobStability = Extract<Command, { type: "job-stability" }>;

export function applyJobStability(draft: Draft, { Namespace, JobID, Version, Stable }: JobStability): Refusal | undefined {
  const record = draft.record(Namespace, JobID);
  if (record === undefined) return { code: "missing", reason: `Cannot set stability of job "${JobID}": no such job` };
  if (mark(draft, record, Version, { Stable })) return undefined;
  return { code: "missing", reason: `Cannot set stability of job "${JobID}": version ${Version} is not kept` };
}
