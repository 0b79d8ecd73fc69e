/**
 * Is an allocation well? Pure: task states and rules in, a verdict or a time to look again out. nomad.md §2.8.
 *
 *   watching ──► healthy     every main task has run for min_healthy_time without a pause, its services stood and their checks passed
 *       │
 *       └──────► unhealthy   a task failed, a main task finished, or healthy_deadline passed
 *
 * A verdict is given once per deployment; a new one (an allocation updated in place) starts anew. Allocations of services that
 * belong to no deployment are watched by the group's migrate block: a drain waits for them.
 */
import type { Allocation, TaskGroup, TaskState } from "#model";
import type { StandingCheck } from "../contract.ts";
import { formatDuration } from "#std";
import { roleOf } from "#task";

export interface HealthRules {
  /** Services and their checks count: health_check = "checks". */
  readonly checks: boolean;
  readonly minHealthyNs: number;
  readonly deadlineNs: number;
}

/** How far the watch is; stored with the allocation's progress. */
export interface HealthWatched {
  /** The deployment the verdict is for; "" for none. */
  readonly deployment: string;
  /** Unix nanoseconds. */
  readonly since: number;
  readonly healthy: boolean | null;
  /** RFC 3339 of the verdict; "" without one. */
  readonly timestamp: string;
  /** The servers have it. */
  readonly told: boolean;
}

export type HealthVerdict =
  | { readonly what: "healthy" }
  /** `why` is for people. */
  | { readonly what: "unhealthy"; readonly why: string }
  /** `atNs`: when time alone may decide; Unix nanoseconds. */
  | { readonly what: "wait"; readonly atNs: number };

/** The services of an allocation, as far as they matter to its health. */
export interface ServicesSeen {
  /** Since when all is well with them without a pause, Unix nanoseconds; undefined: it is not. */
  readonly wellSinceNs: number | undefined;
  /** What is not well, for people: "" when it is. */
  readonly problem: string;
}

const MIN_HEALTHY_NS = 10e9;
const DEADLINE_NS = 300e9;

/** Undefined: nobody waits for this node's word. */
export function healthRules(allocation: Allocation, group: TaskGroup): HealthRules | undefined {
  if (allocation.DesiredStatus !== "run" || typeof allocation.DeploymentStatus?.Healthy === "boolean") return undefined;
  const deployed = allocation.DeploymentID !== "";
  if (!deployed && allocation.Job.Type !== "service") return undefined;
  const policy = deployed ? (group.Update ?? allocation.Job.Update) : (group.Migrate ?? allocation.Job.Migrate);
  if (policy?.HealthCheck === "manual") return undefined;
  return {
    checks: policy?.HealthCheck !== "task_states",
    minHealthyNs: policy?.MinHealthyTime ?? MIN_HEALTHY_NS,
    deadlineNs: policy?.HealthyDeadline ?? DEADLINE_NS,
  };
}

export function beginWatch(deployment: string, nowNs: number): HealthWatched {
  return { deployment, since: nowNs, healthy: null, timestamp: "", told: false };
}

export function judgeHealth(
  rules: HealthRules,
  watched: HealthWatched,
  tasks: TaskGroup["Tasks"],
  states: Readonly<Record<string, TaskState>>,
  nowNs: number,
  services: ServicesSeen = { wellSinceNs: 0, problem: "" },
): HealthVerdict {
  let runningSince = Math.max(watched.since, services.wellSinceNs ?? 0);
  let running = true;
  for (const task of tasks) {
    const role = roleOf(task);
    const state = states[task.Name];
    if (role === "poststop" || state === undefined) continue;
    if (state.State === "dead" && state.Failed) return { what: "unhealthy", why: `Unhealthy because task "${task.Name}" failed` };
    if (role !== "main") continue;
    if (state.State === "dead") return { what: "unhealthy", why: `Unhealthy because task "${task.Name}" finished` };
    if (state.State !== "running" || state.StartedAt === null) running = false;
    else runningSince = Math.max(runningSince, Date.parse(state.StartedAt) * 1e6);
  }
  const healthyAt = runningSince + rules.minHealthyNs;
  const well = running && services.wellSinceNs !== undefined;
  if (well && healthyAt <= nowNs) return { what: "healthy" };
  const deadlineAt = watched.since + rules.deadlineNs;
  if (deadlineAt <= nowNs) {
    const deadline = `healthy_deadline of ${formatDuration(rules.deadlineNs)}`;
    if (running && !well) return { what: "unhealthy", why: `Unhealthy because ${services.problem} by ${deadline}` };
    const why = running
      ? `Tasks not running for min_healthy_time of ${formatDuration(rules.minHealthyNs)} by ${deadline}`
      : `Tasks not running by ${deadline}`;
    return { what: "unhealthy", why };
  }
  return { what: "wait", atNs: well ? Math.min(healthyAt, deadlineAt) : deadlineAt };
}

/** What is not well with the services; "" when everything offered is registered and every check that counts passes. nomad.md §1.6 `on_update`. */
export function servicesProblem(
  registration: { readonly settled: boolean; readonly problems: readonly string[] },
  checks: readonly StandingCheck[],
): string {
  if (!registration.settled) return registration.problems[0] ?? "its services are not registered";
  for (const check of checks) {
    if (check.onUpdate === "ignore") continue;
    const status = check.standing?.status;
    if (status === "passing" || (status === "warning" && check.onUpdate === "ignore_warnings")) continue;
    const output = check.standing?.output.trim().split("\n")[0]?.slice(0, 200) ?? "";
    const said = status === undefined ? "has not passed yet" : `is ${status}${output === "" ? "" : ` (${output})`}`;
    return `check ${JSON.stringify(check.name)} of service ${JSON.stringify(check.service)} ${said}`;
  }
  return "";
}
