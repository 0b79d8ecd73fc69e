/**
 * A whole job: every group it has, every group it no longer has, and the deployment they are part of. A job that is gone or stopped
 * keeps nothing. Service and batch. nomad.md §6.5.
 */
import { deploymentActive, serverTerminal, terminal } from "#model";
import type { Allocation, Deployment, DeploymentGroup, DeploymentId, DeploymentUpdate, Evaluation, Job, Node } from "#model";
import { isOutOfReach } from "./classify.ts";
import { DESCRIPTIONS, type GroupDecision, type JobDecision, NO_UPDATES, type Stop, type Wake } from "./decision.ts";
import { isOf, lastPromotedVersion, newDeployment, standpointOf, success, withGroups } from "./deployment.ts";
import { decideGroup, type GroupInput, type Survey, surveyGroup } from "./group.ts";

export interface JobInput {
  /** Undefined: purged. */
  readonly job: Job | undefined;
  readonly allocations: Iterable<Allocation>;
  readonly nodeOf: (id: string) => Node | undefined;
  readonly mayStay: GroupInput["mayStay"];
  readonly restartingIn: GroupInput["restartingIn"];
  readonly evaluation: Evaluation;
  /** Newest first. */
  readonly deployments: readonly Deployment[];
  /** A version that is still kept. */
  readonly jobVersion: (version: number) => Job | undefined;
  readonly evaluationOf: (id: string) => Evaluation | undefined;
  /** For a new deployment. */
  readonly newId: () => string;
  readonly nowNs: number;
}

export function reconcileJob(input: JobInput): JobDecision {
  const { job } = input;
  const { current, ended } = standpointOf(job, input.deployments);
  const byGroup = new Map<string, Allocation[]>();
  const abandoned: Allocation[] = [];
  for (const allocation of input.allocations) {
    if (isAbandoned(allocation, input.nodeOf)) abandoned.push(allocation);
    const list = byGroup.get(allocation.TaskGroup);
    if (list === undefined) byGroup.set(allocation.TaskGroup, [allocation]);
    else list.push(allocation);
  }
  const surveys: Survey[] = [];
  for (const group of job === undefined || job.Stop ? [] : job.TaskGroups) {
    const allocations = byGroup.get(group.Name) ?? [];
    byGroup.delete(group.Name);
    surveys.push(surveyGroup({ ...surroundings(input, current), job: job as Job, group, allocations }));
  }
  const standing = deploymentAfter(input, current, surveys);
  const joined = standing.joined;
  const groups = surveys.map((survey) => {
    const inIt = joined !== undefined && Object.hasOwn(joined.TaskGroups, survey.input.group.Name);
    return decideGroup(survey, inIt ? joined.ID : undefined);
  });
  for (const [name, allocations] of byGroup) {
    const decision = stopGroup(name, allocations, input.nodeOf);
    if (decision.stops.length > 0) groups.push(decision);
  }
  return {
    groups: withAbandoned(groups, abandoned),
    deployment: standing.wanted,
    deploymentUpdates: [...ended, ...standing.updates],
    deploymentId: (joined ?? current)?.ID ?? "",
  };
}

function surroundings(input: JobInput, current: Deployment | undefined): Omit<GroupInput, "job" | "group" | "allocations"> {
  const { nowNs, evaluation, deployments } = input;
  const active = current !== undefined && deploymentActive(current) ? current : undefined;
  const { job } = input;
  const stableJob = (allocation: Allocation): Job => {
    const version = job === undefined ? -1 : lastPromotedVersion(deployments, job, allocation.TaskGroup);
    return (version > allocation.Job.Version ? input.jobVersion(version) : undefined) ?? allocation.Job;
  };
  return {
    nodeOf: input.nodeOf,
    mayStay: input.mayStay,
    restartingIn: input.restartingIn,
    isComing: (id, wake) => isComing(id === "" || id === evaluation.ID ? undefined : input.evaluationOf(id), wake),
    moment: { nowNs, evaluationId: evaluation.TriggeredBy === "alloc-failure" ? evaluation.ID : "", deployment: active },
    current,
    succeeded: job !== undefined && deployments.some((each) => each.Status === "successful" && isOf(each, job)),
    deploymentOf: (id) => deployments.find((deployment) => deployment.ID === id),
    stableJob,
  };
}

