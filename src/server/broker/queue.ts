/**
 * Which evaluation is looked at next. A pure data structure: time comes in as an argument, nothing is started here.
 *
 *            offer                 due                    take               accept
 *   (new) ─────────► delayed ─────────────► ready ───────────────► in hand ─────────► (gone)
 *            │                               ▲                      │    ▲
 *            │  its job is taken             │ accept of the other  │    │ hand back
 *            └───────────────► pending ──────┘                      │    │
 *                                 │ a newer one took its place      ├──► delayed (refused, tries left; keeps its job)
 *                                 └─────────► (superseded)          └──► failed  (refused DELIVERIES_MAX times; keeps its job)
 *
 * Invariants (asserted, and held to by property tests):
 * - at most one evaluation of a job is ready, in hand, refused or failed: two workers never plan one job at once;
 * - whatever was offered is in exactly one place until it is accepted, superseded or withdrawn: nothing is lost.
 *
 * Ready ones go by priority (higher first), then by age (CreateIndex). nomad.md §6.8. There is no delivery deadline: workers
 * live in this process and always answer; a dead process restores its queue from the state.
 */
import assert from "node:assert";
import { jobKey, type Evaluation } from "#model";
import { createHeap, type Heap } from "#std";

export const DELIVERIES_MAX = 3;
const FIRST_REFUSAL_DELAY_MS = 1_000;
const LATER_REFUSAL_DELAY_MS = 20_000;

/** An evaluation in a worker's hand. */
export interface Delivery {
  readonly evaluation: Evaluation;
  /** 1 for the first. */
  readonly attempt: number;
}

/** Where an evaluation stands, and how many come before it. */
export interface Position {
  readonly place: "ready" | "pending" | "delayed" | "in hand" | "failed" | "blocked";
  /** Evaluations that are taken before it, as things are: for a pending one the one of its own job, and those before that. */
  readonly ahead: number;
  /** Delayed: when it is due, unix milliseconds. */
  readonly dueMs: number | null;
}

export interface EvaluationQueue {
  /** An evaluation to be looked at, at once or from its WaitUntil on. Offering a known one again is harmless. */
  offer(evaluation: Evaluation, nowMs: number): void;
  /** The best ready one, which is then in hand. */
  take(nowMs: number): Delivery | undefined;
  /** Done with it. Its job's newest pending one becomes ready; the rest of them are superseded. */
  accept(id: string, nowMs: number): void;
  /** Could not be processed: comes back after a delay, or is failed after DELIVERIES_MAX tries. */
  refuse(id: string, nowMs: number): void;
  /** It no longer waits in the state. In hand, refused by then or failed: the holder's `accept` ends it. */
  withdraw(id: string, nowMs: number): void;
  /** Those refused too often; they stay failed until accepted (once that is on record). */
  failed(): readonly Evaluation[];
  /** Pending ones a newer one of their job replaced, each reported once. */
  takeSuperseded(): readonly Evaluation[];
  /** When the next delayed one is due; undefined: none. */
  nextDueMs(): number | undefined;
  knows(id: string): boolean;
  /** For people who ask; costs a walk over what is ready. */
  position(id: string): Position | undefined;
  counts(): {
    readonly ready: number;
    readonly inHand: number;
    readonly pending: number;
    readonly delayed: number;
    readonly failed: number;
  };
}

type Place = "delayed" | "pending" | "ready" | "in hand" | "failed";

interface Entry {
  evaluation: Evaluation;
  place: Place;
  deliveries: number;
  dueMs: number;
  /** Raised when the entry leaves a heap early, so that the heap's stale reference is told from a live one. */
  ticket: number;
  /** Offered again while in hand: the newer value goes back in once this one is accepted. */
  again: Evaluation | undefined;
}
interface Line {
  holder: Entry | undefined;
  pending: Entry[];
}
interface Ticket {
  readonly entry: Entry;
  readonly ticket: number;
}

