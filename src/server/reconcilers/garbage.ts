/**
 * What is over and old enough goes. Every five minutes by age, or at once and whatever its age when forced (`system gc`).
 *
 *   snapshot ──► which jobs, evaluations, allocations, nodes are garbage? (garbage-rules.ts, pure) ──► reap, node-purge entries
 *
 * Entries stay small (F21). Nodes hear of the allocations that went with their next change.
 */
import { messageOf } from "#std";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Timer } from "#ports";
import { commit, type ServerContext } from "../context.ts";
import { findGarbage, type Garbage, type GarbageCutoffs } from "./garbage-rules.ts";

export interface GarbagePolicy {
  readonly intervalMs: number;
  readonly jobThresholdMs: number;
  readonly evaluationThresholdMs: number;
  readonly batchEvaluationThresholdMs: number;
  readonly nodeThresholdMs: number;
}
const HOUR_MS = 3_600_000;
/** nomad.md §5.2 */
export const DEFAULT_GARBAGE_POLICY: GarbagePolicy = {
  intervalMs: 300_000,
  jobThresholdMs: 4 * HOUR_MS,
  evaluationThresholdMs: HOUR_MS,
  batchEvaluationThresholdMs: 24 * HOUR_MS,
  nodeThresholdMs: 24 * HOUR_MS,
};

/** Ids in one entry: 36 bytes each, so well below 1 MB. */
const IDS_PER_COMMAND_MAX = 4_000;

export interface GarbageCollector {
  /** Everything that is over, now. Rejects when it could not be recorded. */
  force(): Promise<void>;
  close(): void;
}

export function createGarbageCollector(context: ServerContext, policy: GarbagePolicy): GarbageCollector {
  let timer: Timer | undefined;
  let closed = false;
  let last: Promise<void> = Promise.resolve();

  /** One at a time: a second caller waits for the first and then looks again. */
  function collect(cutoffs: () => GarbageCutoffs): Promise<void> {
    const run = last.then(async () => reap(context, await findGarbage(context.cluster.state.snapshot(), cutoffs(), nextTurn)));
    last = run.catch(() => undefined);
    return run;
  }

  function schedule(): void {
    if (closed) return;
    timer = context.clock.after(policy.intervalMs, () => {
      void collect(() => cutoffsByAge(policy, context.clock.nowNs()))
        .catch((thrown: unknown) =>
          context.report({ level: "error", message: "cannot collect garbage", fields: { error: messageOf(thrown) } }),
        )
        .then(schedule);
    });
  }

  schedule();
  return {
    force: () => collect(() => forcedCutoffs()),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

function cutoffsByAge(policy: GarbagePolicy, nowNs: number): GarbageCutoffs {
  return {
    jobNs: nowNs - policy.jobThresholdMs * 1e6,
    evaluationNs: nowNs - policy.evaluationThresholdMs * 1e6,
    batchEvaluationNs: nowNs - policy.batchEvaluationThresholdMs * 1e6,
    nodeNs: nowNs - policy.nodeThresholdMs * 1e6,
  };
}

function forcedCutoffs(): GarbageCutoffs {
  return { jobNs: Infinity, evaluationNs: Infinity, batchEvaluationNs: Infinity, nodeNs: Infinity };
}

/** Jobs before their remains: a crash between leaves records of a job that is gone, never a batch job whose work would be done again. */
async function reap(context: ServerContext, garbage: Garbage): Promise<void> {
  const { state } = context.cluster;
  let [allocations, evaluations] = [garbage.allocations, garbage.evaluations];
  for (const part of parts(garbage.jobs)) {
    // Only those nobody brought back to life meanwhile.
    const dead = part.filter(({ job }) => {
      const stored = state.snapshot().job(job.Namespace, job.ID);
      return stored !== undefined && stored.Status === "dead" && stored.JobModifyIndex === job.JobModifyIndex;
    });
    if (dead.length === 0) continue;
    await commit(context, {
      type: "reap",
      Jobs: dead.map(({ job: { Namespace, ID } }) => ({ Namespace, ID })),
      Evaluations: [],
      Allocations: [],
    });
    allocations = [...allocations, ...dead.flatMap((each) => each.allocations)];
    evaluations = [...evaluations, ...dead.flatMap((each) => each.evaluations)];
  }
  for (const ids of parts(allocations)) await commit(context, { type: "reap", Jobs: [], Evaluations: [], Allocations: ids });
  for (const ids of parts(evaluations)) await commit(context, { type: "reap", Jobs: [], Evaluations: ids, Allocations: [] });
  for (const part of parts(garbage.nodes.filter((id) => state.snapshot().node(id)?.Status === "down"))) {
    await commit(context, { type: "node-purge", NodeIDs: part, Evaluations: [] });
  }
}

function parts<Item>(items: readonly Item[]): Item[][] {
  const result: Item[][] = [];
  for (let start = 0; start < items.length; start += IDS_PER_COMMAND_MAX) result.push(items.slice(start, start + IDS_PER_COMMAND_MAX));
  return result;
}
