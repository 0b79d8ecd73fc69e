/**
 * When does a periodic job launch a child, and what is the child? Pure. nomad.md §1.11, §7 "Periodic".
 *
 *   last tick on record (or when this version was registered) ──► the next tick
 *      in the future              wait for it
 *      due                        launch it
 *      due, but a child still     pass over it (prohibit_overlap): it is put on record as done, so that a restart does not make up for it
 *      runs and must be alone
 *
 * Missed ticks (nobody could launch them for more than MISSED_AFTER_MS) are made up for by one launch, that of the latest of them.
 */
import { periodicActive, type Job, type JobId } from "#model";
import { parseCron, type CronSchedule } from "#std";
import type { Snapshot } from "#state";

/** A tick launched later than this is missed: of several such only the latest is made up for. */
export const MISSED_AFTER_MS = 60_000;

export type PeriodicDecision =
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Unix seconds. */
  | { readonly kind: "launch"; readonly tick: number }
  | { readonly kind: "pass over"; readonly tick: number; readonly running: JobId }
  /** No tick is left, ever. */
  | { readonly kind: "never" };

/** The job's crons as one schedule. Throws NamedErrors CRON_INVALID, TIME_ZONE_UNKNOWN. */
export function scheduleOf(job: Job): CronSchedule {
  const periodic = job.Periodic;
  const expressions = periodic === null ? [] : periodic.Specs.length > 0 ? periodic.Specs : [periodic.Spec];
  const schedules = expressions.map((expression) => parseCron(expression, periodic?.TimeZone ?? ""));
  return {
    next(afterMs) {
      const times = schedules.flatMap((schedule) => schedule.next(afterMs) ?? []);
      return times.length === 0 ? undefined : Math.min(...times);
    },
  };
}

export function decide(snapshot: Snapshot, job: Job, schedule: CronSchedule, nowMs: number): PeriodicDecision {
  const submittedMs = Math.floor(job.SubmitTime / 1e6);
  const sinceMs = Math.max(submittedMs, (snapshot.periodicLaunch(job.Namespace, job.ID) ?? 0) * 1_000);
  const nextMs = schedule.next(sinceMs);
  if (nextMs === undefined) return { kind: "never" };
  if (nextMs > nowMs) return { kind: "wait", untilMs: nextMs };
  const running = job.Periodic?.ProhibitOverlap === true ? runningChild(snapshot, job) : undefined;
  if (running !== undefined) return { kind: "pass over", tick: latestTick(schedule, nextMs, nowMs) / 1_000, running };
  const dueMs = nextMs < nowMs - MISSED_AFTER_MS ? latestTick(schedule, nextMs, nowMs) : nextMs;
  return { kind: "launch", tick: dueMs / 1_000 };
}

/** The child of one tick: everything of its parent's but the schedule. Its id follows from the tick, so a tick has one child at most. */
export function periodicChild(parent: Job, tick: number): Job {
  const id = periodicChildId(parent.ID, tick);
  return {
    ...parent,
    ID: id,
    Name: id,
    ParentID: parent.ID,
    Periodic: null,
    DispatchIdempotencyToken: "",
    Status: "",
    StatusDescription: "",
  };
}

/** `<id>/periodic-<unix>` */
export function periodicChildId(parentId: string, tick: number): JobId {
  return `${parentId}/periodic-${tick}` as JobId;
}

/** The next `count` ticks after `nowMs`, unix seconds. Empty when time launches nothing of it. */
export function ticksAfter(job: Job, nowMs: number, count: number): number[] {
  if (!periodicActive(job)) return [];
  const schedule = scheduleOf(job);
  const ticks: number[] = [];
  for (let next = schedule.next(nowMs); next !== undefined && ticks.length < count; next = schedule.next(next)) ticks.push(next / 1_000);
  return ticks;
}

function runningChild(snapshot: Snapshot, job: Job): JobId | undefined {
  for (const child of snapshot.childJobs(job.Namespace, job.ID)) if (child.Status !== "dead") return child.ID;
  return undefined;
}

/** The last tick that is not after `nowMs`; `tickMs` is one of them. By halving: after a long sleep there may be millions between. */
function latestTick(schedule: CronSchedule, tickMs: number, nowMs: number): number {
  let [latestMs, noneAfterMs] = [tickMs, nowMs];
  while (noneAfterMs - latestMs >= 1_000) {
    const middleMs = Math.floor((latestMs + noneAfterMs) / 2_000) * 1_000;
    const nextMs = schedule.next(middleMs);
    if (nextMs !== undefined && nextMs <= nowMs) latestMs = nextMs;
    else noneAfterMs = middleMs;
  }
  return latestMs;
}
