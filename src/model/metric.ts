/** Why a group could not be placed, or how the node it got was chosen. nomad.md §3.3, §6.9. */

export interface NodeScore {
  readonly NodeID: string;
  readonly Scores: Readonly<Record<string, number>>;
  readonly NormScore: number;
}

/** Where a group came closest to fitting, and what was missing there (Drover's own; Nomad's clients ignore it). */
export interface NearestFit {
  readonly NodeID: string;
  readonly NodeName: string;
  /** "memory", "cpu", "disk", "network: …" */
  readonly Dimension: string;
  readonly Wanted: number;
  readonly Free: number;
  /** Who has the static port that is missing; null: the node keeps it for itself. Absent: it is not about a port. */
  readonly HeldBy?: {
    readonly AllocationID: string;
    readonly Namespace: string;
    readonly JobID: string;
    readonly TaskGroup: string;
  } | null;
}

export interface AllocMetric {
  readonly NodesEvaluated: number;
  readonly NodesFiltered: number;
  readonly NodesInPool: number;
  readonly NodePool: string;
  readonly NodesAvailable: Readonly<Record<string, number>>;
  readonly ClassFiltered: Readonly<Record<string, number>>;
  readonly ConstraintFiltered: Readonly<Record<string, number>>;
  readonly NodesExhausted: number;
  readonly ClassExhausted: Readonly<Record<string, number>>;
  readonly DimensionExhausted: Readonly<Record<string, number>>;
  readonly QuotaExhausted: readonly string[];
  readonly ResourcesExhausted: Readonly<Record<string, unknown>>;
  readonly Scores: null;
  readonly ScoreMetaData: readonly NodeScore[];
  /** Nanoseconds. */
  readonly AllocationTime: number;
  readonly CoalescedFailures: number;
  readonly NearestFit?: NearestFit | null;
}
