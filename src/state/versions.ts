/** Which versions of a job are kept. nomad.md §7. */
import type { KeptVersion } from "./tables/tables.ts";

/** Without a tag, the current one among them. */
export const JOB_VERSIONS_KEPT = 6;

/**
 * Of versions newest first: the newest six, every tagged one, and the newest stable one, which auto_revert goes back to: it takes the
 * oldest one's place.
 */
export function keptVersions(versions: readonly KeptVersion[]): readonly KeptVersion[] {
  const untagged = versions.filter(({ shown }) => shown.VersionTag === null);
  if (untagged.length <= JOB_VERSIONS_KEPT) return versions;
  const stable = untagged.find(({ shown }) => shown.Stable);
  const newest = untagged.slice(0, JOB_VERSIONS_KEPT);
  const kept = new Set(newest);
  if (stable !== undefined && !kept.has(stable)) {
    kept.delete(newest[newest.length - 1] as KeptVersion);
    kept.add(stable);
  }
  return versions.filter((version) => version.shown.VersionTag !== null || kept.has(version));
}
