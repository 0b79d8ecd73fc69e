/**
 * A checked plan becomes true, all of it in one entry: stops, placements, in-place updates, and the evaluations that ride along.
 *
 * Placements belong to the stored version of the plan's job (the log holds only its name and version). A plan whose job version or
 * node is gone by now is refused whole; the evaluation is then tried again. An allocation that was stopped in the meantime is not revived.
 */
import {
  type Allocation,
  type AllocationId,
  clientTerminal,
  type Job,
  type Node,
  type Plan,
  type PlannedAllocation,
  type PlannedStop,
  serverTerminal,
} from "#model";
import type { Command } from "../contract.ts";
import type { Draft, Refusal } from "../draft.ts";
import { sharedIfEmpty } from "../interned.ts";

type PlanApply = Extract<Command, { type: "plan-apply" }>;

export function applyPlan(draft: Draft, command: PlanApply): Refusal | undefined {
  const { Plan: plan } = command;
  const spec = specOf(draft, plan);
  if (spec === undefined && plan.Placements.length + plan.InPlaceUpdates.length > 0) {
    const version = plan.Job === null ? "" : ` version ${plan.Job.Version} of job "${plan.Job.ID}"`;
    return { code: "missing", reason: `Cannot place${version}: it is not kept any more` };
  }
  for (const placement of plan.Placements) {
    const node = draft.tables.nodes.get(placement.NodeID);
    if (node === undefined || node.Status === "down") {
      return {
        code: "invalid",
        reason: `Cannot place "${placement.Name}": node "${placement.NodeID}" is ${node === undefined ? "gone" : "down"}`,
      };
    }
  }
  for (const stop of plan.Stops) applyStop(draft, stop);
  if (spec !== undefined) {
    for (const placement of plan.Placements) applyPlacement(draft, placement, spec);
    for (const update of plan.InPlaceUpdates) applyInPlace(draft, update, spec);
  }
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

/** The kept version the plan was made for. JobModifyIndex tells a version of a purged job from its namesake's. */
function specOf(draft: Draft, plan: Plan): Job | undefined {
  if (plan.Job === null) return undefined;
  const { Namespace, ID, Version, JobModifyIndex } = plan.Job;
  const versions = draft.record(Namespace, ID)?.versions ?? [];
  return versions.find(({ spec }) => spec.Version === Version && spec.JobModifyIndex === JobModifyIndex)?.spec;
}

function applyStop(draft: Draft, stop: PlannedStop): void {
  const stored = draft.tables.allocations.get(stop.ID);
  if (stored === undefined) return;
  const spokenFor = stop.ClientStatus !== "" && !clientTerminal(stored) && stored.ClientStatus !== stop.ClientStatus;
  if (serverTerminal(stored) && !spokenFor) return;
  const already = serverTerminal(stored);
  draft.putAllocation({
    ...stored,
    DesiredStatus: already ? stored.DesiredStatus : stop.DesiredStatus,
    DesiredDescription: already ? stored.DesiredDescription : draft.interned.text(stop.DesiredDescription),
    ClientStatus: spokenFor ? (stop.ClientStatus as "lost" | "unknown") : stored.ClientStatus,
    FollowupEvalID: stop.FollowupEvalID === "" ? stored.FollowupEvalID : stop.FollowupEvalID,
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}

function applyPlacement(draft: Draft, planned: PlannedAllocation, spec: Job): void {
  if (draft.tables.allocations.has(planned.ID)) {
    applyInPlace(draft, planned, spec);
    return;
  }
  const node = draft.tables.nodes.get(planned.NodeID) as Node;
  draft.putAllocation(newAllocation(draft, planned, spec, node));
  if (planned.PreviousAllocation === "") return;
  const previous = draft.tables.allocations.get(planned.PreviousAllocation);
  if (previous === undefined) return;
  draft.putAllocation({ ...previous, NextAllocation: planned.ID as AllocationId, ModifyIndex: draft.index, ModifyTime: draft.time });
}

/** Texts and empty objects are those the tables hold already: an allocation costs what is its own, no more. */
function newAllocation(draft: Draft, planned: PlannedAllocation, spec: Job, node: Node): Allocation {
  const { interned } = draft;
  return {
    ID: planned.ID,
    Namespace: spec.Namespace,
    EvalID: evaluationId(draft, planned),
    Name: planned.Name,
    NodeID: node.ID,
    NodeName: node.Name,
    JobID: spec.ID,
    JobVersion: spec.Version,
    Job: spec,
    TaskGroup: groupName(spec, planned.TaskGroup),
    AllocatedResources: planned.AllocatedResources,
    Metrics: planned.Metrics,
    DesiredStatus: interned.text(planned.DesiredStatus),
    DesiredDescription: interned.text(planned.DesiredDescription),
    DesiredTransition: sharedIfEmpty(planned.DesiredTransition),
    ClientStatus: interned.text(planned.ClientStatus),
    ClientDescription: interned.text(planned.ClientDescription),
    TaskStates: sharedIfEmpty(planned.TaskStates),
    DeploymentID: planned.DeploymentID,
    DeploymentStatus: planned.DeploymentStatus,
    FollowupEvalID: planned.FollowupEvalID,
    PreviousAllocation: planned.PreviousAllocation,
    NextAllocation: planned.NextAllocation,
    RescheduleTracker: planned.RescheduleTracker,
    PreemptedAllocations: sharedIfEmpty(planned.PreemptedAllocations),
    PreemptedByAllocation: planned.PreemptedByAllocation,
    CreateIndex: draft.index,
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    CreateTime: draft.time,
    ModifyTime: draft.time,
  };
}

/** What the node said of it stays, and so does what it was created as: id, node, name, group. */
function applyInPlace(draft: Draft, planned: PlannedAllocation, spec: Job): void {
  const stored = draft.tables.allocations.get(planned.ID);
  if (stored === undefined || serverTerminal(stored) || stored.NodeID !== planned.NodeID) return;
  draft.putAllocation({
    ...stored,
    EvalID: evaluationId(draft, planned),
    JobVersion: spec.Version,
    Job: spec,
    AllocatedResources: planned.AllocatedResources,
    Metrics: planned.Metrics,
    DesiredStatus: draft.interned.text(planned.DesiredStatus),
    DesiredDescription: draft.interned.text(planned.DesiredDescription),
    DesiredTransition: sharedIfEmpty(planned.DesiredTransition),
    DeploymentID: planned.DeploymentID,
    DeploymentStatus: planned.DeploymentStatus,
    FollowupEvalID: planned.FollowupEvalID,
    RescheduleTracker: planned.RescheduleTracker,
    PreemptedAllocations: sharedIfEmpty(planned.PreemptedAllocations),
    PreemptedByAllocation: planned.PreemptedByAllocation,
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}

function evaluationId(draft: Draft, planned: PlannedAllocation): PlannedAllocation["EvalID"] {
  return draft.tables.evaluations.get(planned.EvalID)?.ID ?? planned.EvalID;
}

function groupName(spec: Job, name: string): string {
  return spec.TaskGroups.find((group) => group.Name === name)?.Name ?? name;
}
