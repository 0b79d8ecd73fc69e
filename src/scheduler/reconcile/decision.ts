/** What reconciliation decides, before any node is looked for. */
import type { Allocation, DesiredUpdates, PlannedStop, TaskGroup } from "#model";

/** An allocation to stop, whatever else happens. */
export interface Stop {
  readonly allocation: Allocation;
  readonly description: string;
  readonly clientStatus: PlannedStop["ClientStatus"];
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
}

export interface GroupDecision {
  readonly name: string;
  readonly stops: readonly Stop[];
  /** To be walked once. */
  readonly places: Iterable<Place>;
  readonly inPlace: readonly Allocation[];
  readonly updates: DesiredUpdates;
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
};

/** StatusDescription texts of stopped allocations, as users know them. nomad.md §6.5. */
export const DESCRIPTIONS = {
  notNeeded: "alloc not needed due to job update",
  updating: "alloc is being updated due to job update",
  migrating: "alloc is being migrated",
  rescheduled: "alloc was rescheduled because it failed",
  lost: "alloc is lost since its node is down",
  inPlace: "alloc updating in-place",
} as const;
