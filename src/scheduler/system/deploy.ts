/**
 * The deployment of a system job. It is made when a version is placed for the first time or changes what runs, counts nodes instead of
 * a group's count, and is over when as many are healthy as nodes could run the group. nomad.md §6.6, §6.5 item 16.
 */
import {
  type Allocation,
  type Deployment,
  type DeploymentGroup,
  type DeploymentId,
  type DeploymentUpdate,
  deploymentActive,
  type Job,
  type TaskGroup,
} from "#model";
import type { Pass } from "../pass.ts";
import { groupIsWell, newDeployment, newGroupState, success, withGroups } from "../reconcile/deployment.ts";
import type { SystemDecision } from "./decide.ts";
import type { NodeFiller } from "./fill.ts";
import { changeRoom, type ChangeRoom, leavesCanary, systemStrategyOf } from "./room.ts";
import { isCurrent } from "./standing.ts";
import { mayRun } from "./targets.ts";

export interface Deploying {
  roomOf(group: TaskGroup): ChangeRoom;
  /** What placements of the group join; "": none. */
  idFor(group: TaskGroup): DeploymentId | "";
  /** What is placed after that one is a canary. */
  isCanaryAfter(group: TaskGroup, previous: Allocation | null): boolean;
  /** To be stored with the plan: a new one, or the active one with another total; null: as it is. */
  readonly deployment: Deployment | null;
  /** Of the evaluation; "" for none. */
  readonly deploymentId: DeploymentId | "";
  /** Its end, if nothing is left to do. */
  finished(fillers: ReadonlyMap<string, NodeFiller>): readonly DeploymentUpdate[];
}

const NO_ROOM: ChangeRoom = { canaries: 0, updates: 0, desiredCanaries: 0 };

export function deployingOf(
  pass: Pass,
  job: Job | undefined,
  decisions: readonly SystemDecision[],
  current: Deployment | undefined,
): Deploying {
  const { evaluation, options, allocations } = pass;
  const rooms = new Map<TaskGroup, ChangeRoom>();
  const states: Record<string, DeploymentGroup> = {};
  for (const decision of decisions) {
    const { group, destructive, inPlace, places, feasible } = decision;
    const strategy = job === undefined ? null : systemStrategyOf(job, group);
    const own = allocations.filter((allocation) => allocation.TaskGroup === group.Name);
    const returning = places.filter((spot) => leavesCanary(spot.previous, current, group) && mayRun(pass, job, group, spot));
    const room = changeRoom(strategy, destructive.length, current, group, own, returning.length);
    rooms.set(group, room);
    if (job === undefined || strategy === null || feasible === 0) continue;
    const known = current?.TaskGroups[group.Name];
    if (known !== undefined) {
      if (known.DesiredTotal !== feasible) states[group.Name] = { ...known, DesiredTotal: feasible };
      continue;
    }
    const isNew = !own.some((allocation) => isCurrent(allocation.Job, job));
    if (isNew || destructive.length + inPlace.length > 0) {
      states[group.Name] = newGroupState(strategy, { total: feasible, canaries: room.desiredCanaries });
    }
  }
  const hasChange = Object.keys(states).length > 0;
  let deployment: Deployment | null = null;
  if (job !== undefined && hasChange && current === undefined) {
    deployment = newDeployment(options.newId() as DeploymentId, job, states, evaluation, options.nowNs);
  } else if (hasChange && current !== undefined && deploymentActive(current)) deployment = withGroups(current, states, options.nowNs);
  const live = deployment ?? (current !== undefined && deploymentActive(current) ? current : undefined);

  return {
    roomOf: (group) => rooms.get(group) ?? NO_ROOM,
    idFor: (group) => (live?.TaskGroups[group.Name] === undefined ? "" : live.ID),
    isCanaryAfter: (group, previous) => leavesCanary(previous, live, group),
    deployment,
    deploymentId: live?.ID ?? "",
    finished: (fillers) => {
      if (live === undefined || deployment !== null || live.Status !== "running") return [];
      const isIdle = pass.stops.length + pass.placements.length + pass.inPlace.length === 0;
      const isDone = decisions.every(({ group, destructive }) => {
        const state = live.TaskGroups[group.Name];
        if (state === undefined) return true;
        return destructive.length === 0 && (fillers.get(group.Name)?.full.length ?? 0) === 0 && groupIsWell(state, state.HealthyAllocs);
      });
      return isIdle && isDone ? [success(live)] : [];
    },
  };
}
