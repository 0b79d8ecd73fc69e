/**
 * Up to where the shared log may forget. Pure. What a quorum of the servers has on disk is safe there; the rest is patience with the slow ones:
 * a server below the floor has to fetch a whole snapshot.
 */
export interface CutQuestion {
  /** On the disk of every server that has said something lately, this one's too. */
  readonly syncedIndexes: readonly number[];
  /** So much stays, whatever is on disks: a restart goes on from it. */
  readonly marginEntries: number;
  /** The slowest is waited for so long. */
  readonly patienceEntries: number;
  /** Snapshots on their way to others: who gets one goes on from there. */
  readonly heldIndexes: readonly number[];
}

/** Entries up to it may go; 0: none. */
export function cutIndex({ syncedIndexes, marginEntries, patienceEntries, heldIndexes }: CutQuestion): number {
  if (syncedIndexes.length === 0) return 0;
  const descending = [...syncedIndexes].sort((a, b) => b - a);
  const safe = descending[Math.floor(descending.length / 2)] as number;
  const slowest = descending.at(-1) as number;
  return Math.max(0, Math.min(safe - marginEntries, Math.max(slowest, safe - patienceEntries), ...heldIndexes));
}
