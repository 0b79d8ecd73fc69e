/**
 * Evaluations that found no room, and what would give them some. A pure data structure.
 *
 *   block ──► waiting ──► capacity(…) returns it: it is tried again
 *                │
 *                ├──► duplicate: another blocked evaluation of its job took its place (to be cancelled on record)
 *                └──► withdrawn: its job was placed in full, or the record is gone
 *   woken, but a newer one of its job is looked at in its place ──► rest ──► waiting   (only for one node: nobody else waits for that)
 *
 * One per job; one per job and node for those that wait for one node (system jobs). What it waits for is a node of a class not
 * known to be unfit: ClassEligibility[class] is true or unknown. When a constraint named a unique attribute any node may do.
 *
 * Between the snapshot an evaluation was planned on and its arrival here capacity may have appeared: the index of the last
 * such change is kept per class, and an evaluation that missed one is returned at once. nomad.md §6.8.
 */
import { jobKey, type Evaluation } from "#model";

/** Room that appeared: nodes (by class and id) that have become usable, changed, or lost an allocation. */
export interface Capacity {
  readonly classes: ReadonlySet<string>;
  readonly nodes: ReadonlySet<string>;
  readonly index: number;
}

export interface Blocked {
  /** `missed`: it must be tried again at once. `duplicate`: the older one of the same job, no longer kept. */
  block(evaluation: Evaluation): { readonly missed: boolean; readonly duplicate: Evaluation | undefined };
  /** Goes on waiting whatever it missed: another one of its job is about to look at that. The answer: a duplicate, as of `block`. */
  rest(evaluation: Evaluation): Evaluation | undefined;
  /** Those that may fit now; they are no longer kept. */
  capacity(change: Capacity): readonly Evaluation[];
  /** Those whose plans lost too many races: worth another try now and then, capacity or not. No longer kept. */
  takePlanConflicts(): readonly Evaluation[];
  /** Those of a job that are kept (in any order). */
  ofJob(namespace: string, jobId: string): readonly Evaluation[];
  withdraw(id: string): void;
  has(id: string): boolean;
  counts(): { readonly total: number; readonly escaped: number };
}

export function createBlocked(): Blocked {
  const byId = new Map<string, Evaluation>();
  /** Line key → id. */
  const byLine = new Map<string, string>();
  const byJob = new Map<string, Set<string>>();
  const escaped = new Set<string>();
  const classIndex = new Map<string, number>();
  const nodeIndex = new Map<string, number>();

  function keep(evaluation: Evaluation): void {
    byId.set(evaluation.ID, evaluation);
    byLine.set(lineKey(evaluation), evaluation.ID);
    const job = jobKey({ Namespace: evaluation.Namespace, ID: evaluation.JobID });
    const ids = byJob.get(job);
    if (ids === undefined) byJob.set(job, new Set([evaluation.ID]));
    else ids.add(evaluation.ID);
    if (evaluation.EscapedComputedClass) escaped.add(evaluation.ID);
  }

  function drop(evaluation: Evaluation): void {
    byId.delete(evaluation.ID);
    const key = lineKey(evaluation);
    if (byLine.get(key) === evaluation.ID) byLine.delete(key);
    const job = jobKey({ Namespace: evaluation.Namespace, ID: evaluation.JobID });
    const ids = byJob.get(job);
    ids?.delete(evaluation.ID);
    if (ids?.size === 0) byJob.delete(job);
    escaped.delete(evaluation.ID);
  }

  /** The older of two in one line goes: who was kept there, dropped now, or the one that comes. */
  function displacedBy(evaluation: Evaluation): Evaluation | undefined {
    const oldId = byLine.get(lineKey(evaluation));
    const old = oldId === undefined ? undefined : byId.get(oldId);
    if (old === undefined) return undefined;
    if (old.ID !== evaluation.ID && old.CreateIndex > evaluation.CreateIndex) return evaluation;
    drop(old);
    return old.ID === evaluation.ID ? undefined : old;
  }

  /** Did room it could use appear after the snapshot it was planned on? */
  function missedOne(evaluation: Evaluation): boolean {
    if (evaluation.NodeID !== "") return (nodeIndex.get(evaluation.NodeID) ?? 0) > evaluation.SnapshotIndex;
    for (const [name, index] of classIndex) {
      if (index > evaluation.SnapshotIndex && mayUse(evaluation, name)) return true;
    }
    return false;
  }

  return {
    block(evaluation) {
      const displaced = displacedBy(evaluation);
      if (displaced === evaluation) return { missed: false, duplicate: evaluation };
      const missed = missedOne(evaluation);
      if (!missed) keep(evaluation);
      return { missed, duplicate: displaced };
    },

    rest(evaluation) {
      const displaced = displacedBy(evaluation);
      if (displaced !== evaluation) keep(evaluation);
      return displaced;
    },

    capacity({ classes, nodes, index }) {
      for (const name of classes) classIndex.set(name, index);
      for (const id of nodes) nodeIndex.set(id, index);
      const fitting: Evaluation[] = [];
      for (const evaluation of byId.values()) {
        const fits = evaluation.NodeID === "" ? usesAny(evaluation, classes) : nodes.has(evaluation.NodeID);
        if (fits) fitting.push(evaluation);
      }
      for (const evaluation of fitting) drop(evaluation);
      return fitting;
    },

    takePlanConflicts() {
      const conflicts = [...byId.values()].filter((evaluation) => evaluation.TriggeredBy === "max-plan-attempts");
      for (const evaluation of conflicts) drop(evaluation);
      return conflicts;
    },

    ofJob(namespace, jobId) {
      const ids = byJob.get(jobKey({ Namespace: namespace, ID: jobId })) ?? [];
      return [...ids].map((id) => byId.get(id)).filter((evaluation) => evaluation !== undefined);
    },

    withdraw(id) {
      const evaluation = byId.get(id);
      if (evaluation !== undefined) drop(evaluation);
    },

    has: (id) => byId.has(id),
    counts: () => ({ total: byId.size, escaped: escaped.size }),
  };
}

/** One evaluation waits per job, or per job and node when it waits for one node. */
function lineKey(evaluation: Evaluation): string {
  return `${jobKey({ Namespace: evaluation.Namespace, ID: evaluation.JobID })}\u0000${evaluation.NodeID}`;
}

function mayUse(evaluation: Evaluation, computedClass: string): boolean {
  return evaluation.EscapedComputedClass || evaluation.ClassEligibility[computedClass] !== false;
}

function usesAny(evaluation: Evaluation, classes: ReadonlySet<string>): boolean {
  if (evaluation.EscapedComputedClass) return classes.size > 0;
  for (const name of classes) if (evaluation.ClassEligibility[name] !== false) return true;
  return false;
}
