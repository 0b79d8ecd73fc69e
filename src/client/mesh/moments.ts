/** Times of the mesh that several steps share. */
export const HELD_BACK = {
  /** From when a service stands in no catalog until every proxy that had it heard of that: measured within 300 ms; with room. */
  seenMs: 1_000,
  drainWaitMs: 2_000,
} as const;
