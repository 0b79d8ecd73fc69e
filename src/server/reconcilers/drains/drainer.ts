/**
 * Draining nodes are emptied, and drains end. Everything it goes by is in the state: strategy, deadline and marks survive any
 * restart, and so does the drain. nomad.md §6.11.
 *
 *   change, deadline, start ──► node marked ──► (gathered) ──► node-step.ts ──► leaves now: DesiredTransition.Migrate ─┐
 *                           └─► job marked ───────────────► group-budget.ts ──► leaves now: DesiredTransition.Migrate ─┤
 *                                                                      a node-drain evaluation of each job, same entry ◄┘
 *                                                             └──► complete: strategy gone, LastDrain, node event
 *
 * The scheduler stops and replaces what is marked; the node stops it and says when it is over. Nothing is assumed in between.
 */
import { type Allocation, type DesiredTransition, type Evaluation, jobKey, type LastDrain, type Node, type NodeId } from "#model";
import type { Timer } from "#ports";
import { messageOf } from "#std";
import type { Change } from "#state";
import { commit, evaluationFor, type ServerContext } from "../../context.ts";
import { refused } from "../../errors.ts";
import { nodeEvent } from "../../nodes/admit.ts";
import { leavingOf } from "./group-budget.ts";
import { leavesForGood, stepNodeDrain } from "./node-step.ts";

const GATHER_MS = 250;
const RETRY_MS = 5_000;
/** Marks in one entry. */
const PER_COMMAND_MAX = 500;

export interface Drainer {
  /** Nodes that are draining. */
  readonly draining: number;
  close(): void;
}

