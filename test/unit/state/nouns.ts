/** Nouns for tests of the state: small, whole, and nothing in them that a test has not asked for. */
import type {
  AllocatedResources,
  Allocation,
  AllocationId,
  AllocNetworkStatus,
  Deployment,
  DeploymentGroup,
  DeploymentId,
  Evaluation,
  EvaluationId,
  Job,
  JobId,
  Namespace,
  NamespaceRecord,
  Node,
  NodeId,
  NodePool,
  Plan,
  PlannedAllocation,
  PlannedStop,
  RootKey,
  ServiceRegistration,
  TaskGroup,
  TaskState,
} from "#model";
import { newPlan, DEFAULT_NAMESPACE, Job as JobSchema, newEvaluation, TaskGroup as TaskGroupSchema } from "#model";
import { createVirtualClock } from "#integrations/memory";
import { commandVersion, createState, type Command, type Outcome, type State } from "#state";
import { Value } from "typebox/value";

export function group(name: string, count = 1, with_: Partial<TaskGroup> = {}): TaskGroup {
  return { ...(Value.Create(TaskGroupSchema) as TaskGroup), Name: name, Count: count, ...with_ };
}

export function job(id: string, with_: Partial<Job> = {}): Job {
  return {
    ...(Value.Create(JobSchema) as Job),
    ID: id as JobId,
    Name: id,
    Namespace: DEFAULT_NAMESPACE,
    Type: "service",
    Priority: 50,
    Datacenters: ["dc1"],
    TaskGroups: [group("web")],
    ...with_,
  };
}

export function evaluation(id: string, jobId: string, with_: Partial<Evaluation> = {}): Evaluation {
  return newEvaluation({
    ID: id as EvaluationId,
    Namespace: DEFAULT_NAMESPACE,
    Priority: 50,
    Type: "service",
    TriggeredBy: "job-register",
    JobID: jobId as JobId,
    ...with_,
  });
}

export function node(id: string, with_: Partial<Node> = {}): Node {
  return {
    ID: id as NodeId,
    SecretID: `secret-${id}`,
    Datacenter: "dc1",
    Name: `name-${id}`,
    NodePool: "default",
    NodeClass: "",
    HTTPAddr: "127.0.0.1:4646",
    TLSEnabled: false,
    Attributes: {},
    NodeResources: {
      Cpu: { CpuShares: 4000, TotalCpuCores: 4, ReservableCpuCores: [] },
      Memory: { MemoryMB: 8192 },
      Disk: { DiskMB: 50_000 },
      Networks: [],
      Devices: [],
      MinDynamicPort: 20_000,
      MaxDynamicPort: 32_000,
    },
    ReservedResources: {
      Cpu: { CpuShares: 100 },
      Memory: { MemoryMB: 256 },
      Disk: { DiskMB: 1000 },
      Networks: { ReservedHostPorts: "22,20000-20001" },
    },
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
    StatusUpdatedAt: 0,
    Events: [],
    LastDrain: null,
    ComputedClass: "v1:1",
    CreateIndex: 0,
    ModifyIndex: 0,
    ...with_,
  };
}

export function resources(cpu = 100, memory = 64, disk = 10, ports: readonly number[] = []): AllocatedResources {
  return {
    Tasks: {
      main: { Cpu: { CpuShares: cpu, ReservedCores: [] }, Memory: { MemoryMB: memory, MemoryMaxMB: 0 }, Networks: [], Devices: [] },
    },
    TaskLifecycles: { main: null },
    Shared: {
      DiskMB: disk,
      Networks: [],
      Ports: ports.map((Value, at) => ({ Label: `p${at}`, Value, To: 0, HostIP: "", IgnoreCollision: false })),
    },
  };
}

