/**
 * Blocks a job file may hold whose runtime this version does not have yet. One table: a row is refused by name, with what to do
 * today; or, where leaving it out does not change what runs, accepted with a warning. Nothing is ignored in silence.
 *
 * When a feature lands, its row goes. Nothing else knows that it was missing.
 */
import type { Job, Network, Task, TaskGroup } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace, warning } from "./finding.ts";
import { policiesOf } from "./policies.ts";

interface Row<Noun> {
  /** As the author writes it. */
  readonly what: string;
  /** Wire field, for the path. */
  readonly field: string;
  readonly present: (noun: Noun, job: Job) => boolean;
  /** What can be done today (refused), or what happens instead (accepted). */
  readonly instead: string;
}

const JOB_REFUSED: readonly Row<Job>[] = [
  {
    what: `type = "system"`,
    field: "Type",
    present: (job) => job.Type === "system" || job.Type === "sysbatch",
    instead: `run a service or batch job with count and a constraint { distinct_hosts = true }`,
  },
  {
    what: `block "periodic"`,
    field: "Periodic",
    present: (job) => job.Periodic !== null,
    instead: "run the job from cron or a systemd timer with `drover job run`",
  },
  {
    what: `block "parameterized"`,
    field: "ParameterizedJob",
    present: (job) => job.ParameterizedJob !== null,
    instead: "pass the parameters as job variables (`-var`) of a batch job",
  },
  { what: `block "multiregion"`, field: "Multiregion", present: (job) => job.Multiregion !== null, instead: "run the job in each region" },
  {
    what: "node_pool",
    field: "NodePool",
    present: (job) => job.NodePool !== "default",
    instead: `leave it out, and constrain on \${node.class} or \${meta.…}`,
  },
];

const GROUP_REFUSED: readonly Row<TaskGroup>[] = [
  {
    what: `block "service"`,
    field: "Services",
    present: (group) => group.Services.length > 0,
    instead: "take the block out; the address is in `drover alloc status` and in NOMAD_ADDR_<label>",
  },
  {
    what: `block "volume"`,
    field: "Volumes",
    present: (group) => Object.keys(group.Volumes).length > 0,
    instead: "keep data in the allocation directory, or let a raw_exec task use a path of the host",
  },
  {
    what: `block "consul"`,
    field: "Consul",
    present: (group) => group.Consul !== null,
    instead: "take the block out, and set CONSUL_HTTP_ADDR in env",
  },
  {
    what: `block "disconnect"`,
    field: "Disconnect",
    present: disconnects,
    instead: "take it out; allocations of a lost node are replaced",
  },
  {
    what: "max_run_duration",
    field: "MaxRunDuration",
    present: (group) => group.MaxRunDuration > 0,
    instead: "let the command limit itself, for example with timeout(1)",
  },
  {
    what: "ephemeral_disk sticky, migrate",
    field: "EphemeralDisk",
    present: (group) => group.EphemeralDisk?.Sticky === true || group.EphemeralDisk?.Migrate === true,
    instead: "leave both out; a replaced allocation starts with an empty disk",
  },
  ...(
    [
      {
        what: "mode",
        field: "Mode",
        present: (network) => network.Mode !== "" && network.Mode !== "host",
        instead: `use mode = "host", the default: tasks share the machine's network`,
      },
      { what: `block "dns"`, field: "DNS", present: (network) => network.DNS !== null, instead: "tasks use the machine's resolv.conf" },
      { what: "hostname", field: "Hostname", present: (network) => network.Hostname !== "", instead: "tasks have the machine's name" },
      {
        what: `block "cni"`,
        field: "CNI",
        present: (network) => network.CNI !== null,
        instead: "take the block out: it has no effect in host mode",
      },
      {
        what: "port host_network",
        field: "HostNetwork",
        present: (network) => portsOf(network).some((port) => port.HostNetwork !== "default"),
        instead: "leave it out: ports are those of the machine's address",
      },
    ] satisfies readonly Row<Network>[]
  ).map((row): Row<TaskGroup> => ({
    what: `network ${row.what}`,
    field: "Networks",
    present: (group) => group.Networks.some((network) => row.present(network)),
    instead: row.instead,
  })),
];

