/**
 * Defaults that depend on the job's type: restart, reschedule, update, migrate. nomad.md §1.4. What the job says merges into
 * its groups, what the group's restart says into its tasks; the innermost word wins, field by field.
 */
import type { Job, MigrateStrategy, ReschedulePolicy, RestartPolicy, Task, TaskGroup, UpdateStrategy } from "#model";

const SECOND = 1_000_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const SERVICE_RESTART: RestartPolicy = { Attempts: 2, Interval: 30 * MINUTE, Delay: 15 * SECOND, Mode: "fail", RenderTemplates: false };
const BATCH_RESTART: RestartPolicy = { ...SERVICE_RESTART, Attempts: 3, Interval: 24 * HOUR };
const SERVICE_RESCHEDULE: ReschedulePolicy = {
  Attempts: 0,
  Interval: 0,
  Delay: 30 * SECOND,
  DelayFunction: "exponential",
  MaxDelay: HOUR,
  Unlimited: true,
};
const BATCH_RESCHEDULE: ReschedulePolicy = {
  Attempts: 1,
  Interval: 24 * HOUR,
  Delay: 5 * SECOND,
  DelayFunction: "constant",
  MaxDelay: 0,
  Unlimited: false,
};
const UPDATE: UpdateStrategy = {
  Stagger: 30 * SECOND,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 5 * MINUTE,
  ProgressDeadline: 10 * MINUTE,
  Canary: 0,
  AutoRevert: false,
  AutoPromote: false,
};
const MIGRATE: MigrateStrategy = { MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 10 * SECOND, HealthyDeadline: 5 * MINUTE };

/** The policies a job of a type has when its author says nothing; null: the type has no such policy. */
export interface TypePolicies {
  readonly restart: RestartPolicy;
  readonly reschedule: ReschedulePolicy | null;
  readonly update: UpdateStrategy | null;
  readonly migrate: MigrateStrategy | null;
}

export function policiesOf(type: string): TypePolicies {
  switch (type) {
    case "batch":
      return { restart: BATCH_RESTART, reschedule: BATCH_RESCHEDULE, update: null, migrate: null };
    case "sysbatch":
      return { restart: BATCH_RESTART, reschedule: null, update: null, migrate: null };
    case "system":
      return { restart: SERVICE_RESTART, reschedule: null, update: UPDATE, migrate: null };
    default:
      return { restart: SERVICE_RESTART, reschedule: SERVICE_RESCHEDULE, update: UPDATE, migrate: MIGRATE };
  }
}

/** Step: every group and task gets the policies that hold for it. */
export function settlePolicies(job: Job): Job {
  const defaults = policiesOf(job.Type);
  const update = merged(defaults.update, job.Update);
  return { ...job, Update: update, TaskGroups: job.TaskGroups.map((group) => settleGroup({ ...job, Update: update }, group, defaults)) };
}

function settleGroup(job: Job, group: TaskGroup, defaults: TypePolicies): TaskGroup {
  const restart = merged(defaults.restart, group.RestartPolicy) as RestartPolicy;
  return {
    ...group,
    RestartPolicy: restart,
    ReschedulePolicy: merged(defaults.reschedule, job.Reschedule, group.ReschedulePolicy),
    Update: merged(defaults.update, job.Update, group.Update),
    Migrate: merged(defaults.migrate, job.Migrate, group.Migrate),
    Tasks: group.Tasks.map((task): Task => ({ ...task, RestartPolicy: merged(restart, task.RestartPolicy) })),
  };
}

/** Later layers win field by field where they say something; null when no layer is there. */
function merged<T extends object>(...layers: readonly (T | null)[]): T | null {
  const present = layers.filter((layer): layer is T => layer !== null);
  if (present.length === 0) return null;
  const all = present.flatMap((layer) => Object.entries(layer).filter(([, value]) => value !== null));
  const named = present.flatMap((layer) => Object.entries(layer));
  // Fields nobody set keep their null, so that the noun stays complete.
  return Object.fromEntries([...named.map(([key]) => [key, null] as const), ...all]) as T;
}
