/** What every part of the room is given. One value, made in server.ts, so that an operation's needs are its first parameter. */
import { newEvaluation, type Evaluation, type EvaluationId, type EvaluationTrigger, type Job, type NodeId } from "#model";
import type { Clock, Random } from "#ports";
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

/** One evaluation for each job that has something on the node (or would have: system jobs), because the node changed. */
export function evaluationsForNode(context: ServerContext, nodeId: NodeId, nodeModifyIndex: number): Evaluation[] {
  const snapshot = context.cluster.state.snapshot();
  const jobs = new Map<string, Pick<Job, "Namespace" | "ID" | "Type" | "Priority" | "JobModifyIndex">>();
  for (const allocation of snapshot.allocationsByNode(nodeId)) {
    const key = `${allocation.Namespace}\u0000${allocation.JobID}`;
    if (!jobs.has(key)) jobs.set(key, snapshot.job(allocation.Namespace, allocation.JobID) ?? allocation.Job);
  }
  for (const job of snapshot.jobs("*")) {
    const key = `${job.Namespace}\u0000${job.ID}`;
    if ((job.Type === "system" || job.Type === "sysbatch") && !job.Stop) jobs.set(key, job);
  }
  return [...jobs.values()].map((job) => evaluationFor(context, job, "node-update", { NodeID: nodeId, NodeModifyIndex: nodeModifyIndex }));
}
