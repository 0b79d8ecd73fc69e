/** How many allocations and evaluations a job has, so that its status never needs a walk over them. */
export interface Tally {
  readonly allocations: number;
  /** Not over by either's word. */
  readonly liveAllocations: number;
  readonly evaluations: number;
  /** pending or blocked */
  readonly openEvaluations: number;
}

export type MutableTally = { -readonly [Key in keyof Tally]: Tally[Key] };

export const NO_TALLY: Tally = { allocations: 0, liveAllocations: 0, evaluations: 0, openEvaluations: 0 };
