/** Nodes, jobs and evaluations for tests of the scheduler: everything ordinary unless said otherwise. */
import { Value } from "typebox/value";
import { EphemeralDisk, Job, newEvaluation, Resources, Task, TaskGroup } from "#model";
import type { Evaluation, Network, Node, NodeDevice } from "#model";

const BLANK = {
  job: Value.Create(Job) as Job,
  group: Value.Create(TaskGroup) as TaskGroup,
  task: Value.Create(Task) as Task,
  resources: Value.Create(Resources) as Resources,
  disk: Value.Create(EphemeralDisk) as EphemeralDisk,
};

/** No nulls where a canonical job has a value. */
export function aTask(fields: Partial<Task> & { cpu?: number; memory?: number; cores?: number } = {}): Task {
  const { cpu = 100, memory = 100, cores = 0, ...rest } = fields;
  const resources = { ...BLANK.resources, CPU: cpu, MemoryMB: memory, Cores: cores };
  return { ...BLANK.task, Name: "main", Driver: "raw_exec", Resources: resources, ...rest };
}

export function aGroup(fields: Partial<TaskGroup> & { cpu?: number; memory?: number; cores?: number; disk?: number } = {}): TaskGroup {
  const { cpu, memory, cores, disk = 10, ...rest } = fields;
  const asked = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(cores === undefined ? {} : { cores }),
  };
  return {
    ...BLANK.group,
    Name: "web",
    Count: 1,
    Tasks: [aTask(asked)],
    EphemeralDisk: { ...BLANK.disk, SizeMB: disk },
    ...rest,
  };
}

export function aJob(fields: Partial<Omit<Job, "ID" | "Namespace">> & { ID?: string } = {}): Job {
  const made = {
    ...BLANK.job,
    ID: "app",
    Name: "app",
    Namespace: "default",
    Type: "service",
    Priority: 50,
    Datacenters: ["*"],
    NodePool: "default",
    Version: 0,
    CreateIndex: 1,
    ModifyIndex: 1,
    JobModifyIndex: 1,
    TaskGroups: [aGroup()],
    ...fields,
  };
  return made as Job;
}

/** Any JSON of ports: `{ http: 80 }` is static, `{ http: 0 }` dynamic. */
export function aNetwork(ports: Readonly<Record<string, number>>, fields: Partial<Network> = {}): Network {
  const port = (Label: string) => ({ Label, Value: ports[Label] as number, To: 0, HostNetwork: "default", IgnoreCollision: false });
  const labels = Object.keys(ports);
  return {
    Mode: "host",
    Device: "",
    CIDR: "",
    IP: "",
    Hostname: "",
    MBits: null,
    DNS: null,
    CNI: null,
    ReservedPorts: labels.filter((label) => (ports[label] as number) > 0).map(port),
    DynamicPorts: labels.filter((label) => ports[label] === 0).map(port),
    ...fields,
  };
}

export interface NodeShape {
  readonly cpu?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly cores?: number;
  readonly reservedPorts?: string;
  readonly bridge?: boolean;
  readonly dynamicPorts?: readonly [first: number, end: number];
  readonly drivers?: readonly string[];
  readonly devices?: readonly NodeDevice[];
}

export function aNode(name: string, fields: Partial<Omit<Node, "ID">> & NodeShape = {}): Node {
  const {
    cpu = 4000,
    memory = 8192,
    disk = 10_000,
    cores = 4,
    reservedPorts = "",
    bridge = false,
    dynamicPorts = [20_000, 32_000],
    drivers = ["raw_exec"],
    devices = [],
    ...rest
  } = fields;
  const node = {
    ID: `node-${name}`,
    SecretID: "",
    Datacenter: "dc1",
    Name: name,
    NodePool: "default",
    NodeClass: "",
    HTTPAddr: "",
    TLSEnabled: false,
    Attributes: { "kernel.name": "linux", "unique.hostname": name },
    NodeResources: {
      Cpu: { CpuShares: cpu, TotalCpuCores: cores, ReservableCpuCores: [...Array(cores).keys()] },
      Memory: { MemoryMB: memory },
      Disk: { DiskMB: disk },
      Networks: [
        { Mode: "host", Device: "eth0", CIDR: "10.0.0.1/32", IP: "10.0.0.1", MBits: 1000 },
        ...(bridge ? [{ Mode: "bridge", Device: "nomad", CIDR: "", IP: "", MBits: 0 }] : []),
      ],
      Devices: devices,
      MinDynamicPort: dynamicPorts[0],
      MaxDynamicPort: dynamicPorts[1],
    },
    ReservedResources: {
      Cpu: { CpuShares: 0 },
      Memory: { MemoryMB: 0 },
      Disk: { DiskMB: 0 },
      Networks: { ReservedHostPorts: reservedPorts },
    },
    Links: {},
    Meta: {},
    CgroupParent: "",
    HostVolumes: {},
    HostNetworks: {},
    DrainStrategy: null,
    SchedulingEligibility: "eligible",
    Drivers: Object.fromEntries(
      drivers.map((driver) => [driver, { Attributes: {}, Detected: true, Healthy: true, HealthDescription: "", UpdateTime: "" }]),
    ),
    Status: "ready",
    StatusDescription: "",
    StatusUpdatedAt: 0,
    Events: [],
    LastDrain: null,
    ComputedClass: "",
    CreateIndex: 1,
    ModifyIndex: 1,
    ...rest,
  } as unknown as Node;
  return node.ComputedClass === "" ? { ...node, ComputedClass: classOf(node) } : node;
}

/** What the server computes of a node: everything that is not unique to it. */
function classOf(node: Node): string {
  const plain = (map: Readonly<Record<string, string>>) => Object.entries(map).filter(([key]) => !key.startsWith("unique."));
  return `v1:${JSON.stringify([node.Datacenter, node.NodePool, node.NodeClass, plain(node.Attributes), plain(node.Meta)])}`;
}

export function anEvaluation(job: Pick<Job, "ID" | "Namespace" | "Type" | "Priority">, fields: Partial<Evaluation> = {}): Evaluation {
  return newEvaluation({
    ID: "e0000000" as Evaluation["ID"],
    Namespace: job.Namespace,
    Priority: job.Priority,
    Type: job.Type,
    TriggeredBy: "job-register",
    JobID: job.ID,
    ...fields,
  });
}

/** "00000000-…": ids in order. */
export function idsFrom(prefix = "id"): () => string {
  let next = 0;
  return () => `${prefix}-${String(next++).padStart(6, "0")}`;
}
