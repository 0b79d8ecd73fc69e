/**
 * `${…}` in what is signed, from what the servers know themselves: a node has no say in the claims of what runs on it, beyond its own
 * attributes. Unknown names stay as they are. Pure.
 */
import type { Allocation, Node, Task } from "#model";
import type { Workload } from "./workload.ts";

export type Values = (name: string) => string | undefined;

export function fill(text: string, values: Values): string {
  return text.includes("${") ? text.replace(/\$\{([^}]+)\}/g, (whole, name: string) => values(name.trim()) ?? whole) : text;
}

/** As in a service's name. nomad.md §2.2. */
export function workloadValues(allocation: Allocation, task: Task | undefined, node: Node | undefined): Values {
  const job = allocation.Job;
  const index = /\[(\d+)\]$/.exec(allocation.Name)?.[1] ?? "";
  const meta = { ...job.Meta, ...job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup)?.Meta, ...task?.Meta };
  const known: Readonly<Record<string, string | undefined>> = {
    JOB: job.Name,
    TASKGROUP: allocation.TaskGroup,
    TASK: task?.Name,
    BASE: task === undefined ? `${job.Name}-${allocation.TaskGroup}` : `${job.Name}-${allocation.TaskGroup}-${task.Name}`,
    NOMAD_JOB_ID: job.ID,
    NOMAD_JOB_NAME: job.Name,
    NOMAD_JOB_PARENT_ID: job.ParentID === "" ? undefined : job.ParentID,
    NOMAD_GROUP_NAME: allocation.TaskGroup,
    NOMAD_TASK_NAME: task?.Name,
    NOMAD_ALLOC_ID: allocation.ID,
    NOMAD_SHORT_ALLOC_ID: allocation.ID.slice(0, 8),
    NOMAD_ALLOC_NAME: allocation.Name,
    NOMAD_ALLOC_INDEX: index,
    NOMAD_NAMESPACE: allocation.Namespace,
    NOMAD_REGION: job.Region,
    NOMAD_DC: node?.Datacenter,
  };
  return (name) => {
    if (Object.hasOwn(known, name)) return known[name];
    if (name.startsWith("NOMAD_META_")) return metaOf(meta, name.slice("NOMAD_META_".length));
    return node === undefined ? undefined : nodeValue(node, name);
  };
}

/** In extra_claims: these alone. */
export function claimValues({ allocation, group, task }: Workload, node: Node | undefined): Values {
  const job = allocation.Job;
  const known: Readonly<Record<string, string | undefined>> = {
    "job.region": job.Region,
    "job.namespace": job.Namespace,
    "job.id": job.ParentID === "" ? job.ID : job.ParentID,
    "job.node_pool": job.NodePool,
    "group.name": group.Name,
    "alloc.id": allocation.ID,
    "task.name": task?.Name,
    "node.id": node?.ID,
    "node.datacenter": node?.Datacenter,
    "node.pool": node?.NodePool,
    "node.class": node?.NodeClass,
    "vault.cluster": task?.Vault?.Cluster,
    "vault.namespace": task?.Vault?.Namespace,
    "vault.role": task?.Vault?.Role,
  };
  return (name) => (Object.hasOwn(known, name) ? known[name] : undefined);
}

function metaOf(meta: Readonly<Record<string, string>>, name: string): string | undefined {
  const exact = Object.hasOwn(meta, name)
    ? name
    : Object.keys(meta).find((key) => key.replace(/[^A-Za-z0-9_]/g, "_").toUpperCase() === name);
  return exact === undefined ? undefined : meta[exact];
}

function nodeValue(node: Node, name: string): string | undefined {
  const own: Readonly<Record<string, string>> = {
    "node.unique.id": node.ID,
    "node.unique.name": node.Name,
    "node.datacenter": node.Datacenter,
    "node.class": node.NodeClass,
    "node.pool": node.NodePool,
  };
  if (Object.hasOwn(own, name)) return own[name];
  const [kind, ...rest] = name.split(".");
  const key = rest.join(".");
  const values = kind === "attr" ? node.Attributes : kind === "meta" ? node.Meta : undefined;
  return values !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
}
