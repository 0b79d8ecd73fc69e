/** Times of the mesh that several steps share. */
export const HELD_BACK = {
  /** From when a service stands in no catalog until every proxy that had it heard of that: measured within 300 ms, and 1.5 s where a machine has no time to spare. */
  seenMs: 2_000,
  drainWaitMs: 2_000,
} as const;
