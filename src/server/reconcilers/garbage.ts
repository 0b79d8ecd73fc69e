/**
 * What is over and old enough goes. Every five minutes by age, or at once and whatever its age when forced (`system gc`).
 *
 *   snapshot ──► which jobs, evaluations, allocations, deployments, nodes are garbage? (garbage-rules.ts, pure)
 *                  └──► what of them shall still be told? (../why/past.ts, pure) ──► reap, node-purge entries
 *
 * Entries stay small (F21). Nodes hear of the allocations that went with their next change.
 */
import { PAST_REASONS_MAX } from "#model";
import { messageOf } from "#std";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Timer } from "#ports";
import type { Command, Snapshot } from "#state";
import { commit, type ServerContext } from "../context.ts";
import { removeGateways } from "../operations/mesh-gateways.ts";
import { parts } from "../parts.ts";
import { pastOf } from "../why/past.ts";
import { findGarbage, type Garbage, type GarbageCutoffs, type Remains } from "./garbage-rules.ts";

export interface GarbagePolicy {
  readonly intervalMs: number;
  readonly jobThresholdMs: number;
  readonly evaluationThresholdMs: number;
  readonly batchEvaluationThresholdMs: number;
  readonly deploymentThresholdMs: number;
  readonly nodeThresholdMs: number;
}
const HOUR_MS = 3_600_000;
/** nomad.md §5.2 */
export const DEFAULT_GARBAGE_POLICY: GarbagePolicy = {
  intervalMs: 300_000,
  jobThresholdMs: 4 * HOUR_MS,
  evaluationThresholdMs: HOUR_MS,
  batchEvaluationThresholdMs: 24 * HOUR_MS,
  deploymentThresholdMs: HOUR_MS,
  nodeThresholdMs: 24 * HOUR_MS,
};

/** Ids in one entry: 36 bytes each, so well below 1 MB. */
const IDS_PER_COMMAND_MAX = 4_000;
/** Records that may have something to tell: a reason is up to 1 KB. */
const TELLING_PER_COMMAND_MAX = 500;

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
    const run = last.then(async () => {
      const snapshot = context.cluster.state.snapshot();
      await reap(context, snapshot, await findGarbage(snapshot, cutoffs(), nextTurn));
    });
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
    deploymentNs: nowNs - policy.deploymentThresholdMs * 1e6,
    nodeNs: nowNs - policy.nodeThresholdMs * 1e6,
  };
}

function forcedCutoffs(): GarbageCutoffs {
  return { jobNs: Infinity, evaluationNs: Infinity, batchEvaluationNs: Infinity, deploymentNs: Infinity, nodeNs: Infinity };
}

/**
 * Jobs before their remains: a crash between leaves records of a job that is gone, never a batch job whose work would be done again.
 * What is to be told goes in the same entry as the job, or as the record that tells it.
 */
async function reap(context: ServerContext, snapshot: Snapshot, garbage: Garbage): Promise<void> {
  const { state } = context.cluster;
  const mute: Remains[] = [];
  for (const part of parts(garbage.jobs, TELLING_PER_COMMAND_MAX, reasonsOf)) {
    // Only those nobody brought back to life meanwhile.
    const dead = part.filter(({ job }) => {
      const stored = state.snapshot().job(job.Namespace, job.ID);
      return stored !== undefined && stored.Status === "dead" && stored.JobModifyIndex === job.JobModifyIndex;
    });
    if (dead.length === 0) continue;
    const Jobs = dead.map(({ job: { Namespace, ID } }) => ({ Namespace, ID }));
    await commit(context, reapCommand({ Jobs, Past: dead.flatMap((each) => tell(snapshot, each)) }));
    for (const { job } of dead) removeGateways(context, job);
    mute.push(...dead);
  }
  for (const Allocations of parts(
    mute.flatMap((each) => each.allocations),
    IDS_PER_COMMAND_MAX,
  ))
    await commit(context, reapCommand({ Allocations }));
  for (const Evaluations of parts(
    mute.flatMap((each) => each.evaluations),
    IDS_PER_COMMAND_MAX,
  ))
    await commit(context, reapCommand({ Evaluations }));
  for (const Deployments of parts(
    mute.flatMap((each) => each.deployments),
    IDS_PER_COMMAND_MAX,
  ))
    await commit(context, reapCommand({ Deployments }));

  for (const Allocations of parts(garbage.allocations, TELLING_PER_COMMAND_MAX)) {
    await commit(context, reapCommand({ Allocations, Past: tell(snapshot, { ...NOTHING, allocations: Allocations }) }));
  }
  for (const Evaluations of parts(garbage.evaluations, TELLING_PER_COMMAND_MAX)) {
    await commit(context, reapCommand({ Evaluations, Past: tell(snapshot, { ...NOTHING, evaluations: Evaluations }) }));
  }
  for (const Deployments of parts(garbage.deployments, TELLING_PER_COMMAND_MAX)) {
    await commit(context, reapCommand({ Deployments, Past: tell(snapshot, { ...NOTHING, deployments: Deployments }) }));
  }
  const down = garbage.nodes.filter((id) => state.snapshot().node(id)?.Status === "down");
  for (const part of parts(down, IDS_PER_COMMAND_MAX)) {
    await commit(context, { type: "node-purge", NodeIDs: part, Evaluations: [] });
  }
}

type Reap = Extract<Command, { type: "reap" }>;
const NOTHING: Remains = { evaluations: [], allocations: [], deployments: [] };

function reapCommand(of: Partial<Reap>): Reap {
  return { type: "reap", Jobs: [], Evaluations: [], Allocations: [], ...of };
}

function tell(snapshot: Snapshot, remains: Remains): ReturnType<typeof pastOf> {
  return pastOf(snapshot, {
    allocations: remains.allocations.flatMap((id) => snapshot.allocation(id) ?? []),
    evaluations: remains.evaluations.flatMap((id) => snapshot.evaluation(id) ?? []),
    deployments: remains.deployments.flatMap((id) => snapshot.deployment(id) ?? []),
  });
}

/** At most; a job is worth its name even if it has nothing to tell. */
function reasonsOf({ evaluations, allocations, deployments }: Remains): number {
  return 1 + Math.min(PAST_REASONS_MAX, evaluations.length + allocations.length + deployments.length);
}
