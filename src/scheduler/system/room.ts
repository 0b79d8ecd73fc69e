/**
 * How a change of a system job spreads over its nodes. A deployment counts nodes: its total is how many could run the group.
 * nomad.md §6.6, §6.10.
 *
 *   canary = P percent     ⌈P · nodes to change / 100⌉ nodes, at most max_parallel, get the new version first; the rest waits for the
 *                          promotion. A canary that is over is replaced where it was, by a canary: no other node is touched for it
 *   max_parallel = n       at most n nodes at once have the new version and are not known to be well
 *   paused, failed, or any of its allocations unhealthy: nothing changes
 *   no update block        all at once
 */
import type { Allocation, Deployment, DeploymentGroup, Job, TaskGroup, UpdateStrategy } from "#model";
import { terminal } from "#model";

export interface ChangeRoom {
  /** Nodes that get a canary now. */
  readonly canaries: number;
  /** Nodes that get the new version for good now. */
  readonly updates: number;
  /** For a deployment that is made now. */
  readonly desiredCanaries: number;
}

/** The group's update block; null when its changes are not deployments. */
export function systemStrategyOf(job: Job, group: TaskGroup): UpdateStrategy | null {
  return job.Type === "system" && (group.Update?.MaxParallel ?? 0) > 0 ? group.Update : null;
}

/** It took part in the deployment as a canary, and nobody has promoted those: what takes its place is one too. */
export function leavesCanary(previous: Allocation | null, deployment: Deployment | undefined, group: TaskGroup): boolean {
  if (previous?.DeploymentStatus?.Canary !== true || deployment === undefined || previous.DeploymentID !== deployment.ID) return false;
  return deployment.TaskGroups[group.Name]?.Promoted === false;
}

/** `returning`: canaries that are over, on nodes that get another (or wait for room for it). */
export function changeRoom(
  strategy: UpdateStrategy | null,
  destructive: number,
  deployment: Deployment | undefined,
  group: TaskGroup,
  allocations: readonly Allocation[],
  returning: number,
): ChangeRoom {
  if (strategy === null) return { canaries: 0, updates: destructive, desiredCanaries: 0 };
  const maxParallel = strategy.MaxParallel ?? 1;
  const state: DeploymentGroup | undefined = deployment?.TaskGroups[group.Name];
  const fresh = Math.min(maxParallel, Math.ceil(((strategy.Canary ?? 0) * destructive) / 100));
  const desiredCanaries = state?.DesiredCanaries ?? fresh;
  if (deployment === undefined || state === undefined) {
    return desiredCanaries > 0
      ? { canaries: desiredCanaries, updates: 0, desiredCanaries }
      : { canaries: 0, updates: Math.min(maxParallel, destructive), desiredCanaries };
  }
  const own = allocations.filter((each) => each.DeploymentID === deployment.ID && !terminal(each));
  const isStuck = deployment.Status !== "running" || own.some((each) => each.DeploymentStatus?.Healthy === false);
  if (isStuck) return { canaries: 0, updates: 0, desiredCanaries };
  if (desiredCanaries > 0 && !state.Promoted) {
    const there = own.filter((each) => each.DeploymentStatus?.Canary === true).length + returning;
    return { canaries: Math.min(destructive, Math.max(0, desiredCanaries - there)), updates: 0, desiredCanaries };
  }
  const unproven = own.filter((each) => each.DeploymentStatus?.Healthy !== true).length;
  return { canaries: 0, updates: Math.max(0, Math.min(destructive, maxParallel - unproven)), desiredCanaries };
}
