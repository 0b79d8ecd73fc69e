/** A version of a job gets a name, another name, or none. While it has one it is kept, however old. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { mark } from "./mark.ts";

type JobVersionTag = Extract<Command, { type: "job-version-tag" }>;

export function applyJobVersionTag(draft: Draft, command: JobVersionTag): Refusal | undefined {
  const { Namespace, JobID, Version, Name, Description } = command;
  const cannot = `Cannot ${Description === null ? "untag" : "tag"} version ${Version} of job "${JobID}"`;
  const record = draft.record(Namespace, JobID);
  if (record === undefined) return { code: "missing", reason: `${cannot}: no such job` };
  const holder = record.versions.find(({ shown }) => shown.VersionTag?.Name === Name)?.spec.Version;
  if (Description === null && holder !== Version) return { code: "missing", reason: `${cannot}: it has no tag "${Name}"` };
  if (holder !== undefined && holder !== Version) {
    return { code: "conflict", reason: `${cannot}: tag "${Name}" is on version ${holder}` };
  }
  const VersionTag = Description === null ? null : { Name, Description, TaggedTime: draft.time };
  if (mark(draft, record, Version, { VersionTag })) return undefined;
  return { code: "missing", reason: `${cannot}: the version is not kept` };
}
