/** Steps that fill in what the author left out and depends on the rest of the job. Types and sizes: nomad.md §1.2, §1.3, §1.8, §1.9. */
import {
  DEFAULT_NAMESPACE,
  EphemeralDisk,
  type Identity,
  Job,
  LogConfig,
  type JobId,
  type Namespace,
  Resources,
  type Scaling,
  type Task,
  type TaskGroup,
  fieldsOf,
  noteOf,
} from "#model";
import type { TSchema } from "typebox";
import { verticalType } from "../decode/rules.ts";
import type { Admission } from "./admission.ts";
import { OLD_DISCONNECT, saysSomething } from "./check-policies.ts";

const CPU_DEFAULT = 100;

/** Step: names, place and priority of the job; whatever only servers may set is cleared (they set it again on registration). */
export function settleJob({ job, context }: Admission): Job {
  const cleared = Object.fromEntries(
    fieldsOf(Job)
      .filter(([name, schema]) => noteOf(schema).server === true && name !== "Stop")
      .map(([name, schema]) => [name, noteOf(schema).default]),
  );
  return {
    ...job,
    ...cleared,
    ID: (job.ID === "" ? job.Name : job.ID) as JobId,
    Name: job.Name === "" ? job.ID : job.Name,
    Namespace: (job.Namespace || context.defaultNamespace || DEFAULT_NAMESPACE) as Namespace,
    Region: job.Region || context.defaultRegion,
    Type: job.Type || "service",
    Priority: job.Priority === 0 ? context.priorityDefault : job.Priority,
    Datacenters: job.Datacenters.length === 0 ? ["*"] : job.Datacenters,
    NodePool: job.NodePool || "default",
    // The public Go client writes "" where the author says nothing.
    ParameterizedJob: job.ParameterizedJob && { ...job.ParameterizedJob, Payload: job.ParameterizedJob.Payload || "optional" },
    // Clients copy these from the caller's environment. They are the caller's secrets and are never stored.
    ConsulToken: "",
    VaultToken: "",
  };
}

/** Step: counts, disks, and what each task has even if its author says nothing. */
export function settleGroups({ job }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map(settleGroup) };
}

function settleGroup(group: TaskGroup): TaskGroup {
  const count = group.Count ?? group.Scaling?.Min ?? 1;
  return {
    ...group,
    Count: count,
    ...settleDisconnect(group),
    EphemeralDisk: group.EphemeralDisk ?? (defaultsOf(EphemeralDisk) as unknown as EphemeralDisk),
    Scaling: group.Scaling === null ? null : settleScaling(group.Scaling, count),
    ShutdownDelay: group.ShutdownDelay === 0 ? null : group.ShutdownDelay,
    Networks: group.Networks.map((network) => ({ ...network, MBits: network.MBits ?? 0 })),
    Tasks: group.Tasks.map(settleTask),
  };
}

/** The old fields say what the block says; once it is there they are gone. Both at once: checkDisconnect refuses, nothing moves. */
function settleDisconnect(group: TaskGroup): Pick<TaskGroup, "Disconnect" | (typeof OLD_DISCONNECT)[number]> {
  const { MaxClientDisconnect, StopAfterClientDisconnect, PreventRescheduleOnLost } = group;
  if (group.Disconnect !== null) {
    const Disconnect = { ...group.Disconnect, Replace: group.Disconnect.Replace ?? true };
    return { Disconnect, MaxClientDisconnect, StopAfterClientDisconnect, PreventRescheduleOnLost };
  }
  const old = { MaxClientDisconnect: null, StopAfterClientDisconnect: null, PreventRescheduleOnLost: null };
  if (!OLD_DISCONNECT.some((field) => saysSomething(group[field]))) return { ...old, Disconnect: null };
  return {
    ...old,
    Disconnect: {
      LostAfter: MaxClientDisconnect,
      StopOnClientAfter: StopAfterClientDisconnect,
      Replace: PreventRescheduleOnLost !== true,
      Reconcile: "best_score",
    },
  };
}

function settleScaling(scaling: Scaling, count: number): Scaling {
  return { ...scaling, Type: scaling.Type || "horizontal", Min: scaling.Min ?? count, Enabled: scaling.Enabled ?? true };
}

/** Clients of the API send "" where a job file says nothing. */
function settleIdentity(identity: Identity): Identity {
  return { ...identity, ChangeMode: identity.ChangeMode || "noop", ChangeSignal: identity.ChangeSignal.toUpperCase() };
}

function settleTask(task: Task): Task {
  const resources = task.Resources ?? (defaultsOf(Resources) as unknown as Resources);
  return {
    ...task,
    Resources: {
      ...resources,
      // Whole cores are worth what the node's cores are worth.
      CPU: resources.Cores > 0 && resources.CPU === CPU_DEFAULT ? 0 : resources.CPU,
      DiskMB: resources.DiskMB ?? 0,
      IOPS: resources.IOPS ?? 0,
    },
    ScalingPolicies: task.ScalingPolicies.map((scaling) => ({ ...settleScaling(scaling, 0), Type: verticalType(scaling.Type) })),
    Identity: task.Identity === null ? null : settleIdentity(task.Identity),
    Identities: task.Identities.map(settleIdentity),
    LogConfig: task.LogConfig ?? (defaultsOf(LogConfig) as unknown as LogConfig),
  };
}

/** A noun of nothing but defaults. */
export function defaultsOf(schema: TSchema): Record<string, unknown> {
  return Object.fromEntries(fieldsOf(schema).map(([name, field]) => [name, structuredClone(noteOf(field).default)]));
}
