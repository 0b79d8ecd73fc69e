/** What a plan would do, counted and listed for those who read it. */
import type { Allocation } from "./allocation.ts";

/** Counts per group, as `job plan` shows them. nomad.md §3.2 (…/plan). */
export interface DesiredUpdates {
  readonly Ignore: number;
  readonly Place: number;
  readonly Migrate: number;
  readonly Stop: number;
  readonly InPlaceUpdate: number;
  readonly DestructiveUpdate: number;
  readonly Canary: number;
  readonly Preemptions: number;
  readonly Disconnect: number;
  readonly Reconnect: number;
  readonly RescheduleNow: number;
  readonly RescheduleLater: number;
}

/** As `job plan` lists them. */
export type PreemptedAllocation = Pick<Allocation, "ID" | "JobID" | "TaskGroup" | "Namespace" | "NodeID" | "Name" | "JobVersion">;

export interface PlanAnnotations {
  readonly DesiredTGUpdates: Readonly<Record<string, DesiredUpdates>>;
  readonly PreemptedAllocs: readonly PreemptedAllocation[];
}
