/**
 * A small stand-in for the rooms behind the door: a state one can write into, a server that notes what it is asked, a node with
 * files in memory. Snapshots are views of frozen maps, as the real ones are.
 */
import { once, EventEmitter } from "node:events";
import { createApi, type AgentFacts, type Api, type ApiOptions } from "#api/server";
import type { Cluster, ServerDescription } from "#cluster";
import {
  BUILT_IN_NODE_POOLS,
  DEFAULT_AUTOPILOT_CONFIGURATION,
  DEFAULT_NAMESPACE_RECORD,
  DEFAULT_SCHEDULER_CONFIGURATION,
  newEvaluation,
  type Allocation,
  type Deployment,
  type Evaluation,
  type Event,
  type Job,
  type JobSummary,
  type NamespaceRecord,
  type Node,
  type NodePool,
} from "#model";
import { admitJob } from "#jobspec";
import type { FileFrame, NodeServices } from "#ports";
import type { Server, Timing } from "#server";
import type { Change, Snapshot, State, TableName } from "#state";
import { NamedError } from "#std";

const ADMISSION = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

export function aJob(id: string, fields: Record<string, unknown> = {}): Job {
  const job = admitJob(
    {
      ID: id,
      Name: id,
      Type: "batch",
      Datacenters: ["dc1"],
      TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "mock", Config: {} }] }],
    },
    ADMISSION,
  ).job;
  return {
    ...job,
    Status: "running",
    SubmitTime: 1_790_000_000_123_456_768,
    CreateIndex: 5,
    ModifyIndex: 7,
    JobModifyIndex: 5,
    ...fields,
  } as Job;
}

export function anAllocation(id: string, job: Job, fields: Record<string, unknown> = {}): Allocation {
  return {
    ID: id,
    Namespace: job.Namespace,
    EvalID: "e1",
    Name: `${job.ID}.g[0]`,
    NodeID: "n1",
    NodeName: "one",
    JobID: job.ID,
    JobVersion: job.Version,
    Job: job,
    TaskGroup: "g",
    AllocatedResources: {
      Tasks: { t: { Cpu: { CpuShares: 100, ReservedCores: [] }, Memory: { MemoryMB: 300, MemoryMaxMB: 0 }, Networks: [], Devices: [] } },
      TaskLifecycles: {},
      Shared: { DiskMB: 300, Networks: [], Ports: [] },
    },
    Metrics: null,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: {},
    ClientStatus: "running",
    ClientDescription: "",
    TaskStates: { t: { State: "running", Failed: false, Restarts: 0, LastRestart: null, StartedAt: null, FinishedAt: null, Events: [] } },
    DeploymentID: "",
    DeploymentStatus: null,
    FollowupEvalID: "",
    PreviousAllocation: "",
    NextAllocation: "",
    RescheduleTracker: null,
    PreemptedAllocations: [],
    PreemptedByAllocation: "",
    CreateIndex: 8,
    ModifyIndex: 9,
    AllocModifyIndex: 8,
    CreateTime: 1_790_000_000_000_000_000,
    ModifyTime: 1_790_000_000_000_000_000,
    ...fields,
  } as unknown as Allocation;
}

export function anEvaluation(id: string, fields: Record<string, unknown> = {}): Evaluation {
  return newEvaluation({
    ID: id,
    Namespace: "default",
    Priority: 50,
    Type: "batch",
    TriggeredBy: "job-register",
    JobID: "web",
    CreateIndex: 6,
    ModifyIndex: 6,
    ...fields,
  } as unknown as Evaluation);
}

