/** Restart, reschedule, update and migrate: values in range and in agreement with each other. nomad.md §1.4. */
import { formatDuration } from "#std";
import type { Job, MigrateStrategy, ReschedulePolicy, RestartPolicy, TaskGroup, UpdateStrategy } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace, warning } from "./finding.ts";
import { policiesOf } from "./policies.ts";

const SECOND = 1_000_000_000;

export function* checkPolicies({ job }: Admission): Iterable<Finding> {
  yield* checkAutoPromote(job);
  const { update, migrate, reschedule } = policiesOf(job.Type);
  if (job.Update !== null && update === null)
    yield problem(jobPlace(job), "Update", `update is for service and system jobs, this one is ${job.Type}`);
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    yield* checkRestart(place, group.RestartPolicy);
    for (const [t, task] of group.Tasks.entries()) {
      // What a task takes over from its group has been said there.
      if (!sameRestart(task.RestartPolicy, group.RestartPolicy)) yield* checkRestart(taskPlace(job, g, t), task.RestartPolicy);
    }
    if (group.ReschedulePolicy !== null && reschedule === null)
      yield problem(place, "ReschedulePolicy", `reschedule is for service and batch jobs, this one is ${job.Type}`);
    yield* checkReschedule(place, group.ReschedulePolicy);
    yield* checkUpdate(place, job, g);
    yield* checkMigrate(place, group.Migrate);
    yield* checkDisconnect(place, job, group);
    if (group.Migrate !== null && migrate === null) yield problem(place, "Migrate", `migrate is for service jobs, this one is ${job.Type}`);
  }
}

/** A deployment is promoted as a whole, once all groups' canaries are healthy: one group that waits for a person holds up all. */
function* checkAutoPromote(job: Job): Iterable<Finding> {
  const canaries = job.TaskGroups.filter((group) => (group.Update?.Canary ?? 0) > 0);
  const alone = canaries.filter((group) => group.Update?.AutoPromote === true);
  if (alone.length > 0 && alone.length < canaries.length) {
    const text = "auto_promote is set for some groups with canaries and not for others: nothing is promoted until all of them can be";
    yield warning(jobPlace(job), "Update", text);
  }
}

function* checkRestart(place: Place, policy: RestartPolicy | null): Iterable<Finding> {
  if (policy === null) return;
  const at = (field: string) => `RestartPolicy.${field}`;
  const attempts = policy.Attempts ?? 0;
  const interval = policy.Interval ?? 0;
  const delay = policy.Delay ?? 0;
  if (policy.Mode !== "fail" && policy.Mode !== "delay") {
    yield problem(place, at("Mode"), `restart mode is ${JSON.stringify(policy.Mode)}, must be fail or delay`);
  } else if (attempts === 0 && policy.Mode === "delay") {
    yield problem(place, at("Attempts"), `restart attempts = 0 with mode = "delay" is ambiguous: use mode = "fail"`);
  }
  if (attempts < 0) yield problem(place, at("Attempts"), `restart attempts is ${attempts}, must be at least 0`);
  if (delay < 0) yield problem(place, at("Delay"), `restart delay is ${formatDuration(delay)}, must be at least 0s`);
  if (interval < 5 * SECOND) yield problem(place, at("Interval"), `restart interval is ${formatDuration(interval)}, must be at least 5s`);
  else if (attempts * delay > interval) {
    yield problem(
      place,
      at("Interval"),
      `restart cannot fit ${attempts} attempts with a delay of ${formatDuration(delay)} in an interval of ${formatDuration(interval)}`,
    );
  }
}

function sameRestart(a: RestartPolicy | null, b: RestartPolicy | null): boolean {
  return a !== null && b !== null && Object.entries(a).every(([key, value]) => value === b[key as keyof RestartPolicy]);
}