export function createEvaluationQueue(): EvaluationQueue {
  const entries = new Map<string, Entry>();
  const lines = new Map<string, Line>();
  const ready: Heap<Ticket> = createHeap((a, b) => readyBefore(a.entry.evaluation, b.entry.evaluation));
  const delayed: Heap<Ticket> = createHeap((a, b) => a.entry.dueMs < b.entry.dueMs);
  let superseded: Evaluation[] = [];
  const counts = { ready: 0, "in hand": 0, pending: 0, delayed: 0, failed: 0 };

  function place(entry: Entry, to: Place): void {
    counts[entry.place]--;
    entry.place = to;
    counts[to]++;
    entry.ticket++;
    if (to === "ready") ready.push({ entry, ticket: entry.ticket });
    if (to === "delayed") delayed.push({ entry, ticket: entry.ticket });
  }

  function forget(entry: Entry): void {
    counts[entry.place]--;
    entry.ticket++;
    entries.delete(entry.evaluation.ID);
  }

  function lineOf(evaluation: Evaluation): Line {
    const key = lineKey(evaluation);
    let line = lines.get(key);
    if (line === undefined) lines.set(key, (line = { holder: undefined, pending: [] }));
    return line;
  }

  /** Into its job's line: ready if the line is free, else pending. A refused one already holds its line. */
  function admit(entry: Entry): void {
    const line = lineOf(entry.evaluation);
    if (line.holder === undefined || line.holder === entry) {
      line.holder = entry;
      place(entry, "ready");
    } else {
      line.pending.push(entry);
      place(entry, "pending");
    }
  }

  function release(evaluation: Evaluation): void {
    const key = lineKey(evaluation);
    const line = lines.get(key);
    assert(line !== undefined, `the line of evaluation ${evaluation.ID} exists while it holds it`);
    line.holder = undefined;
    if (line.pending.length === 0) {
      lines.delete(key);
      return;
    }
    const next = line.pending.reduce((best, entry) => (pendingBefore(entry.evaluation, best.evaluation) ? entry : best));
    for (const entry of line.pending) {
      if (entry === next) continue;
      superseded.push(entry.evaluation);
      forget(entry);
    }
    line.pending = [];
    admit(next);
  }

  function admitDue(nowMs: number): void {
    for (let top = delayed.peek(); top !== undefined; top = delayed.peek()) {
      if (top.ticket === top.entry.ticket && top.entry.dueMs > nowMs) return;
      delayed.pop();
      if (top.ticket === top.entry.ticket) admit(top.entry);
    }
  }

  function readyBeforeEntry(of: Entry): number {
    let ahead = 0;
    for (const entry of entries.values()) {
      if (entry !== of && entry.place === "ready" && readyBefore(entry.evaluation, of.evaluation)) ahead++;
    }
    return ahead;
  }

  function held(id: string): Entry {
    const entry = entries.get(id);
    assert(entry !== undefined && (entry.place === "in hand" || entry.place === "failed"), `evaluation ${id} is in hand`);
    return entry;
  }

  const queue: EvaluationQueue = {
    offer(evaluation, nowMs) {
      const known = entries.get(evaluation.ID);
      if (known !== undefined) {
        if (known.place === "in hand") known.again = evaluation;
        else known.evaluation = { ...evaluation, Priority: known.evaluation.Priority, CreateIndex: known.evaluation.CreateIndex };
        return;
      }
      const entry: Entry = { evaluation, place: "delayed", deliveries: 0, dueMs: 0, ticket: 0, again: undefined };
      entries.set(evaluation.ID, entry);
      counts.delayed++;
      entry.dueMs = dueMs(evaluation);
      if (entry.dueMs > nowMs) place(entry, "delayed");
      else admit(entry);
    },

    take(nowMs) {
      admitDue(nowMs);
      for (let top = ready.pop(); top !== undefined; top = ready.pop()) {
        if (top.ticket !== top.entry.ticket) continue;
        const { entry } = top;
        entry.deliveries++;
        place(entry, "in hand");
        assert(lineOf(entry.evaluation).holder === entry, `evaluation ${entry.evaluation.ID} holds its job's line`);
        return { evaluation: entry.evaluation, attempt: entry.deliveries };
      }
      return undefined;
    },

    accept(id, nowMs) {
      const entry = held(id);
      forget(entry);
      release(entry.evaluation);
      if (entry.again !== undefined) queue.offer(entry.again, nowMs);
    },

    refuse(id, nowMs) {
      const entry = held(id);
      assert(entry.place === "in hand", `evaluation ${id} is refused by the worker that has it`);
      if (entry.again !== undefined) {
        entry.evaluation = entry.again;
        entry.again = undefined;
      }
      if (entry.deliveries >= DELIVERIES_MAX) {
        place(entry, "failed");
        return;
      }
      entry.dueMs = nowMs + (entry.deliveries === 1 ? FIRST_REFUSAL_DELAY_MS : (entry.deliveries - 1) * LATER_REFUSAL_DELAY_MS);
      place(entry, "delayed");
    },

    withdraw(id, _nowMs) {
      const entry = entries.get(id);
      if (entry === undefined) return;
      entry.again = undefined;
      if (entry.place === "in hand" || entry.place === "failed") return;
      const line = lines.get(lineKey(entry.evaluation));
      forget(entry);
      if (line === undefined) return;
      if (line.holder === entry) release(entry.evaluation);
      else line.pending = line.pending.filter((other) => other !== entry);
    },

    failed: () =>
      counts.failed === 0 ? [] : [...entries.values()].filter((entry) => entry.place === "failed").map((entry) => entry.evaluation),

    takeSuperseded() {
      const taken = superseded;
      superseded = [];
      return taken;
    },

    nextDueMs() {
      for (let top = delayed.peek(); top !== undefined; top = delayed.peek()) {
        if (top.ticket === top.entry.ticket) return top.entry.dueMs;
        delayed.pop();
      }
      return undefined;
    },

    knows: (id) => entries.has(id),
    position(id) {
      const entry = entries.get(id);
      if (entry === undefined) return undefined;
      const { place } = entry;
      if (place !== "ready" && place !== "pending") return { place, ahead: 0, dueMs: place === "delayed" ? entry.dueMs : null };
      if (place === "ready") return { place, ahead: readyBeforeEntry(entry), dueMs: null };
      const holder = lines.get(lineKey(entry.evaluation))?.holder;
      const ofHolder = holder?.place === "ready" ? readyBeforeEntry(holder) : 0;
      return { place, ahead: ofHolder + 1, dueMs: null };
    },
    counts: () => ({
      ready: counts.ready,
      inHand: counts["in hand"],
      pending: counts.pending,
      delayed: counts.delayed,
      failed: counts.failed,
    }),
  };
  return queue;
}

/** System evaluations that wait for one node each have a line of their own only when they are blocked; here a job is a job. */
function lineKey(evaluation: Evaluation): string {
  return jobKey({ Namespace: evaluation.Namespace, ID: evaluation.JobID });
}

function readyBefore(a: Evaluation, b: Evaluation): boolean {
  if (a.Priority !== b.Priority) return a.Priority > b.Priority;
  if (a.CreateIndex !== b.CreateIndex) return a.CreateIndex < b.CreateIndex;
  return a.ID < b.ID;
}

/** Of several waiting for one job the newest knows most; the rest need not run. */
function pendingBefore(a: Evaluation, b: Evaluation): boolean {
  if (a.Priority !== b.Priority) return a.Priority > b.Priority;
  if (a.ModifyIndex !== b.ModifyIndex) return a.ModifyIndex > b.ModifyIndex;
  return a.ID > b.ID;
}

function dueMs(evaluation: Evaluation): number {
  if (evaluation.WaitUntil === null) return 0;
  const due = Date.parse(evaluation.WaitUntil);
  return Number.isNaN(due) ? 0 : due;
}
