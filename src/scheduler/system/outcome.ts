/**
 * What an evaluation of a system job came to. Every node without room gets a blocked evaluation of its own, which waits for that node;
 * a node that has one already gets no other. nomad.md §6.6, §6.8.
 */
import {
  type AllocMetric,
  type DeploymentId,
  type Evaluation,
  type EvaluationId,
  newEvaluation,
  type Node,
  type PlanAnnotations,
} from "#model";
import type { Pass } from "../pass.ts";
import type { NodeFiller } from "./fill.ts";

const WAITING = "created to place remaining allocations";

export function systemOutcome(
  pass: Pass,
  fillers: ReadonlyMap<string, NodeFiller>,
  annotations: PlanAnnotations,
  deploymentId: DeploymentId | "",
): { readonly evaluation: Evaluation; readonly created: readonly Evaluation[] } {
  const { evaluation, options, snapshot } = pass;
  const FailedTGAllocs: Record<string, AllocMetric> = {};
  const QueuedAllocations: Record<string, number> = {};
  for (const group of pass.job === undefined || pass.job.Stop ? [] : pass.job.TaskGroups) QueuedAllocations[group.Name] = 0;
  const full = new Map<string, Node>();
  for (const [name, filler] of fillers) {
    QueuedAllocations[name] = filler.full.length;
    for (const node of filler.full) full.set(node.ID, node);
    const failure = filler.failure();
    if (failure !== null) FailedTGAllocs[name] = failure;
  }
  const done: Evaluation = {
    ...evaluation,
    Status: "complete",
    StatusDescription: "",
    DeploymentID: deploymentId,
    FailedTGAllocs,
    QueuedAllocations,
    SnapshotIndex: snapshot.index,
    BlockedEval: "",
    PlanAnnotations: annotations,
    ModifyTime: options.nowNs,
  };
  const known = waitingNodes(pass);
  const created = [...full.values()].filter((node) => !known.has(node.ID)).map((node) => blockedFor(pass, node, evaluation));
  const waitsOn = wasBlocked(evaluation) && evaluation.NodeID !== "" && full.has(evaluation.NodeID);
  if (waitsOn) return { evaluation: { ...done, Status: "blocked", StatusDescription: WAITING }, created };
  return { evaluation: { ...done, BlockedEval: created[0]?.ID ?? "" }, created };
}

/** Nodes some evaluation of the job waits for already, this one if it was such. */
function waitingNodes({ snapshot, evaluation }: Pass): ReadonlySet<string> {
  const nodes = new Set<string>();
  for (const other of snapshot.evaluationsByJob(evaluation.Namespace, evaluation.JobID)) {
    if (other.Status === "blocked" && other.NodeID !== "") nodes.add(other.NodeID);
  }
  if (wasBlocked(evaluation)) nodes.add(evaluation.NodeID);
  return nodes;
}

/** A blocked evaluation is woken as itself. */
function wasBlocked(evaluation: Evaluation): boolean {
  return evaluation.Status === "blocked" || evaluation.TriggeredBy === "queued-allocs" || evaluation.TriggeredBy === "max-plan-attempts";
}

function blockedFor({ options, snapshot }: Pass, node: Node, after: Evaluation): Evaluation {
  return newEvaluation({
    ID: options.newId() as EvaluationId,
    Namespace: after.Namespace,
    Priority: after.Priority,
    Type: after.Type,
    TriggeredBy: "queued-allocs",
    JobID: after.JobID,
    JobModifyIndex: after.JobModifyIndex,
    NodeID: node.ID,
    NodeModifyIndex: node.ModifyIndex,
    Status: "blocked",
    StatusDescription: WAITING,
    ClassEligibility: node.ComputedClass === "" ? {} : { [node.ComputedClass]: true },
    PreviousEval: after.ID,
    SnapshotIndex: snapshot.index,
    CreateTime: options.nowNs,
    ModifyTime: options.nowNs,
  });
}
