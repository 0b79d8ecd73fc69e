/**
 * Launches the children of periodic jobs when their time comes.
 *
 *   state ──► which jobs, which last ticks ──► decide (periodic-rules.ts, pure) ──► child + its evaluation + the tick: one entry
 *
 * Everything is read from the state: killed at any moment, the next server goes on where the record ends, and since a child and the
 * note that its tick is done are one entry, no tick has two children and none is lost (F19). A job that cannot be launched is reported
 * and left alone; the others never wait for it (F20).
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { jobKey, periodicActive, type EvaluationId, type Job } from "#model";
import type { Timer } from "#ports";
import { createHeap, messageOf, type CronSchedule } from "#std";
import type { Change, Outcome } from "#state";
import { evaluationFor, type ServerContext } from "../context.ts";
import { decide, periodicChild, scheduleOf } from "./periodic-rules.ts";

/** Looked at at least this often: a clock may have been set, a machine may have slept. */
const LOOK_EVERY_MS = 600_000;
const RETRY_MS = 1_000;
/** Reading a schedule costs up to a millisecond. */
const BREATHE_EVERY = 20;

export interface PeriodicLauncher {
  /** Jobs that time launches. */
  readonly tracked: number;
  /** Resolves once every job that was there at the start is tracked. */
  readonly ready: Promise<void>;
  close(): void;
}

interface Tracked {
  readonly key: string;
  job: Job;
  readonly schedule: CronSchedule;
  dueMs: number;
  busy: boolean;
}