export function placement(id: string, jobId: string, nodeId: string, with_: Partial<PlannedAllocation> = {}): PlannedAllocation {
  return {
    ID: id as AllocationId,
    Namespace: DEFAULT_NAMESPACE,
    EvalID: "e1" as EvaluationId,
    Name: `${jobId}.web[0]`,
    NodeID: nodeId as NodeId,
    NodeName: `name-${nodeId}`,
    JobID: jobId as JobId,
    JobVersion: 0,
    TaskGroup: "web",
    AllocatedResources: resources(),
    Metrics: null,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: {},
    ClientStatus: "pending",
    ClientDescription: "",
    TaskStates: {},
    DeploymentID: "",
    DeploymentStatus: null,
    FollowupEvalID: "",
    AllocStates: [],
    PreviousAllocation: "",
    NextAllocation: "",
    RescheduleTracker: null,
    PreemptedAllocations: [],
    PreemptedByAllocation: "",
    ...with_,
  };
}

export function stop(id: string, nodeId: string, with_: Partial<PlannedStop> = {}): PlannedStop {
  return {
    ID: id as AllocationId,
    NodeID: nodeId as NodeId,
    DesiredStatus: "stop",
    DesiredDescription: "alloc not needed due to job update",
    ClientStatus: "",
    FollowupEvalID: "",
    PreemptedByAllocation: "",
    ...with_,
  };
}

export function plan(of: Job | null, with_: Partial<Plan> = {}): Plan {
  return newPlan({ EvalID: "e1" as EvaluationId, Priority: 50, Job: of, ...with_ });
}

export function taskState(state: TaskState["State"], with_: Partial<TaskState> = {}): TaskState {
  return {
    State: state,
    Failed: false,
    Restarts: 0,
    LastRestart: null,
    StartedAt: null,
    FinishedAt: null,
    Events: [
      {
        Type: "Received",
        Time: 1_700_000_000_000_000_000,
        Message: "",
        DisplayMessage: "Task received by client",
        Details: {},
        FailsTask: false,
      },
    ],
    ...with_,
  };
}

export function namespaceRecord(Name: string): NamespaceRecord {
  return { Name, Description: "", Meta: {}, Capabilities: null, Quota: "", CreateIndex: 0, ModifyIndex: 0 };
}

export function nodePool(Name: string): NodePool {
  return { Name, Description: "", Meta: {}, SchedulerConfiguration: null, CreateIndex: 0, ModifyIndex: 0 };
}

export function registration(ID: string, with_: Partial<ServiceRegistration> = {}): ServiceRegistration {
  return {
    ID,
    ServiceName: "web",
    Namespace: DEFAULT_NAMESPACE,
    NodeID: "node-0" as NodeId,
    Datacenter: "dc1",
    JobID: "job-0" as JobId,
    AllocID: "a0" as AllocationId,
    Tags: [],
    Address: "10.0.0.1",
    Port: 20_000,
    CreateIndex: 0,
    ModifyIndex: 0,
    ...with_,
  };
}