export function aNode(id: string, fields: Record<string, unknown> = {}): Node {
  return {
    ID: id,
    SecretID: "5ecr3t-of-the-node",
    Datacenter: "dc1",
    Name: `name-${id}`,
    NodePool: "default",
    NodeClass: "",
    HTTPAddr: "127.0.0.1:4646",
    TLSEnabled: false,
    Attributes: { "os.name": "debian", "unique.hostname": "h" },
    NodeResources: {
      Cpu: { CpuShares: 4000, TotalCpuCores: 2, ReservableCpuCores: [0, 1] },
      Memory: { MemoryMB: 4096 },
      Disk: { DiskMB: 10_000 },
      Networks: [],
      Devices: [],
      MinDynamicPort: 20_000,
      MaxDynamicPort: 32_000,
    },
    ReservedResources: { Cpu: { CpuShares: 0 }, Memory: { MemoryMB: 0 }, Disk: { DiskMB: 0 }, Networks: { ReservedHostPorts: "" } },
    Links: {},
    Meta: {},
    CgroupParent: "",
    Drivers: {},
    HostVolumes: {},
    HostNetworks: {},
    DrainStrategy: null,
    SchedulingEligibility: "eligible",
    Status: "ready",
    StatusDescription: "",
    StatusUpdatedAt: 1_790_000_000,
    Events: [],
    LastDrain: null,
    ComputedClass: "c",
    CreateIndex: 2,
    ModifyIndex: 3,
    ...fields,
  } as unknown as Node;
}

/** What the tests write and the API reads. */
export class FakeState {
  jobs: readonly Job[] = [];
  summaries: ReadonlyMap<string, JobSummary> = new Map();
  nodes: readonly Node[] = [];
  #allocations: readonly Allocation[] = [];
  #evaluations: readonly Evaluation[] = [];
  #deployments: readonly Deployment[] = [];
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #known = new Set<string>();
  namespaces: readonly NamespaceRecord[] = [DEFAULT_NAMESPACE_RECORD];
  nodePools: readonly NodePool[] = BUILT_IN_NODE_POOLS;
  configuration = DEFAULT_SCHEDULER_CONFIGURATION;
  index = 10;
  readonly moved: Record<TableName, number> = {
    jobs: 10,
    "job-summaries": 10,
    nodes: 10,
    allocations: 10,
    evaluations: 10,
    deployments: 1,
    namespaces: 1,
    "node-pools": 1,
    "scaling-events": 1,
    "periodic-launches": 1,
    "scheduler-configuration": 1,
    services: 1,
    "root-keys": 1,
    variables: 1,
    "restart-turns": 1,
    "acl-policies": 1,
    "acl-roles": 1,
    "acl-tokens": 1,
    "acl-auth-methods": 1,
    "acl-binding-rules": 1,
    "one-time-tokens": 1,
  };
  readonly #changes = new EventEmitter().setMaxListeners(0);
  /** How long each wait was to be. */
  readonly waitsMs: number[] = [];
  /** Runs between a read of the API and the wait that follows it. */
  beforeWait: (() => void) | undefined;

