/** Something is said of a version that was registered before (../marks.ts). */
import type { Draft } from "../draft.ts";
import { type Marks, shownWith } from "../marks.ts";
import type { JobRecord } from "../tables/tables.ts";

/** Says it of a kept version; false when there is no such version. Saying what is known already changes nothing. */
export function mark(draft: Draft, record: JobRecord, version: number, said: Partial<Pick<Marks, "Stable" | "VersionTag">>): boolean {
  const at = record.versions.findIndex(({ spec }) => spec.Version === version);
  const kept = record.versions[at];
  if (kept === undefined) return false;
  const { Stable, VersionTag } = { Stable: kept.shown.Stable, VersionTag: kept.shown.VersionTag, ...said };
  if (Stable === kept.shown.Stable && VersionTag === kept.shown.VersionTag) return true;
  const marks: Marks = { Stable, VersionTag, ModifyIndex: draft.index };
  const versions = record.versions.with(at, { ...kept, shown: shownWith(kept.spec, marks) });
  draft.putRecord({ ...record, job: at === 0 ? { ...record.job, ...marks } : record.job, versions });
  return true;
}
