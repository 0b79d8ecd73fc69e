/**
 * What is said of a version after it was registered: that it is stable, that it has a name. Kept apart from the version's own object,
 * which every allocation of it shares: saying something of a version must not make its allocations look different.
 */
import type { Job } from "#model";
import type { KeptVersion } from "./tables/tables.ts";

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