  get allocations() {
    return this.#allocations;
  }
  set allocations(all: readonly Allocation[]) {
    this.#allocations = all;
    this.#tell("allocations", all);
  }
  get evaluations() {
    return this.#evaluations;
  }
  set evaluations(all: readonly Evaluation[]) {
    this.#evaluations = all;
    this.#tell("evaluations", all);
  }
  get deployments() {
    return this.#deployments;
  }
  set deployments(all: readonly Deployment[]) {
    this.#deployments = all;
    this.#tell("deployments", all);
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is new among them, oldest first, as the state tells it. */
  #tell(table: "allocations" | "evaluations" | "deployments", all: readonly { readonly ID: string; readonly CreateIndex: number }[]): void {
    const made = all.filter((one) => !this.#known.has(`${table} ${one.ID} ${one.CreateIndex}`));
    for (const one of made.toSorted((a, b) => a.CreateIndex - b.CreateIndex || (a.ID < b.ID ? -1 : 1))) {
      this.#known.add(`${table} ${one.ID} ${one.CreateIndex}`);
      const change = { index: one.CreateIndex, allocations: [], evaluations: [], deployments: [], [table]: [one] } as unknown as Change;
      for (const listener of this.#listeners) listener(change);
    }
  }

  write(table: TableName, change: () => void): number {
    change();
    this.index++;
    this.moved[table] = this.index;
    this.#changes.emit("change");
    return this.index;
  }

  snapshot(): Snapshot {
    const { jobs, summaries, nodes, allocations, evaluations, deployments, namespaces, nodePools, configuration, index } = this;
    const byName = <T extends { Name: string }>(of: readonly T[], prefix = "") =>
      of.filter((one) => one.Name.startsWith(prefix)).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
    const moved = { ...this.moved };
    let byId: Map<string, Allocation> | undefined;
    const byKey = <T extends { ID: string }>(of: readonly T[]) => of.toSorted((a, b) => (a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0));
    const some = <T extends { ID: string }>(of: readonly T[], prefix = "") => byKey(of.filter((one) => one.ID.startsWith(prefix)));
    return {
      index,
      tableIndex: (...tables: TableName[]) => Math.max(1, ...tables.map((table) => moved[table])),
      job: (namespace: string, id: string) => jobs.find((job) => job.Namespace === namespace && job.ID === id),
      jobVersion: (namespace: string, id: string) => jobs.find((job) => job.Namespace === namespace && job.ID === id),
      jobVersions: (namespace: string, id: string) => jobs.filter((job) => job.Namespace === namespace && job.ID === id),
      jobs: (namespace: string, prefix?: string, after?: { Namespace: string; ID: string }) =>
        some(jobs, prefix)
          .filter((job) => namespace === "*" || job.Namespace === namespace)
          .filter(
            (job) => after === undefined || job.Namespace > after.Namespace || (job.Namespace === after.Namespace && job.ID > after.ID),
          )
          .sort((a, b) => (a.Namespace < b.Namespace ? -1 : a.Namespace > b.Namespace ? 1 : 0)),
      jobSummary: (_namespace: string, id: string) => summaries.get(id),
      submission: (_namespace: string, id: string, version: number) =>
        id === "web" && version === 0 ? { Source: "job {}", Format: "hcl2", VariableFlags: {}, Variables: "" } : undefined,
      node: (id: string) => nodes.find((node) => node.ID === id),
      nodes: (prefix?: string) => some(nodes, prefix),
      nodeCount: nodes.length,
      allocation: (id: string) => (byId ??= new Map(allocations.map((one) => [one.ID as string, one]))).get(id),
      allocations: (prefix?: string) => some(allocations, prefix),
      allocationsByJob: (_namespace: string, id: string) => allocations.filter((one) => one.JobID === id),
      allocationsByNode: (id: string) => allocations.filter((one) => one.NodeID === id),
      allocationsByEvaluation: (id: string) => allocations.filter((one) => one.EvalID === id),
      evaluation: (id: string) => evaluations.find((one) => one.ID === id),
      evaluations: (prefix?: string) => some(evaluations, prefix),
      evaluationsByJob: (_namespace: string, id: string) => evaluations.filter((one) => one.JobID === id),
      deployment: (id: string) => deployments.find((one) => one.ID === id),
      deployments: (prefix?: string) => some(deployments, prefix),
      deploymentsByJob: (namespace: string, id: string) =>
        deployments.filter((one) => one.Namespace === namespace && one.JobID === id).toSorted((a, b) => b.CreateIndex - a.CreateIndex),
      allocationsByDeployment: (id: string) => allocations.filter((one) => one.DeploymentID === id),
      childJobs: (_namespace: string, id: string) => jobs.filter((job) => job.ParentID === id),
      namespaces: (prefix?: string) => byName(namespaces, prefix),
      namespace: (name: string) => namespaces.find((one) => one.Name === name),
      nodePools: (prefix?: string) => byName(nodePools, prefix),
      nodePool: (name: string) => nodePools.find((one) => one.Name === name),
      services: () => [],
      servicesByName: () => [],
      servicesByJob: () => [],
      servicesByAllocation: () => [],
      rootKeys: () => [],
      variables: () => [],
      schedulerConfiguration: () => configuration,
    } as unknown as Snapshot;
  }

  async changed(tables: readonly TableName[], index: number, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    this.waitsMs.push(waitMs);
    this.beforeWait?.();
    const limit = AbortSignal.any([AbortSignal.timeout(waitMs), ...(signal === undefined ? [] : [signal])]);
    while (!tables.some((table) => this.moved[table] > index)) {
      try {
        await once(this.#changes, "change", { signal: limit });
      } catch {
        return false;
      }
    }
    return true;
  }
}

export interface World {
  readonly api: Api;
  readonly state: FakeState;
  /** Operation names and arguments in the order they were asked. */
  readonly asked: { readonly operation: string; readonly arguments: readonly unknown[] }[];
  readonly faults: unknown[];
  /** What the event stream yields; pushing wakes its readers. */
  readonly events: EventSource;
  readonly services: FakeNode;
}

export class EventSource {
  readonly batches: { readonly Index: number; readonly Events: readonly Event[] }[] = [];
  /** How many batches readers have taken. */
  taken = 0;
  /** How many readers have ended. */
  left = 0;
  lagged = false;
  readonly #news = new EventEmitter();
  push(index: number): void {
    this.batches.push({
      Index: index,
      Events: [{ Topic: "Job", Type: "JobRegistered", Key: "web", Namespace: "default", FilterKeys: [], Index: index, Payload: {} }],
    });
    this.#news.emit("news");
  }
  async *read(_options: unknown, signal: AbortSignal) {
    try {
      yield* this.#read(signal);
    } finally {
      this.left++;
    }
  }
  async *#read(signal: AbortSignal) {
    for (let at = 0; ; at++) {
      if (this.lagged)
        throw new NamedError("EVENT_STREAM_LAGGED", "Cannot follow the event stream: the reader fell behind, resume from index 42");
      while (at >= this.batches.length) {
        try {
          await once(this.#news, "news", { signal });
        } catch {
          return;
        }
      }
      this.taken++;
      yield this.batches[at] as (typeof this.batches)[number];
    }
  }
}

/** One allocation's files, in memory. */
export class FakeNode implements NodeServices {
  readonly calls: string[] = [];
  log: Uint8Array = Buffer.from("hello\nworld\n");
  /** How often a chunk of the endless file was taken. */
  endlessTaken = 0;

  exec(..._asked: readonly unknown[]): never {
    throw new NamedError("DRIVER_EXEC_UNSUPPORTED", "Cannot exec here", { statusCode: 400 });
  }
  async checks() {
    return {};
  }
  async metadata() {
    return { Meta: {}, Dynamic: {}, Static: {} };
  }
  async changeMetadata(changes: object) {
    this.calls.push(`metadata ${JSON.stringify(changes)}`);
    return { Meta: {}, Dynamic: {}, Static: {} };
  }
  async listFiles(_id: string, path: string) {
    this.calls.push(`ls ${path}`);
    return [{ Name: "alloc", IsDir: true, Size: 0, FileMode: "drwxr-xr-x", ModTime: "2026-01-01T00:00:00Z" }];
  }
  async statFile(_id: string, path: string) {
    if (path === "/missing") throw new NamedError("FILE_NOT_FOUND", 'Cannot read "/missing": no such file', { statusCode: 404 });
    return { Name: "t", IsDir: false, Size: 12, FileMode: "-rw-r--r--", ModTime: "2026-01-01T00:00:00Z" };
  }
  async *readFile(request: { Path: string; Offset: number; Limit: number }): AsyncGenerator<FileFrame> {
    if (request.Path === "/missing") throw new NamedError("FILE_NOT_FOUND", 'Cannot read "/missing": no such file', { statusCode: 404 });
    while (request.Path === "/endless") {
      this.endlessTaken++;
      yield { Offset: 0, Data: new Uint8Array(64 * 1024), File: "/endless", FileEvent: "" };
    }
    const end = request.Limit < 0 ? undefined : request.Offset + request.Limit;
    yield { Offset: request.Offset, Data: this.log.subarray(request.Offset, end), File: request.Path, FileEvent: "" };
  }
  async *readLogs(request: { Task: string; Follow: boolean }, signal: AbortSignal): AsyncGenerator<FileFrame> {
    if (request.Task === "nope") throw new NamedError("TASK_UNKNOWN", 'Unknown task name "nope"', { statusCode: 404 });
    yield { Offset: 0, Data: this.log, File: "t.stdout.0", FileEvent: "" };
    if (request.Follow && !signal.aborted) await once(signal, "abort");
  }
  async allocationUsage() {
    const usage = {
      MemoryStats: { RSS: 1, Cache: 0, Swap: 0, Usage: 1, MaxUsage: 1, KernelUsage: 0, KernelMaxUsage: 0, Measured: [] },
      CpuStats: { SystemMode: 0, UserMode: 0, TotalTicks: 0.5, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 1.5, Measured: [] },
      DeviceStats: [],
    };
    return { ResourceUsage: usage, Tasks: {}, Timestamp: 1_790_000_000_000_000_000 };
  }
  async hostUsage() {
    const disk = { Device: "/dev/x", Mountpoint: "/", Size: 1, Used: 1, Available: 1, UsedPercent: 1, InodesUsedPercent: 1 };
    return {
      Memory: { Total: 1, Available: 1, Used: 1, Free: 1 },
      CPU: [],
      DiskStats: [disk],
      AllocDirStats: disk,
      DeviceStats: [],
      Uptime: 1,
      CPUTicksConsumed: 0.5,
      Timestamp: 1_790_000_000_000_000_000,
    };
  }
  async restartAllocation(id: string, task: string, all: boolean) {
    this.calls.push(`restart ${id} ${task} ${all}`);
  }
  async signalAllocation(id: string, task: string, signal: string) {
    this.calls.push(`signal ${id} ${task} ${signal}`);
  }
  async mesh() {
    return { Proxies: [], Intentions: [], IntentionsProblem: "" };
  }
  async preflight() {
    return [];
  }
  async collectAllocation(id: string) {
    this.calls.push(`gc ${id}`);
  }
  async collectAll() {
    this.calls.push("gc all");
  }
}

export const CLOCK: ApiOptions["clock"] = {
  nowMs: () => Date.now(),
  nowNs: () => Date.now() * 1e6,
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
};

function agentFacts(): AgentFacts {
  const member = {
    Name: "one.global",
    Addr: "127.0.0.1",
    Port: 4648,
    Tags: { region: "global", dc: "dc1", id: "s1", port: "4647", build: "2.0.6" },
    Status: "alive",
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  };
  return {
    version: "0.1.0",
    config: () => ({ Region: "global", Consul: { Token: "t0psecret", Addr: "127.0.0.1:8500" }, Server: { EncryptKey: "k3y" } }),
    member: () => member,
    members: () => [member],
    serverAddresses: () => ["127.0.0.1:4647"],
    setServerAddresses: async () => undefined,
    health: () => ({ server: { ok: true, message: "ok" }, client: { ok: true, message: "ok" } }),
    stats: () => ({ nomad: { leader: "true" } }),
    startedAtMs: 1_790_000_000_000,
    schedulerWorkers: 2,
    host: async () => ({ OS: "Linux", Network: [], ResolvConf: "", Hosts: "", Environment: {}, Disk: {} }),
    reload: () => undefined,
    profile: async (name) => Buffer.from(name),
    async *monitor(how, signal) {
      yield `a line at ${how.level}\n`;
      if (!signal.aborted) await once(signal, "abort");
    },
  };
}

const STATISTICS = { "broker.total_ready": 3, "broker.total_unacked": 1, "heartbeat.active": 1 };

const TIMINGS: readonly Timing[] = [
  {
    Name: "plan.apply",
    Count: 2,
    Sum: 6,
    Rate: 0.6,
    Min: 2,
    Max: 4,
    Mean: 3,
    Stddev: 1.5,
    Quantiles: [
      [0.5, 2],
      [0.99, 4],
    ],
    TotalCount: 7,
    TotalSum: 30,
  },
  {
    Name: "worker.invoke_scheduler_batch",
    Count: 0,
    Sum: 0,
    Rate: 0,
    Min: 0,
    Max: 0,
    Mean: 0,
    Stddev: 0,
    Quantiles: [[0.5, NaN]],
    TotalCount: 1,
    TotalSum: 5,
  },
];

/** The one server there is, as the log knows it. */
export function aServer(SyncedIndex: number, Leader = true): ServerDescription {
  const RpcAddress = "127.0.0.1:4647";
  return {
    ServerId: "s1",
    Name: "one.global",
    RpcAddress,
    HttpAddress: "",
    Leader,
    Version: "0.1.0",
    FeatureLevel: 1,
    SyncedIndex,
    Time: 0,
  };
}

/** One job "web" with an allocation and an evaluation on node n1. */
export function createWorld(more: Partial<ApiOptions> = {}): World {
  const state = new FakeState();
  const asked: World["asked"] = [];
  const faults: unknown[] = [];
  const events = new EventSource();
  const services = new FakeNode();
  const job = aJob("web", { Type: "service" });
  state.jobs = [job];
  state.summaries = new Map([
    [
      "web",
      {
        JobID: job.ID,
        Namespace: job.Namespace,
        Children: { Pending: 0, Running: 0, Dead: 0 },
        CreateIndex: 5,
        ModifyIndex: 9,
        Summary: { g: { Queued: 0, Complete: 0, Failed: 0, Running: 1, Starting: 0, Lost: 0, Unknown: 0 } },
      },
    ],
  ]);
  state.nodes = [aNode("n1")];
  state.allocations = [anAllocation("a1", job)];
  state.evaluations = [anEvaluation("e1", { Status: "complete" })];
  const cluster = {
    clusterId: "c",
    serverId: "s1",
    leads: true,
    leaderAddress: "127.0.0.1:4647",
    servers: async () => [aServer(state.index)],
    lastContactMs: () => 0,
    read: async () => state.snapshot(),
    state: {
      get index() {
        return state.index;
      },
      snapshot: () => state.snapshot(),
      watch: { changed: state.changed.bind(state), subscribe: state.subscribe.bind(state) },
      events,
    } as unknown as State,
  } as unknown as Cluster;
  const answer = { EvalID: "e9", EvalCreateIndex: 11, JobModifyIndex: 11, Warnings: "", Index: 11, EvalIDs: ["e9"], Updated: true };
  const server = new Proxy({} as Server, {
    get(_target, operation: string) {
      if (operation === "nodeServices") return () => services;
      if (operation === "statistics") return () => STATISTICS;
      if (operation === "timings") return () => TIMINGS;
      if (operation === "autopilotConfiguration") return () => DEFAULT_AUTOPILOT_CONFIGURATION;
      if (operation === "serversStableSinceMs") return () => ({ s1: 1_790_000_000_000 });
      if (operation === "variables") return { asker: async () => null, may: () => true };
      if (operation === "explainJob")
        return (namespace: string, id: string) => ({ Namespace: namespace, JobID: id, Reasons: [], Past: [] });
      if (operation === "scaleStatus") return (namespace: string, id: string) => ({ Namespace: namespace, JobID: id, TaskGroups: {} });
      return async (...given: unknown[]) => {
        asked.push({ operation, arguments: given });
        if (operation === "planJob")
          return {
            Annotations: null,
            FailedTGAllocs: {},
            JobModifyIndex: 5,
            CreatedEvals: [],
            Diff: null,
            NextPeriodicLaunch: null,
            Warnings: "",
          };
        return answer;
      };
    },
  });
  const api = createApi({
    server,
    cluster,
    localNode: null,
    agent: agentFacts(),
    clock: CLOCK,
    random: { fraction: () => 0, integer: () => 0, uuid: () => "u" },
    region: "global",
    datacenter: "dc1",
    onFault: ({ error }) => faults.push(error),
    ...more,
  });
  return { api, state, asked, faults, events, services };
}