function* checkReschedule(place: Place, policy: ReschedulePolicy | null): Iterable<Finding> {
  if (policy === null) return;
  const at = (field: string) => `ReschedulePolicy.${field}`;
  const attempts = policy.Attempts ?? 0;
  const unlimited = policy.Unlimited === true;
  if (attempts === 0 && !unlimited) return;
  const delay = policy.Delay ?? 0;
  const maxDelay = policy.MaxDelay ?? 0;
  const interval = policy.Interval ?? 0;
  if (attempts > 0 && unlimited)
    yield problem(place, at("Attempts"), `reschedule attempts = ${attempts} with unlimited = true is ambiguous: set unlimited = false`);
  if (delay < 5 * SECOND) yield problem(place, at("Delay"), `reschedule delay is ${formatDuration(delay)}, must be at least 5s`);
  if (!["constant", "exponential", "fibonacci"].includes(policy.DelayFunction ?? "")) {
    yield problem(
      place,
      at("DelayFunction"),
      `reschedule delay_function is ${JSON.stringify(policy.DelayFunction)}, must be constant, exponential or fibonacci`,
    );
  } else if (policy.DelayFunction !== "constant" && maxDelay < Math.max(delay, 5 * SECOND)) {
    yield problem(
      place,
      at("MaxDelay"),
      `reschedule max_delay is ${formatDuration(maxDelay)}, must be at least the delay, ${formatDuration(delay)}`,
    );
  }
  if (!unlimited && interval < 15 * SECOND)
    yield problem(place, at("Interval"), `reschedule interval is ${formatDuration(interval)}, must be at least 15s`);
}

function* checkMigrate(place: Place, policy: MigrateStrategy | null): Iterable<Finding> {
  if (policy === null) return;
  const at = (field: string) => `Migrate.${field}`;
  const minimum = policy.MinHealthyTime ?? 0;
  const healthy = policy.HealthyDeadline ?? 0;
  if ((policy.MaxParallel ?? 0) < 0)
    yield problem(place, at("MaxParallel"), `migrate max_parallel is ${policy.MaxParallel}, must be at least 0`);
  if (policy.HealthCheck !== "checks" && policy.HealthCheck !== "task_states")
    yield problem(place, at("HealthCheck"), `migrate health_check is ${JSON.stringify(policy.HealthCheck)}, must be checks or task_states`);
  if (minimum < 0)
    yield problem(place, at("MinHealthyTime"), `migrate min_healthy_time is ${formatDuration(minimum)}, must be at least 0s`);
  if (healthy < 0)
    yield problem(place, at("HealthyDeadline"), `migrate healthy_deadline is ${formatDuration(healthy)}, must be at least 0s`);
  else if (minimum > healthy) {
    const text = `migrate healthy_deadline is ${formatDuration(healthy)}, must be at least min_healthy_time, ${formatDuration(minimum)}`;
    yield problem(place, at("HealthyDeadline"), text);
  }
}

/** Fields of a group that `disconnect` replaces. */
export const OLD_DISCONNECT = ["MaxClientDisconnect", "StopAfterClientDisconnect", "PreventRescheduleOnLost"] as const;
const OLD_NAMES: Readonly<Record<string, string>> = {
  MaxClientDisconnect: "max_client_disconnect is deprecated: write disconnect { lost_after = … }",
  StopAfterClientDisconnect: "stop_after_client_disconnect is deprecated: write disconnect { stop_on_client_after = … }",
  PreventRescheduleOnLost: "prevent_reschedule_on_lost is deprecated: write disconnect { replace = false }",
};
const STRATEGIES = ["best_score", "keep_original", "keep_replacement", "longest_running"];

export function saysSomething(value: number | boolean | null): boolean {
  return value !== null && value !== 0 && value !== false;
}

/** Step: said of the fields as they were written; they become a disconnect block afterwards. */
export function* checkOldDisconnect({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    for (const field of OLD_DISCONNECT) {
      if (!saysSomething(group[field])) continue;
      const text = OLD_NAMES[field] as string;
      if (group.Disconnect === null) yield warning(groupPlace(job, g), field, text);
      else yield problem(groupPlace(job, g), field, `${text.split(" ")[0]} beside a disconnect block: keep the block`);
    }
  }
}

