/**
 * The queue and the blocked evaluations, kept in step with the state: what the state says waits, waits here.
 *
 *   state change ──► evaluations written ──► pending: queue · blocked: blocked · over: withdrawn
 *               └──► nodes usable, allocations ended ──► capacity ──► blocked ones go (back) into the queue
 *
 * Nothing here is ever written to the log, and nothing is lost by that: at start everything is read back from the state. A blocked
 * evaluation whose nodes or allocations changed since it was planned is then simply tried again.
 *
 * Never here: deciding what an evaluation comes to (worker.ts), writing cancellations (reconcilers/stale-evaluations.ts).
 */
import { clientTerminal, type Evaluation } from "#model";
import type { Clock, Timer } from "#ports";
import type { Change, Snapshot, State } from "#state";
import { createBlocked } from "./blocked.ts";
import { createEvaluationQueue, type Delivery, type Position } from "./queue.ts";

/** Room that appears often is offered at most this often: a thousand ending allocations are one occasion, not a thousand. */
const CAPACITY_EVERY_MS = 50;
const PLAN_CONFLICTS_EVERY_MS = 60_000;

export interface Broker {
  /** The next evaluation to look at, when there is one; undefined once closed. */
  take(): Promise<Delivery | undefined>;
  accept(id: string): void;
  refuse(id: string): void;
  /** Planned again in vain, with nothing to record: goes on waiting, as of `evaluation.SnapshotIndex`. */
  waitOn(evaluation: Evaluation): void;
  blockedOfJob(namespace: string, jobId: string): readonly Evaluation[];
  /** Waiting ones that need not run any more: to be cancelled on record. Each reported once. */
  takeSuperseded(): readonly Evaluation[];
  /** Refused too often: to be failed on record, then accepted. */
  failed(): readonly Evaluation[];
  /** Where an evaluation stands; undefined: nowhere, it is over or unknown. */
  position(id: string): Position | undefined;
  /** By configuration: nothing is handed out. */
  readonly paused: boolean;
  statistics(): Readonly<Record<string, number>>;
  close(): void;
}

export interface BrokerOptions {
  readonly state: State;
  readonly clock: Clock;
  /** Called when `takeSuperseded` or `failed` may have something. */
  readonly onStale: () => void;
}

