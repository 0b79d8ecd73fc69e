/**
 * The environment a task is started with, and the names its strings are interpolated from. Pure. nomad.md §2.1, §2.2.
 *
 * From weak to strong: the host's variables (not for images; never the denied ones), what Drover says (NOMAD_*), the job's
 * meta, the task's `env`. Values of `env` and meta are interpolated.
 */
import { allocationIndex, type Allocation, type Node, type Task, type TaskGroup } from "#model";
import type { AllocationNetwork } from "#ports";
import { coreList } from "./core-list.ts";
import { interpolate, nodeNames, type Names } from "./interpolate.ts";
import { meshVariables } from "./mesh-variables.ts";
import { portVariables, variableName } from "./port-variables.ts";

/** Never handed from the agent's environment to a task, unless the operator lists others. */
export const HOST_VARIABLES_DENIED: readonly string[] = [
  "CONSUL_TOKEN",
  "CONSUL_HTTP_TOKEN",
  "CONSUL_HTTP_TOKEN_FILE",
  "NOMAD_TOKEN",
  "VAULT_TOKEN",
  "CONSUL_LICENSE",
  "CONSUL_LICENSE_PATH",
  "NOMAD_LICENSE",
  "NOMAD_LICENSE_PATH",
  "VAULT_LICENSE",
  "VAULT_LICENSE_PATH",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_METADATA_URL",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "GOOGLE_OAUTH_ACCESS_TOKEN",
];

export interface EnvironmentRequest {
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  /** undefined: the group's own, for what belongs to no task (its services). */
  readonly task: Task | undefined;
  readonly node: Node;
  readonly region: string;
  /** As the task sees them: host paths without isolation, else /alloc, /local, /secrets. */
  readonly paths: { readonly shared: string; readonly local: string; readonly secrets: string };
  /** The agent's own environment, or {} when the task gets none of it. */
  readonly host: Readonly<Record<string, string | undefined>>;
  readonly hostDenied: readonly string[];
  /** Further names for `${…}`: what stands behind `secret.…` and `sealed.…`. */
  readonly further?: Names;
  /** The allocation's own; undefined: the machine's is its. */
  readonly network?: AllocationNetwork | undefined;
}

export interface TaskEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** For every other string of the task: config, user, kill_signal, … */
  readonly names: Names;
}

export function buildEnvironment(request: EnvironmentRequest): TaskEnvironment {
  const names = nodeNames(request.node, request.region);
  for (const [name, value] of request.further ?? []) names.set(name, value);
  const variables = new Map<string, string>();
  const set = (name: string, value: string) => {
    variables.set(name, value);
    names.set(name, value);
  };
  const denied = new Set(request.hostDenied);
  for (const [name, value] of Object.entries(request.host)) {
    if (value !== undefined && !denied.has(name)) set(name, value);
  }
  for (const [name, value] of identityVariables(request)) set(name, value);
  for (const [name, value] of portVariables(request.allocation, request.network)) set(name, value);
  for (const [name, value] of meshVariables(request.allocation.ID, request.group, names)) set(name, value);
  for (const [key, value] of Object.entries(mergedMeta(request))) {
    const text = interpolate(value, names);
    for (const name of [key, variableName(key), key.toUpperCase(), variableName(key).toUpperCase()]) set(`NOMAD_META_${name}`, text);
  }
  // Entries of `env` see everything above, and each other in the order of their names (a map has none of its own).
  const own = Object.entries(request.task?.Env ?? {}).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const before = new Map(names);
  for (const [key, value] of own) set(interpolate(key, before), interpolate(value, names));
  return { variables: Object.fromEntries(variables), names };
}

function* identityVariables({ allocation, group, task, node, region, paths, network }: EnvironmentRequest): Generator<[string, string]> {
  const job = allocation.Job;
  const given = task === undefined ? undefined : allocation.AllocatedResources.Tasks[task.Name];
  yield ["NOMAD_ALLOC_DIR", paths.shared];
  // Drover's own: where names of services are answered on this node, host:port.
  const dns = node.Attributes["unique.drover.dns.address"];
  // Nobody answers on the loopback of a network of its own: resolv.conf names who does.
  const reached = network === undefined || !/^(127\.|\[::1\])/.test(dns ?? "");
  if (dns !== undefined && reached) yield ["DROVER_DNS_ADDR", dns];
  if (task !== undefined) {
    yield ["NOMAD_TASK_DIR", paths.local];
    yield ["NOMAD_SECRETS_DIR", paths.secrets];
  }
  yield ["NOMAD_ALLOC_ID", allocation.ID];
  yield ["NOMAD_SHORT_ALLOC_ID", allocation.ID.slice(0, 8)];
  yield ["NOMAD_ALLOC_NAME", allocation.Name];
  const index = allocationIndex(allocation.Name);
  if (index >= 0) yield ["NOMAD_ALLOC_INDEX", String(index)];
  if (task !== undefined) yield ["NOMAD_TASK_NAME", task.Name];
  yield ["NOMAD_GROUP_NAME", group.Name];
  yield ["NOMAD_JOB_ID", job.ID];
  yield ["NOMAD_JOB_NAME", job.Name];
  if (job.ParentID !== "") yield ["NOMAD_JOB_PARENT_ID", job.ParentID];
  yield ["NOMAD_DC", node.Datacenter];
  yield ["NOMAD_REGION", region];
  yield ["NOMAD_NAMESPACE", allocation.Namespace];
  if (node.CgroupParent !== "") yield ["NOMAD_PARENT_CGROUP", node.CgroupParent];
  if (given === undefined) return;
  yield ["NOMAD_CPU_LIMIT", String(given.Cpu.CpuShares)];
  if (given.Cpu.ReservedCores.length > 0) yield ["NOMAD_CPU_CORES", coreList(given.Cpu.ReservedCores)];
  yield ["NOMAD_MEMORY_LIMIT", String(given.Memory.MemoryMB)];
  if (given.Memory.MemoryMaxMB > 0) yield ["NOMAD_MEMORY_MAX_LIMIT", String(given.Memory.MemoryMaxMB)];
}

/** Task over group over job; dispatch meta that may be given and was not is empty. */
function mergedMeta({ allocation, group, task }: EnvironmentRequest): Record<string, string> {
  const job = allocation.Job;
  const optional = Object.fromEntries((job.ParameterizedJob?.MetaOptional ?? []).map((key) => [key, ""]));
  return { ...optional, ...job.Meta, ...group.Meta, ...task?.Meta };
}