export function rootKey(KeyID: string, State: RootKey["State"]): RootKey {
  return {
    KeyID,
    Algorithm: "RS256",
    State,
    CreateTime: 1,
    PublishTime: 0,
    PublicJwk: { kty: "RSA", n: KeyID, e: "AQAB" },
    Wrapped: "c2VhbGVk",
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

/** Of the job's version, for group "web" unless others are given. */
export function deployment(id: string, of: Job, with_: Partial<Deployment> = {}): Deployment {
  return {
    ID: id as DeploymentId,
    Namespace: of.Namespace,
    JobID: of.ID,
    JobVersion: of.Version,
    JobModifyIndex: of.ModifyIndex,
    JobSpecModifyIndex: of.JobModifyIndex,
    JobCreateIndex: of.CreateIndex,
    IsMultiregion: false,
    TaskGroups: { web: deploymentGroup() },
    Status: "running",
    StatusDescription: "Deployment is running",
    EvalPriority: 50,
    CreateIndex: 0,
    ModifyIndex: 0,
    CreateTime: 0,
    ModifyTime: 0,
    ...with_,
  };
}

export function deploymentGroup(with_: Partial<DeploymentGroup> = {}): DeploymentGroup {
  return {
    AutoRevert: false,
    AutoPromote: false,
    ProgressDeadline: 600e9,
    RequireProgressBy: null,
    Promoted: false,
    PlacedCanaries: [],
    DesiredCanaries: 0,
    DesiredTotal: 1,
    PlacedAllocs: 0,
    HealthyAllocs: 0,
    UnhealthyAllocs: 0,
    ...with_,
  };
}

/** A state and a hand that writes to it: entries follow each other, a second apart. */
export class Hand {
  readonly clock = createVirtualClock();
  readonly state: State;
  index = 1;
  time = 1_700_000_000_000_000_000;
  #requests = 0;

  constructor(state?: State) {
    this.state = state ?? createState({ clock: this.clock, freeze: true });
  }

  write(command: Command, requestId = `r${++this.#requests}-${this.index}`): Outcome {
    this.index++;
    this.time += 1e9;
    return this.state.apply(this.index, { version: commandVersion(command.type) ?? 0, time: this.time, requestId, command });
  }

  register(of: Job, evaluationId: string | null = "e1", with_: Partial<Extract<Command, { type: "job-register" }>> = {}): Outcome {
    const Evaluation = evaluationId === null ? null : evaluation(evaluationId, of.ID, { Namespace: of.Namespace });
    return this.write({ type: "job-register", Job: of, Submission: null, Evaluation, EnforceIndex: null, PreserveCounts: false, ...with_ });
  }
  node(of: Node): Outcome {
    return this.write({ type: "node-register", Node: of, Evaluations: [] });
  }
  plan(of: Plan, Evaluations: readonly Evaluation[] = []): Outcome {
    return this.write({ type: "plan-apply", Plan: of, Evaluations });
  }
  /** Places allocations `ids` of the job's current version on the node. */
  place(jobId: string, nodeId: string, ids: readonly string[], with_: Partial<PlannedAllocation> = {}): Outcome {
    const of = this.job(jobId);
    return this.plan(plan(of, { Placements: ids.map((id) => placement(id, jobId, nodeId, { JobVersion: of.Version, ...with_ })) }));
  }
  report(
    id: string,
    status: Allocation["ClientStatus"],
    with_: { NodeID?: string; TaskStates?: Record<string, TaskState>; Healthy?: boolean; NetworkStatus?: AllocNetworkStatus | null } = {},
  ): Outcome {
    const stored = this.state.snapshot().allocation(id);
    return this.write({
      type: "allocations-client-update",
      Updates: [
        {
          ID: id as AllocationId,
          NodeID: (with_.NodeID ?? stored?.NodeID ?? "n1") as NodeId,
          ClientStatus: status,
          ClientDescription: "",
          TaskStates: with_.TaskStates ?? {},
          ...(with_.NetworkStatus === undefined ? {} : { NetworkStatus: with_.NetworkStatus }),
          ...(with_.Healthy === undefined ? {} : { DeploymentStatus: { Healthy: with_.Healthy, Timestamp: "2026-01-02T03:04:05Z" } }),
        },
      ],
      Evaluations: [],
    });
  }
  evaluations(...Evaluations: Evaluation[]): Outcome {
    return this.write({ type: "evaluations-upsert", Evaluations });
  }
  namespace(name: string): Outcome {
    return this.write({ type: "namespaces-upsert", Namespaces: [namespaceRecord(name)] });
  }
  deployment(id: string): Deployment {
    const found = this.state.snapshot().deployment(id);
    if (found === undefined) throw new Error(`the test expects deployment ${id}`);
    return found;
  }
  job(id: string): Job {
    const found = this.state.snapshot().job(DEFAULT_NAMESPACE, id);
    if (found === undefined) throw new Error(`the test expects job ${id}`);
    return found;
  }
  allocation(id: string): Allocation {
    const found = this.state.snapshot().allocation(id);
    if (found === undefined) throw new Error(`the test expects allocation ${id}`);
    return found;
  }
}

export const DEFAULT = DEFAULT_NAMESPACE as Namespace;