export function createBroker({ state, clock, onStale }: BrokerOptions): Broker {
  const queue = createEvaluationQueue();
  const blocked = createBlocked();
  const takers: ((delivery: Delivery | undefined) => void)[] = [];
  let duplicates: Evaluation[] = [];
  let paused = state.snapshot().schedulerConfiguration().PauseEvalBroker;
  let closed = false;
  let dueTimer: Timer | undefined;
  let dueAtMs = Infinity;

  let classes = new Set<string>();
  let nodes = new Set<string>();
  let capacityIndex = 0;
  let capacityTimer: Timer | undefined;
  let capacityLastMs = -Infinity;

  function serve(): void {
    const nowMs = clock.nowMs();
    while (!paused && takers.length > 0) {
      const delivery = queue.take(nowMs);
      if (delivery === undefined) break;
      takers.shift()?.(delivery);
    }
    armDue(nowMs);
    gatherSuperseded();
    if (duplicates.length > 0 || superseded.length > 0 || queue.counts().failed > 0) onStale();
  }

  let superseded: Evaluation[] = [];
  /**
   * At once, before anything else changes. Who waits for one node is looked at by the newer one of its job, but nobody takes over its waiting:
   * ended here, room on that node would wake nobody.
   */
  function gatherSuperseded(): void {
    for (const evaluation of queue.takeSuperseded()) {
      if (evaluation.Status !== "blocked" || evaluation.NodeID === "") {
        superseded.push(evaluation);
        continue;
      }
      const duplicate = blocked.rest(evaluation);
      if (duplicate !== undefined) duplicates.push(duplicate);
    }
  }

  /** Only for those who wait for it: what is due while nobody may take it would be due again at once, and again. */
  function armDue(nowMs: number): void {
    const next = queue.nextDueMs();
    if (closed || paused || takers.length === 0 || next === undefined || next >= dueAtMs) return;
    dueTimer?.cancel();
    dueAtMs = next;
    dueTimer = clock.after(Math.max(0, next - nowMs), () => {
      dueAtMs = Infinity;
      serve();
    });
  }

  function block(evaluation: Evaluation): void {
    const { missed, duplicate } = blocked.block(evaluation);
    if (duplicate !== undefined) duplicates.push(duplicate);
    if (missed) queue.offer(evaluation, clock.nowMs());
  }

  function route(evaluation: Evaluation): void {
    if (evaluation.Status === "pending") {
      queue.offer(evaluation, clock.nowMs());
    } else if (evaluation.Status === "blocked") {
      block(evaluation);
    } else {
      queue.withdraw(evaluation.ID, clock.nowMs());
      blocked.withdraw(evaluation.ID);
    }
  }

  function noteCapacity(change: Change): void {
    const before = capacityIndex;
    for (const node of change.nodes) {
      if (node.Status !== "ready" || node.SchedulingEligibility !== "eligible") continue;
      classes.add(node.ComputedClass);
      nodes.add(node.ID);
      capacityIndex = change.index;
    }
    for (const allocation of change.allocations) {
      if (!clientTerminal(allocation) || nodes.has(allocation.NodeID)) continue;
      const node = state.snapshot().node(allocation.NodeID);
      if (node === undefined || node.Status !== "ready") continue;
      classes.add(node.ComputedClass);
      nodes.add(node.ID);
      capacityIndex = change.index;
    }
    if (capacityIndex === before || capacityTimer !== undefined) return;
    const waitMs = Math.max(0, capacityLastMs + CAPACITY_EVERY_MS - clock.nowMs());
    capacityTimer = clock.after(waitMs, offerCapacity);
  }

  function offerCapacity(): void {
    capacityTimer = undefined;
    capacityLastMs = clock.nowMs();
    const change = { classes, nodes, index: capacityIndex };
    classes = new Set();
    nodes = new Set();
    for (const evaluation of blocked.capacity(change)) queue.offer(evaluation, capacityLastMs);
    serve();
  }

  function retryPlanConflicts(): void {
    for (const evaluation of blocked.takePlanConflicts()) queue.offer(evaluation, clock.nowMs());
    serve();
    conflictTimer = clock.after(PLAN_CONFLICTS_EVERY_MS, retryPlanConflicts);
  }

  function observe(change: Change): void {
    noteCapacity(change);
    for (const evaluation of change.evaluations) route(evaluation);
    for (const id of change.goneEvaluations) {
      queue.withdraw(id, clock.nowMs());
      blocked.withdraw(id);
    }
    if (change.command.type === "scheduler-configuration") paused = state.snapshot().schedulerConfiguration().PauseEvalBroker;
    if (change.evaluations.length > 0 || change.goneEvaluations.length > 0 || change.command.type === "scheduler-configuration") serve();
  }

  // Listening before reading: no change falls between.
  const unsubscribe = state.watch.subscribe(observe);
  for (const evaluation of waitingAtStart(state.snapshot())) {
    if (evaluation.retry || evaluation.of.Status === "pending") queue.offer(evaluation.of, clock.nowMs());
    else block(evaluation.of);
  }
  let conflictTimer = clock.after(PLAN_CONFLICTS_EVERY_MS, retryPlanConflicts);
  armDue(clock.nowMs());

  return {
    take() {
      if (closed) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        takers.push(resolve);
        serve();
      });
    },
    accept(id) {
      queue.accept(id, clock.nowMs());
      serve();
    },
    refuse(id) {
      queue.refuse(id, clock.nowMs());
      serve();
    },
    waitOn(evaluation) {
      block(evaluation);
    },
    blockedOfJob: (namespace, jobId) => blocked.ofJob(namespace, jobId),
    takeSuperseded() {
      gatherSuperseded();
      const taken = [...superseded, ...duplicates];
      superseded = [];
      duplicates = [];
      return taken;
    },
    failed: () => queue.failed(),
    position: (id) => queue.position(id) ?? (blocked.has(id) ? { place: "blocked", ahead: 0, dueMs: null } : undefined),
    get paused() {
      return paused;
    },
    statistics() {
      const { ready, inHand, pending, delayed, failed } = queue.counts();
      const { total, escaped } = blocked.counts();
      return {
        "broker.total_ready": ready,
        "broker.total_unacked": inHand,
        "broker.total_pending": pending,
        "broker.total_waiting": delayed,
        "broker.total_failed": failed,
        "blocked_evals.total_blocked": total,
        "blocked_evals.total_escaped": escaped,
      };
    },
    close() {
      closed = true;
      unsubscribe();
      dueTimer?.cancel();
      capacityTimer?.cancel();
      conflictTimer.cancel();
      for (const taker of takers.splice(0)) taker(undefined);
    },
  };
}

/** Everything that waited when the last server stopped. `retry`: room may have appeared that nobody here saw appear. */
function* waitingAtStart(snapshot: Snapshot): Generator<{ readonly of: Evaluation; readonly retry: boolean }> {
  const capacityIndex = snapshot.tableIndex("nodes", "allocations");
  for (const evaluation of snapshot.evaluations()) {
    if (evaluation.Status === "pending") yield { of: evaluation, retry: false };
    else if (evaluation.Status === "blocked") yield { of: evaluation, retry: capacityIndex > evaluation.SnapshotIndex };
  }
}
