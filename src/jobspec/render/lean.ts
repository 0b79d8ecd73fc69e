/** A canonical job without what admission would fill in anyway: what a person would have written. */
import type { TSchema } from "typebox";
import {
  EphemeralDisk,
  type Job,
  LogConfig,
  type MigrateStrategy,
  type ReschedulePolicy,
  Resources,
  type RestartPolicy,
  type Task,
  type TaskGroup,
  type UpdateStrategy,
  fieldsOf,
  noteOf,
  sameValue,
} from "#model";
import { policiesOf } from "../admit/policies.ts";

type Policy = RestartPolicy | ReschedulePolicy | UpdateStrategy | MigrateStrategy;

export function leanJob(job: Job): Job {
  const defaults = policiesOf(job.Type);
  const update = without(job.Update, defaults.update);
  return {
    ...job,
    Namespace: job.Namespace === "default" ? ("" as Job["Namespace"]) : job.Namespace,
    Region: job.Region === "global" ? "" : job.Region,
    Type: job.Type === "service" ? "" : job.Type,
    Priority: job.Priority === 50 ? 0 : job.Priority,
    Datacenters: sameValue(job.Datacenters, ["*"]) ? [] : job.Datacenters,
    NodePool: job.NodePool === "default" ? "" : job.NodePool,
    Update: update,
    TaskGroups: job.TaskGroups.map((group) => leanGroup(job, group)),
  };
}

function leanGroup(job: Job, group: TaskGroup): TaskGroup {
  const defaults = policiesOf(job.Type);
  const count = group.Scaling?.Min ?? 1;
  return {
    ...group,
    Count: group.Count === count ? null : group.Count,
    RestartPolicy: without(group.RestartPolicy, defaults.restart),
    ReschedulePolicy: without(group.ReschedulePolicy, merge(defaults.reschedule, job.Reschedule)),
    Update: without(group.Update, merge(defaults.update, job.Update)),
    Migrate: without(group.Migrate, merge(defaults.migrate, job.Migrate)),
    EphemeralDisk: isDefault(EphemeralDisk, group.EphemeralDisk) ? null : group.EphemeralDisk,
    Networks: group.Networks.map((network) => ({ ...network, MBits: network.MBits === 0 ? null : network.MBits })),
    Tasks: group.Tasks.map((task) => leanTask(group, task)),
  };
}

function leanTask(group: TaskGroup, task: Task): Task {
  const resources =
    task.Resources === null ? null : { ...task.Resources, DiskMB: task.Resources.DiskMB || null, IOPS: task.Resources.IOPS || null };
  return {
    ...task,
    RestartPolicy: without(task.RestartPolicy, group.RestartPolicy),
    LogConfig: isDefault(LogConfig, task.LogConfig) ? null : task.LogConfig,
    Resources: isDefault(Resources, resources) ? null : resources,
  };
}

/** The fields of a policy that say something new; null when none does. */
function without<P extends Policy>(policy: P | null, defaults: P | null): P | null {
  if (policy === null) return null;
  const said = Object.entries(policy).map(([key, value]) => [key, value === defaults?.[key as keyof P] ? null : value] as const);
  return said.every(([, value]) => value === null) && defaults !== null ? null : (Object.fromEntries(said) as unknown as P);
}

function merge<P extends Policy>(defaults: P | null, own: P | null): P | null {
  if (own === null) return defaults;
  return { ...defaults, ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== null)) } as P;
}

function isDefault(schema: TSchema, noun: Readonly<Record<string, unknown>> | null): boolean {
  return noun !== null && fieldsOf(schema).every(([name, field]) => sameValue(noun[name], noteOf(field).default));
}
