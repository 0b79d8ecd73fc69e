/**
 * What a group wants done when its node falls silent, and where its allocations stand with that. nomad.md §1.4, §6.5 items 4, 7 and 9.
 *
 *   running ── node silent ──► unknown ── node is back ──► running      (reconnect.ts decides who stays)
 *                                 └── lost_after passed ──► lost
 *
 *   lost_after             so long it is unknown, not lost
 *   stop_on_client_after   the node stops it by itself: nothing is placed in its stead before that is over
 *   replace                while it is unknown another takes its place, as the reschedule policy allows
 *
 * The fields of old mean the same: max_client_disconnect, stop_after_client_disconnect, prevent_reschedule_on_lost.
 */
import type { Allocation, TaskGroup } from "#model";

export interface Disconnect {
  /** Nanoseconds; 0: lost at once. */
  readonly lostAfterNs: number;
  /** Nanoseconds; null: the node goes on running it. */
  readonly stopOnClientAfterNs: number | null;
  readonly replace: boolean;
  /** best_score | keep_original | keep_replacement | longest_running */
  readonly reconcile: string;
}

const NOTHING: Disconnect = { lostAfterNs: 0, stopOnClientAfterNs: null, replace: true, reconcile: "best_score" };

export function disconnectOf(group: TaskGroup | undefined): Disconnect {
  if (group === undefined) return NOTHING;
  const block = group.Disconnect;
  const stop = block?.StopOnClientAfter ?? group.StopAfterClientDisconnect ?? null;
  return {
    lostAfterNs: block?.LostAfter ?? group.MaxClientDisconnect ?? 0,
    stopOnClientAfterNs: stop === 0 ? null : stop,
    replace: block?.Replace ?? group.PreventRescheduleOnLost !== true,
    reconcile: block === null || block.Reconcile === "" ? "best_score" : block.Reconcile,
  };
}

/** The group of the version it was placed with: what it wants, whatever newer versions want. */
export function placedGroup(allocation: Allocation): TaskGroup | undefined {
  return allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup);
}

/** When it was last taken for unknown, unix nanoseconds; undefined: never. */
export function unknownSinceNs(allocation: Allocation): number | undefined {
  return allocation.AllocStates?.findLast((change) => change.Value === "unknown")?.Time;
}

/** Evaluations come back for it at that time by the clock of whoever planned; the state's may be a little ahead. Nanoseconds. */
const CLOCKS_APART_NS = 1e9;

/** Unknown for longer than its group allows. */
export function isExpired(allocation: Allocation, nowNs: number): boolean {
  const { lostAfterNs } = disconnectOf(placedGroup(allocation));
  const since = unknownSinceNs(allocation);
  return allocation.ClientStatus === "unknown" && lostAfterNs > 0 && since !== undefined && since + lostAfterNs <= nowNs + CLOCKS_APART_NS;
}

/**
 * When a node that is gone has surely stopped it: its own limit and the time its slowest task may take to end. Undefined: it does not
 * stop by itself.
 */
export function stoppedByItselfAtNs(allocation: Allocation, nowNs: number): number | undefined {
  const group = placedGroup(allocation);
  const { stopOnClientAfterNs } = disconnectOf(group);
  if (stopOnClientAfterNs === null) return undefined;
  const slowest = Math.max(0, ...(group?.Tasks ?? []).map((task) => task.KillTimeout ?? 0));
  return nowNs + stopOnClientAfterNs + slowest;
}