export function createDrainer(context: ServerContext): Drainer {
  const { state } = context.cluster;
  /** The draining nodes, and the timers of their deadlines. */
  const draining = new Map<NodeId, Timer | undefined>();
  /** Jobs with services that wait on draining nodes for what their groups can spare. */
  const waiting = new Map<string, { readonly namespace: string; readonly id: string }>();
  let markedNodes = new Set<NodeId>();
  let markedJobs = new Set<string>();
  let gathering: Timer | undefined;
  let working = false;
  let closed = false;

  function gather(delayMs: number = GATHER_MS): void {
    if (closed || working || gathering !== undefined || markedNodes.size + markedJobs.size === 0) return;
    gathering = context.clock.after(delayMs, () => {
      gathering = undefined;
      void work();
    });
  }

  async function work(): Promise<void> {
    working = true;
    const [nodes, jobs] = [markedNodes, markedJobs];
    markedNodes = new Set();
    markedJobs = new Set();
    try {
      for (const id of nodes) await lookAtNode(id, jobs);
      for (const key of jobs) await lookAtJob(key);
      working = false;
      gather();
    } catch (thrown) {
      for (const id of nodes) markedNodes.add(id);
      for (const key of jobs) markedJobs.add(key);
      working = false;
      if (closed) return;
      context.report({ level: "error", message: "drain could not be moved on: trying again", fields: { error: messageOf(thrown) } });
      gather(RETRY_MS);
    }
  }

  async function lookAtNode(id: NodeId, jobs: Set<string>): Promise<void> {
    if (!draining.has(id)) return;
    const snapshot = state.snapshot();
    const node = snapshot.node(id);
    if (node === undefined || node.DrainStrategy === null) return forget(id);
    const nowMs = context.clock.nowMs();
    const step = stepNodeDrain({ node, allocations: [...snapshot.allocationsByNode(id)], nowMs });
    draining.get(id)?.cancel();
    draining.set(id, step.wakeAtMs === null ? undefined : context.clock.after(step.wakeAtMs - nowMs, () => markNode(id)));
    for (const { Namespace, JobID } of step.byBudget) {
      const key = jobKey({ Namespace, ID: JobID });
      waiting.set(key, { namespace: Namespace, id: JobID });
      jobs.add(key);
    }
    if (step.complete) await complete(node, step.deadlinePassed);
    else await leave(step.migrate);
  }

  async function lookAtJob(key: string): Promise<void> {
    const names = waiting.get(key);
    if (names === undefined) return;
    const snapshot = state.snapshot();
    const job = snapshot.job(names.namespace, names.id);
    const groups = Map.groupBy(snapshot.allocationsByJob(names.namespace, names.id), ({ TaskGroup }) => TaskGroup);
    const leaving: Allocation[] = [];
    let waits = false;
    for (const [name, allocations] of groups) {
      const group = job?.Stop === true ? undefined : job?.TaskGroups.find((each) => each.Name === name);
      const now = leavingOf({ group, allocations, draining: (id) => draining.has(id as NodeId) });
      leaving.push(...now);
      waits ||= allocations.some((each) => draining.has(each.NodeID) && each.DesiredStatus === "run");
    }
    if (!waits) waiting.delete(key);
    await leave(leaving);
  }

  async function leave(allocations: readonly Allocation[]): Promise<void> {
    for (let start = 0; start < allocations.length; start += PER_COMMAND_MAX) {
      const part = allocations.slice(start, start + PER_COMMAND_MAX);
      await commit(context, {
        type: "allocations-desired-transition",
        Transitions: Object.fromEntries(part.map((each) => [each.ID, transitionOf(each)])),
        Evaluations: evaluationsOf(context, part),
      });
    }
  }

  async function complete(node: Node, deadlinePassed: boolean): Promise<void> {
    const nowMs = context.clock.nowMs();
    const event = nodeEvent("Node drain complete", "Drain", nowMs);
    const outcome = await context.cluster.propose({
      type: "node-drain",
      NodeID: node.ID,
      DrainStrategy: null,
      MarkEligible: false,
      LastDrain: endedDrain(node, "complete", nowMs),
      // Somebody may have given it another drain meanwhile: that one is not over by this look.
      EnforceIndex: node.ModifyIndex,
      Event: deadlinePassed ? { ...event, Details: { deadline_reached: "true" } } : event,
      Evaluations: [],
    });
    if (!outcome.ok && outcome.code === "conflict") {
      markedNodes.add(node.ID);
      return;
    }
    if (!outcome.ok) throw refused(outcome);
    context.report({ level: "info", message: "drain complete", fields: { node: node.ID, deadlinePassed } });
  }

  function markNode(id: NodeId): void {
    markedNodes.add(id);
    gather();
  }

  function forget(id: NodeId): void {
    draining.get(id)?.cancel();
    draining.delete(id);
  }

  function observe(change: Change): void {
    for (const node of change.nodes) {
      if (node.DrainStrategy === null) forget(node.ID);
      else {
        if (!draining.has(node.ID)) draining.set(node.ID, undefined);
        markedNodes.add(node.ID);
      }
    }
    for (const id of change.goneNodes) forget(id);
    if (draining.size === 0) return;
    for (const allocation of [...change.allocations, ...change.goneAllocations]) {
      if (draining.has(allocation.NodeID)) markedNodes.add(allocation.NodeID);
      const key = jobKey({ Namespace: allocation.Namespace, ID: allocation.JobID });
      if (waiting.has(key)) markedJobs.add(key);
    }
    for (const job of [...change.jobs, ...change.goneJobs]) if (waiting.has(jobKey(job))) markedJobs.add(jobKey(job));
    gather();
  }

  // Listening before reading: no change falls between.
  const unsubscribe = state.watch.subscribe(observe);
  for (const node of state.snapshot().nodes()) {
    if (node.DrainStrategy === null) continue;
    draining.set(node.ID, undefined);
    markedNodes.add(node.ID);
  }
  gather();

  return {
    get draining() {
      return draining.size;
    },
    close() {
      closed = true;
      unsubscribe();
      gathering?.cancel();
      for (const id of draining.keys()) forget(id);
    },
  };
}

/** The record of a drain that has ended. */
export function endedDrain(node: Pick<Node, "DrainStrategy" | "LastDrain">, status: "complete" | "canceled", nowMs: number): LastDrain {
  const at = new Date(nowMs).toISOString();
  const begun = node.LastDrain ?? { StartedAt: node.DrainStrategy?.StartedAt ?? at, AccessorID: "", Meta: {} };
  return { ...begun, UpdatedAt: at, Status: status };
}

function transitionOf(allocation: Allocation): DesiredTransition {
  return leavesForGood(allocation) ? { Migrate: true, MigrateDisablePlacement: true } : { Migrate: true };
}

/** One of each job. */
function evaluationsOf(context: ServerContext, allocations: readonly Allocation[]): Evaluation[] {
  const snapshot = context.cluster.state.snapshot();
  const byJob = new Map<string, Evaluation>();
  for (const { Namespace, JobID, Job } of allocations) {
    const key = jobKey({ Namespace, ID: JobID });
    if (!byJob.has(key)) byJob.set(key, evaluationFor(context, snapshot.job(Namespace, JobID) ?? Job, "node-drain"));
  }
  return [...byJob.values()];
}
