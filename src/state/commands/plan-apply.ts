/**
 * A checked plan becomes true, all of it in one entry:
 *
 *   deployments end ─ the plan's own is created or counts anew ─ stops ─ placements ─ in-place updates ─ notes ─ evaluations
 *
 * Placements belong to a stored version of the plan's job (the log holds only its name and version): the plan's, or an older one that
 * is kept or still lives in an allocation. A plan whose job version or node is gone by now is refused whole; the evaluation is then
 * tried again. An allocation that was stopped in the meantime is not revived.
 */
import {
  type Allocation,
  type AllocationId,
  clientTerminal,
  type Job,
  jobKey,
  type Node,
  type Plan,
  type PlannedAllocation,
  type PlannedNote,
  type PlannedStop,
  serverTerminal,
} from "#model";
import type { Command } from "../contract.ts";
import { withState } from "../allocation-states.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { sharedIfEmpty } from "../interned.ts";
import { planDeployments } from "./plan-deployments.ts";

type PlanApply = Extract<Command, { type: "plan-apply" }>;

export function applyPlan(draft: Draft, command: PlanApply): Refusal | undefined {
  const { Plan: plan } = command;
  const specs = new Specs(draft, plan);
  const refusal = versionRefusal(plan, specs) ?? nodeRefusal(draft, plan) ?? planDeployments(draft, plan, specs.current);
  if (refusal !== undefined) return refusal;
  for (const stop of plan.Stops) applyStop(draft, stop);
  for (const placement of plan.Placements) applyPlacement(draft, placement, specs.of(placement) as Job);
  for (const update of plan.InPlaceUpdates) applyInPlace(draft, update, specs.of(update) as Job);
  for (const note of plan.Notes) applyNote(draft, note);
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

function versionRefusal(plan: Plan, specs: Specs): Refusal | undefined {
  const homeless = [...plan.Placements, ...plan.InPlaceUpdates].find((planned) => specs.of(planned) === undefined);
  if (homeless === undefined) return undefined;
  const version = plan.Job === null ? "" : ` version ${homeless.JobVersion} of job "${plan.Job.ID}"`;
  return { code: "missing", reason: `Cannot place${version}: it is not kept any more` };
}

function nodeRefusal(draft: Draft, plan: Plan): Refusal | undefined {
  for (const placement of plan.Placements) {
    const node = draft.tables.nodes.get(placement.NodeID);
    if (node !== undefined && node.Status !== "down") continue;
    return {
      code: "invalid",
      reason: `Cannot place "${placement.Name}": node "${placement.NodeID}" is ${node === undefined ? "gone" : "down"}`,
    };
  }
  return undefined;
}

/** The versions a plan places, as the objects their other allocations refer to. */
class Specs {
  /** The kept version the plan was made for. JobModifyIndex tells a version of a purged job from its namesake's. */
  readonly current: Job | undefined;
  readonly #draft: Draft;
  readonly #older = new Map<number, Job | undefined>();

  constructor(draft: Draft, plan: Plan) {
    this.#draft = draft;
    if (plan.Job === null) return;
    const { Namespace, ID, Version, JobModifyIndex } = plan.Job;
    const versions = draft.record(Namespace, ID)?.versions ?? [];
    this.current = versions.find(({ spec }) => spec.Version === Version && spec.JobModifyIndex === JobModifyIndex)?.spec;
  }

  of({ JobVersion }: PlannedAllocation): Job | undefined {
    const { current } = this;
    if (current === undefined || current.Version === JobVersion || this.#draft.version === 1) return current;
    if (!this.#older.has(JobVersion)) this.#older.set(JobVersion, this.#find(current, JobVersion));
    return this.#older.get(JobVersion);
  }

  /** A version of the same job: a purged namesake's was created otherwise. */
  #find(current: Job, version: number): Job | undefined {
    const isIt = (spec: Job) => spec.Version === version && spec.CreateIndex === current.CreateIndex;
    const kept = this.#draft.record(current.Namespace, current.ID)?.versions.find(({ spec }) => isIt(spec));
    if (kept !== undefined) return kept.spec;
    for (const { Job: spec } of this.#draft.tables.allocationsByJob.values(jobKey(current))) if (isIt(spec)) return spec;
    return undefined;
  }
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
    AllocStates: spokenFor && stop.ClientStatus === "unknown" ? withState(draft, stored, "unknown") : stored.AllocStates,
    FollowupEvalID: stop.FollowupEvalID === "" ? stored.FollowupEvalID : stop.FollowupEvalID,
    PreemptedByAllocation: stop.PreemptedByAllocation === "" || already ? stored.PreemptedByAllocation : stop.PreemptedByAllocation,
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}

/** Nothing said of one that is over by the servers' word, but that its node is silent. */
function applyNote(draft: Draft, note: PlannedNote): void {
  const stored = draft.tables.allocations.get(note.ID);
  if (stored === undefined || stored.NodeID !== note.NodeID) return;
  const silent = note.ClientStatus === "unknown" && stored.ClientStatus !== "unknown" && !clientTerminal(stored);
  const followedUp = note.FollowupEvalID !== "" && note.FollowupEvalID !== stored.FollowupEvalID && !serverTerminal(stored);
  if (!silent && !followedUp) return;
  draft.putAllocation({
    ...stored,
    ClientStatus: silent ? "unknown" : stored.ClientStatus,
    ClientDescription: silent ? draft.interned.text(note.ClientDescription) : stored.ClientDescription,
    AllocStates: silent ? withState(draft, stored, "unknown") : stored.AllocStates,
    FollowupEvalID: followedUp ? note.FollowupEvalID : stored.FollowupEvalID,
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
    DeploymentID: deploymentId(draft, planned),
    DeploymentStatus: newDeploymentStatus(draft, planned),
    FollowupEvalID: planned.FollowupEvalID,
    AllocStates: sharedIfEmpty(planned.AllocStates),
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
    DeploymentID: deploymentId(draft, planned),
    // Within one deployment the verdict stands; to another it is new.
    DeploymentStatus: planned.DeploymentID === stored.DeploymentID ? stored.DeploymentStatus : newDeploymentStatus(draft, planned),
    FollowupEvalID: planned.FollowupEvalID,
    RescheduleTracker: planned.RescheduleTracker,
    PreemptedAllocations: sharedIfEmpty(planned.PreemptedAllocations),
    PreemptedByAllocation: planned.PreemptedByAllocation,
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}

/** Of one that joins a deployment: nobody has judged it yet. */
function newDeploymentStatus(draft: Draft, planned: PlannedAllocation): Allocation["DeploymentStatus"] {
  if (planned.DeploymentID === "" || planned.DeploymentStatus?.Canary !== true) return null;
  return { Healthy: null, Canary: true, Timestamp: planned.DeploymentStatus.Timestamp, ModifyIndex: draft.index };
}

function evaluationId(draft: Draft, planned: PlannedAllocation): PlannedAllocation["EvalID"] {
  return draft.tables.evaluations.get(planned.EvalID)?.ID ?? planned.EvalID;
}

function deploymentId(draft: Draft, planned: PlannedAllocation): PlannedAllocation["DeploymentID"] {
  return planned.DeploymentID === "" ? "" : (draft.tables.deployments.get(planned.DeploymentID)?.ID ?? planned.DeploymentID);
}

function groupName(spec: Job, name: string): string {
  return spec.TaskGroups.find((group) => group.Name === name)?.Name ?? name;
}