/** It will look at the job at that time or before, for that reason. Evaluations have whole milliseconds. */
function isComing(followup: Evaluation | undefined, wake: Wake | undefined): boolean {
  if (followup === undefined || followup.Status !== "pending") return false;
  if (wake === undefined) return true;
  const atNs = followup.WaitUntil === null ? 0 : Date.parse(followup.WaitUntil) * 1e6;
  return followup.TriggeredBy === wake.trigger && atNs <= wake.atNs + 2e6;
}

interface AfterDeployment {
  /** What placements join: the active deployment, or the new one. */
  readonly joined: Deployment | undefined;
  /** To be written with the plan. */
  readonly wanted: Deployment | null;
  readonly updates: readonly DeploymentUpdate[];
}

function deploymentAfter(input: JobInput, current: Deployment | undefined, surveys: readonly Survey[]): AfterDeployment {
  const states: Record<string, DeploymentGroup> = {};
  for (const { state, input: of } of surveys) if (state !== undefined) states[of.group.Name] = state;
  const changed = Object.keys(states).length > 0;
  if (current === undefined) {
    if (!changed) return { joined: undefined, wanted: null, updates: [] };
    const made = newDeployment(input.newId() as DeploymentId, input.job as Job, states, input.evaluation, input.nowNs);
    return { joined: made, wanted: made, updates: [] };
  }
  if (!deploymentActive(current)) return { joined: undefined, wanted: null, updates: [] };
  if (changed) {
    const wanted = withGroups(current, states, input.nowNs);
    return { joined: wanted, wanted, updates: [] };
  }
  const members = surveys.filter((survey) => Object.hasOwn(current.TaskGroups, survey.input.group.Name));
  const done = current.Status === "running" && members.length > 0 && members.every((survey) => survey.done);
  return { joined: current, wanted: null, updates: done ? [success(current)] : [] };
}

/** Told to stop, but its node went down before it could say that it had. Nothing is placed for it; whoever stopped it has seen to that. */
function isAbandoned(allocation: Allocation, nodeOf: JobInput["nodeOf"]): boolean {
  return serverTerminal(allocation) && isOutOfReach(allocation, nodeOf);
}

function withAbandoned(decisions: readonly GroupDecision[], abandoned: readonly Allocation[]): readonly GroupDecision[] {
  if (abandoned.length === 0) return decisions;
  const byGroup = Map.groupBy(abandoned, (allocation) => allocation.TaskGroup);
  const stopsOf = (name: string): Stop[] =>
    (byGroup.get(name) ?? []).map((allocation) => ({ allocation, description: allocation.DesiredDescription, clientStatus: "lost" }));
  const known = decisions.map((decision) => ({ ...decision, stops: [...decision.stops, ...stopsOf(decision.name)] }));
  const others = [...byGroup.keys()].filter((name) => !decisions.some((decision) => decision.name === name));
  return [
    ...known,
    ...others.map((name): GroupDecision => ({ name, stops: stopsOf(name), places: [], inPlace: [], updates: { ...NO_UPDATES } })),
  ];
}

function stopGroup(name: string, allocations: readonly Allocation[], nodeOf: JobInput["nodeOf"]): GroupDecision {
  const stops = allocations
    .filter((allocation) => !terminal(allocation))
    .map((allocation): Stop => {
      const status = nodeOf(allocation.NodeID)?.Status ?? "down";
      const lost = status === "down" || status === "disconnected";
      return { allocation, description: lost ? DESCRIPTIONS.lost : DESCRIPTIONS.notNeeded, clientStatus: lost ? "lost" : "" };
    });
  return { name, stops, places: [], inPlace: [], updates: { ...NO_UPDATES, Stop: stops.length } };
}