export function createPeriodicLauncher(context: ServerContext): PeriodicLauncher {
  const { clock, cluster, report } = context;
  const tracked = new Map<string, Tracked>();
  /** A stale reference (its time was moved, or the job is gone) is told by its time. */
  const due = createHeap<{ readonly of: Tracked; readonly dueMs: number }>((a, b) => a.dueMs < b.dueMs);
  let timer: Timer | undefined;
  let timerAtMs = Infinity;
  let closed = false;

  function track(job: Job): void {
    const key = jobKey(job);
    const known = tracked.get(key);
    if (!periodicActive(job)) {
      tracked.delete(key);
    } else if (known?.job.JobModifyIndex === job.JobModifyIndex && known.job.CreateIndex === job.CreateIndex) {
      known.job = job;
    } else {
      tracked.delete(key);
      const schedule = readSchedule(job);
      if (schedule === undefined) return;
      const now = { key, job, schedule, dueMs: 0, busy: false };
      tracked.set(key, now);
      put(now, clock.nowMs());
    }
  }

  function readSchedule(job: Job): CronSchedule | undefined {
    try {
      return scheduleOf(job);
    } catch (thrown) {
      cannot("read the schedule of", job, thrown);
      return undefined;
    }
  }

  function put(of: Tracked, dueMs: number): void {
    of.dueMs = dueMs;
    if (dueMs === Infinity) return;
    due.push({ of, dueMs });
    arm(dueMs);
  }

  function arm(dueMs: number): void {
    const nowMs = clock.nowMs();
    const atMs = Math.min(dueMs, nowMs + LOOK_EVERY_MS);
    if (closed || atMs >= timerAtMs) return;
    timer?.cancel();
    timerAtMs = atMs;
    timer = clock.after(Math.max(0, atMs - nowMs), look);
  }

  function look(): void {
    timerAtMs = Infinity;
    const nowMs = clock.nowMs();
    for (let top = due.peek(); top !== undefined && (top.dueMs <= nowMs || !waitsFor(top)); top = due.peek()) {
      due.pop();
      if (waitsFor(top)) void step(top.of);
    }
    const next = due.peek();
    if (next !== undefined) arm(next.dueMs);
  }

  function waitsFor({ of, dueMs }: { readonly of: Tracked; readonly dueMs: number }): boolean {
    return tracked.get(of.key) === of && of.dueMs === dueMs && !of.busy;
  }

  async function step(of: Tracked): Promise<void> {
    of.busy = true;
    let againMs: number;
    try {
      againMs = await act(of);
    } catch (thrown) {
      if (!closed) cannot("launch", of.job, thrown);
      againMs = clock.nowMs() + RETRY_MS;
    }
    of.busy = false;
    if (!closed && tracked.get(of.key) === of) put(of, againMs);
  }

  /** One decision, carried out. Resolves with when to look at the job again. */
  async function act({ job, schedule }: Tracked): Promise<number> {
    const nowMs = clock.nowMs();
    const decision = decide(cluster.state.snapshot(), job, schedule, nowMs);
    if (decision.kind === "never") return Infinity;
    if (decision.kind === "wait") return decision.untilMs;
    const { tick } = decision;
    if (decision.kind === "pass over") {
      report({
        level: "info",
        message: "periodic job not launched: it still runs",
        fields: { job: job.ID, tick, running: decision.running },
      });
      return (await noted(job, tick)) ? nowMs : afterRefusal(schedule, nowMs);
    }
    const launched = await launch(context, job, tick, true);
    if (launched.ok) return nowMs;
    // Its id is taken: somebody forced a launch in this very second, and this is it.
    if (launched.code === "conflict") return (await noted(job, tick)) ? nowMs : afterRefusal(schedule, nowMs);
    cannot("launch", job, new Error(launched.reason));
    return afterRefusal(schedule, nowMs);
  }

  async function noted({ Namespace, ID }: Job, tick: number): Promise<boolean> {
    const outcome = await cluster.propose({ type: "periodic-launch", Launch: { Namespace, JobID: ID, Launch: tick } });
    return outcome.ok;
  }

  /** The state will not have it, and will not have it again: the next tick is another matter. */
  function afterRefusal(schedule: CronSchedule, nowMs: number): number {
    return schedule.next(nowMs) ?? Infinity;
  }

  function cannot(what: string, job: Job, thrown: unknown): void {
    report({
      level: "error",
      message: `cannot ${what} periodic job`,
      fields: { namespace: job.Namespace, job: job.ID, error: messageOf(thrown) },
    });
  }

  function observe(change: Change): void {
    for (const job of change.jobs) if (job.Periodic !== null) track(job);
    for (const gone of change.goneJobs) if (tracked.size > 0) tracked.delete(jobKey(gone));
  }

  async function trackAll(): Promise<void> {
    let read = 0;
    for (const job of cluster.state.snapshot().jobs("*")) {
      if (closed) return;
      if (job.Periodic === null) continue;
      // It may have changed while this waited.
      const now = cluster.state.snapshot().job(job.Namespace, job.ID);
      if (now !== undefined) track(now);
      if (++read % BREATHE_EVERY === 0) await nextTurn();
    }
  }

  // Listening before reading: no job falls between.
  const unsubscribe = cluster.state.watch.subscribe(observe);
  const ready = trackAll();

  return {
    get tracked() {
      return tracked.size;
    },
    ready,
    close() {
      closed = true;
      unsubscribe();
      timer?.cancel();
    },
  };
}

/** Registers the tick's child together with its evaluation and, when it is a tick of the schedule, the note that it is done. */
export async function launch(
  context: ServerContext,
  parent: Job,
  tick: number,
  scheduled: boolean,
): Promise<{ readonly ok: true; readonly index: number; readonly evaluationId: EvaluationId } | Extract<Outcome, { ok: false }>> {
  const child = periodicChild(parent, tick);
  const evaluation = evaluationFor(context, child, "periodic-job");
  const outcome = await context.cluster.propose({
    type: "job-register",
    Job: child,
    Submission: null,
    Evaluation: evaluation,
    EnforceIndex: 0,
    PreserveCounts: false,
    ...(scheduled ? { PeriodicLaunch: { Namespace: parent.Namespace, JobID: parent.ID, Launch: tick } } : {}),
  });
  if (!outcome.ok) return outcome;
  return { ok: true, index: outcome.index, evaluationId: evaluation.ID };
}