const TASK_REFUSED: readonly Row<Task>[] = [
  {
    what: `block "lifecycle"`,
    field: "Lifecycle",
    present: (task) => task.Lifecycle !== null,
    instead: "do the work at the start of the main task's command",
  },
  {
    what: `block "service"`,
    field: "Services",
    present: (task) => task.Services.length > 0,
    instead: "take the block out; the address is in `drover alloc status` and in NOMAD_ADDR_<label>",
  },
  {
    what: `block "template"`,
    field: "Templates",
    present: (task) => task.Templates.length > 0,
    instead: "write the file in the task's command, or pass values in env",
  },
  {
    what: `block "artifact"`,
    field: "Artifacts",
    present: (task) => task.Artifacts.length > 0,
    instead: "fetch it in the task's command, or put the file on the machine",
  },
  { what: `block "vault"`, field: "Vault", present: (task) => task.Vault !== null, instead: "take the block out" },
  {
    what: `block "consul"`,
    field: "Consul",
    present: (task) => task.Consul !== null,
    instead: "take the block out, and set CONSUL_HTTP_ADDR in env",
  },
  { what: `block "secret"`, field: "Secrets", present: (task) => task.Secrets.length > 0, instead: "take the block out" },
  { what: `block "identity"`, field: "Identities", present: wantsIdentity, instead: "take the block out" },
  {
    what: `block "dispatch_payload"`,
    field: "DispatchPayload",
    present: (task) => task.DispatchPayload !== null,
    instead: "pass the payload in env",
  },
  {
    what: `block "volume_mount"`,
    field: "VolumeMounts",
    present: (task) => task.VolumeMounts.length > 0,
    instead: "keep data in the allocation directory, or let a raw_exec task use a path of the host",
  },
  { what: `block "csi_plugin"`, field: "CSIPluginConfig", present: (task) => task.CSIPluginConfig !== null, instead: "take the block out" },
  { what: `block "schedule"`, field: "Schedule", present: (task) => task.Schedule !== null, instead: "start and stop the job from cron" },
  { what: "kind", field: "Kind", present: (task) => task.Kind !== "", instead: "leave it out: it is set for injected tasks" },
  {
    what: "resources cores",
    field: "Resources.Cores",
    present: (task) => (task.Resources?.Cores ?? 0) > 0,
    instead: "ask for cpu, in MHz",
  },
  {
    what: `resources block "device"`,
    field: "Resources.Devices",
    present: (task) => (task.Resources?.Devices.length ?? 0) > 0,
    instead: "constrain on a node attribute, and open the device in a raw_exec task",
  },
  {
    what: `resources block "numa"`,
    field: "Resources.NUMA",
    present: (task) => !["", "none"].includes(task.Resources?.NUMA?.Affinity ?? ""),
    instead: `leave it out, or use affinity = "none"`,
  },
  {
    what: "resources secrets",
    field: "Resources.SecretsMB",
    present: (task) => (task.Resources?.SecretsMB ?? 0) > 0,
    instead: "leave it out: the secrets directory has 1 MB",
  },
];

const JOB_WARNED: readonly Row<Job>[] = [
  {
    what: `block "affinity"`,
    field: "Affinities",
    present: (job) => job.Affinities.length > 0,
    instead: "nodes are chosen by free resources alone",
  },
  {
    what: `block "spread"`,
    field: "Spreads",
    present: (job) => job.Spreads.length > 0,
    instead: "nodes are chosen by free resources alone",
  },
];

