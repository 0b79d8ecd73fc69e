/** What every part of the room is given. One value, made in server.ts, so that an operation's needs are its first parameter. */
import {
  jobKey,
  newEvaluation,
  type Evaluation,
  type EvaluationId,
  type EvaluationTrigger,
  type Job,
  type Node,
  type NodeId,
} from "#model";
import type { Clock, Mesh, Random } from "#ports";
import type { Cluster } from "#cluster";
import type { AdmissionContext } from "#jobspec";
import type { Command } from "#state";
import { refused } from "./errors.ts";

/** Something for the operator's log: what went on, in one line, and its fields. Never secrets. */
export type Report = (entry: {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}) => void;

export interface ServerContext {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: AdmissionContext;
  readonly report: Report;
  /** What governs the mesh; left out: gateways' entries are not written, and a check of the mesh can say little. */
  readonly mesh?: Mesh | undefined;
}

/** Proposes; rejects with a NamedError when the state refuses. Resolves with the index the command was applied at. */
export async function commit(context: ServerContext, command: Command): Promise<number> {
  const outcome = await context.cluster.propose(command);
  if (!outcome.ok) throw refused(outcome);
  return outcome.index;
}

/** A pending evaluation of a job. */
export function evaluationFor(
  context: ServerContext,
  job: Pick<Job, "Namespace" | "ID" | "Type" | "Priority" | "JobModifyIndex">,
  trigger: EvaluationTrigger,
  more: Partial<Evaluation> = {},
): Evaluation {
  const time = context.clock.nowNs();
  return newEvaluation({
    ID: context.random.uuid() as EvaluationId,
    Namespace: job.Namespace,
    Priority: job.Priority,
    Type: job.Type,
    TriggeredBy: trigger,
    JobID: job.ID,
    JobModifyIndex: job.JobModifyIndex,
    CreateTime: time,
    ModifyTime: time,
    ...more,
  });
}

/**
 * One evaluation for each job that has something on the node, and each system job that may belong there, because the node changed.
 * `pool`: the node's, where it is not (yet) what the state says.
 */
export function evaluationsForNode(context: ServerContext, nodeId: NodeId, nodeModifyIndex: number, pool?: string): Evaluation[] {
  const known = context.cluster.state.snapshot().node(nodeId)?.NodePool;
  return evaluationsForNodes(context, [{ ID: nodeId, NodePool: pool ?? known ?? "default", ModifyIndex: nodeModifyIndex }]);
}

/** One for each job, however many of the nodes it is on: a look at a job is a look at all of it. */
export function evaluationsForNodes(context: ServerContext, nodes: readonly Pick<Node, "ID" | "NodePool" | "ModifyIndex">[]): Evaluation[] {
  const snapshot = context.cluster.state.snapshot();
  const found = new Map<string, { readonly job: EvaluatedJob; readonly node: (typeof nodes)[number] }>();
  const pools = new Map<string, (typeof nodes)[number]>();
  for (const node of nodes) {
    for (const allocation of snapshot.allocationsByNode(node.ID)) {
      const key = jobKey({ Namespace: allocation.Namespace, ID: allocation.JobID });
      if (!found.has(key)) found.set(key, { job: snapshot.job(allocation.Namespace, allocation.JobID) ?? allocation.Job, node });
    }
    if (!pools.has(node.NodePool)) pools.set(node.NodePool, node);
  }
  for (const job of nodes.length === 0 ? [] : snapshot.systemJobs()) {
    if (job.Stop || found.has(jobKey(job))) continue;
    const node = job.NodePool === "all" ? nodes[0] : pools.get(job.NodePool);
    if (node !== undefined) found.set(jobKey(job), { job, node });
  }
  return [...found.values()].map(({ job, node }) =>
    evaluationFor(context, job, "node-update", { NodeID: node.ID, NodeModifyIndex: node.ModifyIndex }),
  );
}

type EvaluatedJob = Pick<Job, "Namespace" | "ID" | "Type" | "Priority" | "JobModifyIndex">;