function* checkDisconnect(place: Place, job: Job, group: TaskGroup): Iterable<Finding> {
  const policy = group.Disconnect;
  if (policy === null) return;
  const at = (field: string) => `Disconnect.${field}`;
  const lost = policy.LostAfter ?? 0;
  const stop = policy.StopOnClientAfter ?? 0;
  if (lost < 0) yield problem(place, at("LostAfter"), `disconnect lost_after is ${formatDuration(lost)}, must be at least 0s`);
  if (stop < 0)
    yield problem(place, at("StopOnClientAfter"), `disconnect stop_on_client_after is ${formatDuration(stop)}, must be at least 0s`);
  if (lost > 0 && stop > 0)
    yield problem(place, at("StopOnClientAfter"), "disconnect has lost_after and stop_on_client_after: keep the allocation, or stop it");
  if (stop > 0 && (job.Type === "system" || job.Type === "sysbatch"))
    yield problem(place, at("StopOnClientAfter"), `disconnect stop_on_client_after is not for ${job.Type} jobs`);
  if (!STRATEGIES.includes(policy.Reconcile))
    yield problem(place, at("Reconcile"), `disconnect reconcile is ${JSON.stringify(policy.Reconcile)}, must be ${STRATEGIES.join(", ")}`);
}

function* checkUpdate(place: Place, job: Job, g: number): Iterable<Finding> {
  const group = job.TaskGroups[g];
  const update = group?.Update ?? null;
  if (group === undefined || update === null) return;
  if (policiesOf(job.Type).update === null) {
    // Said once for the job when it comes from there.
    if (job.Update === null) yield problem(place, "Update", `update is for service and system jobs, this one is ${job.Type}`);
    return;
  }
  yield* checkUpdateValues(place, update);
  if (job.Type === "system" && (update.Canary ?? 0) > 100)
    yield problem(place, "Update.Canary", `update canary is ${update.Canary}, must be at most 100: it is the percentage of the nodes`);
  const count = group.Count ?? 1;
  const parallel = update.MaxParallel ?? 0;
  if (count > 1 && parallel > count) {
    yield warning(
      place,
      "Update.MaxParallel",
      `update max_parallel is greater than count (${parallel} > ${count}): a change replaces all allocations at the same time`,
    );
  }
  for (const [t, task] of group.Tasks.entries()) {
    const progress = update.ProgressDeadline ?? 0;
    if (progress > 0 && task.KillTimeout > progress) {
      const text = `kill_timeout is ${formatDuration(task.KillTimeout)}, must be at most update's progress_deadline, ${formatDuration(progress)}`;
      yield problem(taskPlace(job, g, t), "KillTimeout", text);
    }
  }
}

function* checkUpdateValues(place: Place, update: UpdateStrategy): Iterable<Finding> {
  const at = (field: string) => `Update.${field}`;
  const healthy = update.HealthyDeadline ?? 0;
  const minimum = update.MinHealthyTime ?? 0;
  const progress = update.ProgressDeadline ?? 0;
  if (!["checks", "task_states", "manual"].includes(update.HealthCheck ?? "")) {
    yield problem(
      place,
      at("HealthCheck"),
      `update health_check is ${JSON.stringify(update.HealthCheck)}, must be checks, task_states or manual`,
    );
  }
  if ((update.MaxParallel ?? 0) < 0)
    yield problem(place, at("MaxParallel"), `update max_parallel is ${update.MaxParallel}, must be at least 0`);
  if ((update.Canary ?? 0) < 0) yield problem(place, at("Canary"), `update canary is ${update.Canary}, must be at least 0`);
  if (update.AutoPromote === true && (update.Canary ?? 0) === 0)
    yield problem(place, at("AutoPromote"), "update auto_promote needs canary to be at least 1");
  if (minimum < 0) yield problem(place, at("MinHealthyTime"), `update min_healthy_time is ${formatDuration(minimum)}, must be at least 0s`);
  if (progress < 0)
    yield problem(place, at("ProgressDeadline"), `update progress_deadline is ${formatDuration(progress)}, must be at least 0s`);
  if (healthy <= minimum)
    yield problem(
      place,
      at("HealthyDeadline"),
      `update healthy_deadline is ${formatDuration(healthy)}, must be more than min_healthy_time, ${formatDuration(minimum)}`,
    );
  if (progress > 0 && healthy >= progress) {
    yield problem(
      place,
      at("ProgressDeadline"),
      `update progress_deadline is ${formatDuration(progress)}, must be more than healthy_deadline, ${formatDuration(healthy)}, or 0`,
    );
  }
  if ((update.Stagger ?? 0) <= 0)
    yield problem(place, at("Stagger"), `update stagger is ${formatDuration(update.Stagger ?? 0)}, must be more than 0s`);
}