const GROUP_WARNED: readonly Row<TaskGroup>[] = [
  {
    what: `block "affinity"`,
    field: "Affinities",
    present: (group) => group.Affinities.length > 0,
    instead: "nodes are chosen by free resources alone",
  },
  {
    what: `block "spread"`,
    field: "Spreads",
    present: (group) => group.Spreads.length > 0,
    instead: "nodes are chosen by free resources alone",
  },
  {
    what: `block "update"`,
    field: "Update",
    present: (group, job) => differs(group.Update, policiesOf(job.Type).update),
    instead: "an update replaces all changed allocations at once, without canaries or health checks",
  },
  {
    what: `block "migrate"`,
    field: "Migrate",
    present: (group, job) => differs(group.Migrate, policiesOf(job.Type).migrate),
    instead: "nodes cannot be drained yet",
  },
  {
    what: `block "reschedule"`,
    field: "ReschedulePolicy",
    present: (group, job) => differs(group.ReschedulePolicy, policiesOf(job.Type).reschedule),
    instead: "a failed task is restarted on its node, as its restart block says",
  },
  {
    what: `block "scaling"`,
    field: "Scaling",
    present: (group) => group.Scaling !== null,
    instead: "change count and run the job again to scale it",
  },
];

const TASK_WARNED: readonly Row<Task>[] = [
  {
    what: `block "affinity"`,
    field: "Affinities",
    present: (task) => task.Affinities.length > 0,
    instead: "nodes are chosen by free resources alone",
  },
  {
    what: `block "scaling"`,
    field: "ScalingPolicies",
    present: (task) => task.ScalingPolicies.length > 0,
    instead: "change the resources and run the job again",
  },
  { what: `block "action"`, field: "Actions", present: (task) => task.Actions.length > 0, instead: "they are kept, and cannot be run" },
  {
    what: "resources memory_max",
    field: "Resources.MemoryMaxMB",
    present: (task) => (task.Resources?.MemoryMaxMB ?? 0) !== 0,
    instead: "memory is the limit",
  },
];

/** Step: refuse what would run differently without the block, warn where it would not. */
export function* checkLater({ job }: Admission): Iterable<Finding> {
  yield* apply(job, jobPlace(job), job, JOB_REFUSED, JOB_WARNED);
  for (const [g, group] of job.TaskGroups.entries()) {
    yield* apply(job, groupPlace(job, g), group, GROUP_REFUSED, GROUP_WARNED);
    for (const [t, task] of group.Tasks.entries()) yield* apply(job, taskPlace(job, g, t), task, TASK_REFUSED, TASK_WARNED);
  }
}

function* apply<Noun>(job: Job, place: Place, noun: Noun, refused: readonly Row<Noun>[], warned: readonly Row<Noun>[]): Iterable<Finding> {
  for (const row of refused) {
    if (row.present(noun, job))
      yield problem(place, row.field, `${row.what} is not supported by this version of Drover yet: ${row.instead}`);
  }
  for (const row of warned) {
    if (row.present(noun, job))
      yield warning(place, row.field, `${row.what} is kept but not used by this version of Drover yet: ${row.instead}`);
  }
}

const portsOf = (network: Network) => [...network.ReservedPorts, ...network.DynamicPorts];

function disconnects(group: TaskGroup): boolean {
  return (
    group.Disconnect !== null ||
    (group.StopAfterClientDisconnect ?? 0) !== 0 ||
    (group.MaxClientDisconnect ?? 0) !== 0 ||
    group.PreventRescheduleOnLost === true
  );
}

/** Every task has a default identity that no one sees; only one that is shown to the task, or a named one, needs signing. */
function wantsIdentity(task: Task): boolean {
  return (
    task.Identities.length > 0 || task.Identity?.Env === true || task.Identity?.File === true || (task.Identity?.Filepath ?? "") !== ""
  );
}

/** Clients fill in defaults themselves, so what counts is not whether the block is there but whether it says anything new. */
function differs(policy: Readonly<Record<string, unknown>> | null, defaults: Readonly<Record<string, unknown>> | null): boolean {
  if (policy === null) return false;
  if (defaults === null) return true;
  return Object.entries(policy).some(([key, value]) => value !== defaults[key]);
}
