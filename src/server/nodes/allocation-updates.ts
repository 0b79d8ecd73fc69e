/**
 * What nodes report of their allocations, gathered for a moment and written together: ten thousand allocations that start at once
 * are a few dozen entries of the log. nomad.md §2.5 "Sync".
 *
 *   add ──► open batch ──► (at once when it was quiet, else WINDOW_MS after the last flush) ──► one command, or a few ──► resolved
 *
 * A job whose allocation failed, ended though it should run, or was heard of again, gets an evaluation in the same command: it can never be
 * on record as such with nobody looking.
 */
import { type Allocation, type AllocationClientUpdate, type Evaluation, jobKey, type NodeId } from "#model";
import type { Timer } from "#ports";
import { NamedError } from "#std";
import { commit, evaluationFor, type ServerContext } from "../context.ts";
import { parts } from "../parts.ts";

const WINDOW_MS = 50;
/** Updates and the task events in them, some 200 bytes each. */
const SAID_PER_COMMAND_MAX = 3_000;

export interface AllocationUpdates {
  /** Resolves when committed. Updates of allocations that are not (or no longer) this node's are left out. */
  add(nodeId: NodeId, updates: readonly AllocationClientUpdate[]): Promise<void>;
  close(): void;
}

interface Batch {
  /** By allocation; a later word replaces an earlier one. */
  readonly updates: Map<string, AllocationClientUpdate>;
  readonly done: Promise<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

export function createAllocationUpdates(context: ServerContext): AllocationUpdates {
  let open: Batch | undefined;
  let timer: Timer | undefined;
  let flushedAtMs = -Infinity;

  function flush(): void {
    const batch = open;
    if (batch === undefined) return;
    open = undefined;
    timer = undefined;
    flushedAtMs = context.clock.nowMs();
    write(context, [...batch.updates.values()]).then(batch.resolve, batch.reject);
  }

  return {
    add(nodeId, updates) {
      if (updates.length === 0) return Promise.resolve();
      if (open === undefined) {
        open = newBatch();
        timer = context.clock.after(Math.max(0, flushedAtMs + WINDOW_MS - context.clock.nowMs()), flush);
      }
      for (const update of updates) if (update.NodeID === nodeId) open.updates.set(update.ID, update);
      return open.done;
    },
    close() {
      timer?.cancel();
      // Not written: the node keeps it and tells it again to whoever serves next.
      open?.reject(new NamedError("CLUSTER_CLOSED", "Cannot take status updates: the server is shutting down", { statusCode: 503 }));
      open = undefined;
    },
  };
}

async function write(context: ServerContext, updates: readonly AllocationClientUpdate[]): Promise<void> {
  const commands: Promise<number>[] = [];
  for (const part of parts(known(context, updates), SAID_PER_COMMAND_MAX, said)) {
    const command = { type: "allocations-client-update", Updates: part, Evaluations: evaluationsOf(context, part) } as const;
    commands.push(commit(context, command));
  }
  await Promise.all(commands);
}

function said({ TaskStates }: AllocationClientUpdate): number {
  return Object.values(TaskStates).reduce((sum, { Events }) => sum + 1 + Events.length, 1);
}

function known(context: ServerContext, updates: readonly AllocationClientUpdate[]): AllocationClientUpdate[] {
  const snapshot = context.cluster.state.snapshot();
  return updates.filter((update) => snapshot.allocation(update.ID)?.NodeID === update.NodeID);
}

/**
 * One for each job of which an allocation that should run has failed or ended, or has come back from the unknown. The scheduler decides
 * whether and when it is placed again, and which of two that do the same work stays.
 */
function evaluationsOf(context: ServerContext, updates: readonly AllocationClientUpdate[]): Evaluation[] {
  const snapshot = context.cluster.state.snapshot();
  const byJob = new Map<string, Evaluation>();
  for (const update of updates) {
    const allocation = snapshot.allocation(update.ID);
    const trigger = allocation === undefined ? undefined : triggerOf(allocation, update);
    if (allocation === undefined || trigger === undefined) continue;
    const key = jobKey({ Namespace: allocation.Namespace, ID: allocation.JobID });
    const job = snapshot.job(allocation.Namespace, allocation.JobID);
    // Its stop has its own evaluation; one that came back has to be told.
    if (trigger !== "reconnect" && (job === undefined || job.Stop)) continue;
    // Its return says more than its end.
    if (!byJob.has(key) || trigger === "reconnect") byJob.set(key, evaluationFor(context, job ?? allocation.Job, trigger));
  }
  return [...byJob.values()];
}

function triggerOf(allocation: Allocation, update: AllocationClientUpdate): "alloc-failure" | "alloc-stop" | "reconnect" | undefined {
  if (allocation.ClientStatus === "unknown" && update.ClientStatus !== "unknown") return "reconnect";
  if (update.ClientStatus === allocation.ClientStatus || allocation.DesiredStatus !== "run") return undefined;
  if (update.ClientStatus === "failed") return "alloc-failure";
  // Its node was told to stop it, by what a restored snapshot has undone. Work that ends is done.
  const runsOn = allocation.Job.Type === "service" || allocation.Job.Type === "system";
  return update.ClientStatus === "complete" && runsOn ? "alloc-stop" : undefined;
}

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { updates: new Map(), done: promise, resolve, reject };
}
