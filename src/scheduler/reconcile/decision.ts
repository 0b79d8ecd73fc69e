/** What reconciliation decides, before any node is looked for. */
import type {
  Allocation,
  Deployment,
  DeploymentId,
  DeploymentUpdate,
  DesiredUpdates,
  EvaluationTrigger,
  Job,
  PlannedStop,
  TaskGroup,
} from "#model";

/** Look at the job again at this time: becomes a follow-up evaluation; those within five seconds of each other share one. */
export interface Wake {
  /** Unix nanoseconds. */
  readonly atNs: number;
  readonly trigger: EvaluationTrigger;
  /** The evaluation's StatusDescription. */
  readonly description: string;
}

/** An allocation to stop, whatever else happens. */
export interface Stop {
  readonly allocation: Allocation;
  readonly description: string;
  readonly clientStatus: PlannedStop["ClientStatus"];
  /** It is replaced then, not now (stop_on_client_after). The follow-up's id is noted on the allocation. */
  readonly wake?: Wake;
}

/** Something to note on an allocation that goes on holding what it holds. */
export interface Note {
  readonly allocation: Allocation;
  readonly clientStatus: "" | "unknown";
  readonly description: string;
  /** The first one's evaluation id is noted on the allocation. At most one: what is named nowhere is not created with half a plan. */
  readonly wakes: readonly Wake[];
}

/** An allocation to place. */
export interface Place {
  readonly group: TaskGroup;
  /** `<job>.<group>[<index>]` */
  readonly name: string;
  /** The allocation it takes over from. */
  readonly previous: Allocation | null;
  /** What to do with `previous` when its turn has come. */
  readonly stop: {
    readonly stop: Stop;
    /**
     * tried: stop it as soon as a place was looked for (it is lost, or must move). placed: stop it only if a place was found; an
     * update that fits nowhere leaves the old one running.
     */
    readonly when: "tried" | "placed";
  } | null;
  /** It failed where it was: rather not there again. */
  readonly avoidPreviousNode: boolean;
  /**
   * The version to place when it is not the plan's: the neighbour of a canary is replaced by what it was. `group` is that version's.
   * The placement's JobVersion is this one's.
   */
  readonly job?: Job;
  /** The deployment it belongs to: DeploymentID, and with `canary` DeploymentStatus { Canary: true, Healthy: null }. Absent: none. */
  readonly deployment?: { readonly id: DeploymentId; readonly canary: boolean };
  /** What it shall remember of its predecessors' failures. Absent: nothing. */
  readonly tracker?: Allocation["RescheduleTracker"];
}

export interface GroupDecision {
  readonly name: string;
  readonly stops: readonly Stop[];
  /** To be walked once. */
  readonly places: Iterable<Place>;
  readonly inPlace: readonly Allocation[];
  readonly updates: DesiredUpdates;
  readonly notes?: readonly Note[];
  /** What placements and in-place updates of the group join. */
  readonly deploymentId?: DeploymentId;
}

/** A whole job's. */
export interface JobDecision {
  readonly groups: readonly GroupDecision[];
  /** To create, or the active one with other counts wanted. */
  readonly deployment: Deployment | null;
  readonly deploymentUpdates: readonly DeploymentUpdate[];
  /** The deployment the evaluation is part of, new or old; "" for none. */
  readonly deploymentId: DeploymentId | "";
}

export const NO_UPDATES: DesiredUpdates = {
  Ignore: 0,
  Place: 0,
  Migrate: 0,
  Stop: 0,
  InPlaceUpdate: 0,
  DestructiveUpdate: 0,
  Canary: 0,
  Preemptions: 0,
  Disconnect: 0,
  Reconnect: 0,
  RescheduleNow: 0,
  RescheduleLater: 0,
};

/** StatusDescription texts of stopped allocations, as users know them. nomad.md §6.5. */
export const DESCRIPTIONS = {
  notNeeded: "alloc not needed due to job update",
  updating: "alloc is being updated due to job update",
  migrating: "alloc is being migrated",
  rescheduled: "alloc was rescheduled because it failed",
  lost: "alloc is lost since its node is down",
  inPlace: "alloc updating in-place",
  unknown: "alloc is unknown since its node is disconnected",
  reconnected: "alloc not needed due to disconnected client reconnect",
  tainted: "alloc not needed as node is tainted",
} as const;
