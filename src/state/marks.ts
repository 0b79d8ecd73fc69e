/**
 * What is said of a version after it was registered: that it is stable, that it has a name. Kept apart from the version's own object,
 * which every allocation of it shares: saying something of a version must not make its allocations look different.
 */
import type { Job } from "#model";
import type { Draft } from "./draft.ts";
import type { JobRecord, KeptVersion } from "./tables/tables.ts";

export interface Marks {
  readonly Stable: boolean;
  readonly VersionTag: Job["VersionTag"];
  /** When it was last said. */
  readonly ModifyIndex: number;
}

/** null: nothing was ever said. */
export function marksOf({ spec, shown }: Pick<KeptVersion, "spec" | "shown">): Marks | null {
  return shown === spec ? null : { Stable: shown.Stable, VersionTag: shown.VersionTag, ModifyIndex: shown.ModifyIndex };
}

export function shownWith(spec: Job, marks: Marks | null): Job {
  return marks === null ? spec : { ...spec, ...marks };
}

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
