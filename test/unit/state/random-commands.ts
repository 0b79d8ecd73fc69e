/** Commands as a busy, careless cluster would send them: few names, so that they meet; stale plans, wrong nodes, repeated reports. */
import { PAST_REASONS_KEPT_NS } from "#model";
import type { Random } from "#ports";
import type {
  AllocatedResources,
  Allocation,
  DeploymentId,
  EvaluationId,
  Job,
  NodeId,
  PlannedAllocation,
  Reason,
  ScalingEvent,
} from "#model";
import type { Command, Snapshot } from "#state";
import { aclMakers } from "./random-acl.ts";
import {
  DEFAULT,
  deployment,
  deploymentGroup,
  evaluation,
  group,
  job,
  namespaceRecord,
  node,
  nodePool,
  registration,
  rootKey,
  placement,
  plan,
  resources,
  stop,
  taskState,
} from "./nouns.ts";

export function randomCommand(random: Random, snapshot: Snapshot, remembered: Job[]): Command {
  const some = <T>(list: readonly T[]): T => list[random.integer(list.length)] as T;
  const chance = (percent: number) => random.integer(100) < percent;
  const jobId = `job-${random.integer(4)}`;
  const nodeId = () => `node-${random.integer(5)}` as NodeId;
  const up = [...snapshot.nodes()].filter((each) => each.Status !== "down").map(({ ID }) => ID);
  const placeable = () => (up.length > 0 && chance(97) ? some(up) : nodeId());
  const evaluationId = () => `eval-${random.integer(30)}`;
  const someEvaluations = () =>
    chance(60)
      ? [
          evaluation(evaluationId(), jobId, {
            Status: some(["pending", "blocked", "complete", "canceled", "failed"] as const),
            QueuedAllocations: chance(50) ? { web: random.integer(5), api: random.integer(3) } : {},
          }),
        ]
      : [];
  const stored = [...snapshot.allocations()];
  const someAllocation = (): Pick<Allocation, "ID" | "NodeID"> =>
    stored.length > 0 && chance(95) ? some(stored) : { ID: "unknown" as never, NodeID: nodeId() };
  const someResources = (): AllocatedResources =>
    withSpecials(
      resources(
        random.integer(20) * 10,
        random.integer(20) * 16,
        random.integer(9) * 10,
        Array.from({ length: random.integer(3) }, () => 19_998 + random.integer(40)),
      ),
      chance(30) ? [random.integer(4), 4 + random.integer(4)] : [],
      chance(30) ? [`gpu-${random.integer(3)}`] : [],
    );
  const planned = (id: string, onto: string, of: Job | null): PlannedAllocation =>
    placement(id, jobId, onto, {
      EvalID: evaluationId() as EvaluationId,
      JobVersion: of?.Version ?? 0,
      TaskGroup: some(["web", "api"]),
      ...(chance(50) && deploymentIds.length > 0
        ? {
            DeploymentID: activeOf(of)?.ID ?? some(deploymentIds),
            DeploymentStatus: chance(30) ? { Healthy: null, Canary: true, Timestamp: "", ModifyIndex: 0 } : null,
          }
        : {}),
      AllocatedResources: someResources(),
      PreviousAllocation: stored.length > 0 && chance(30) ? some(stored).ID : "",
    });
  const deploymentIds = [...snapshot.deployments()].map(({ ID }) => ID);
  const someDeployment = () => (deploymentIds.length > 0 && chance(95) ? some(deploymentIds) : ("unknown" as DeploymentId));
  const activeOf = (of: Job | null) => (of === null ? undefined : snapshot.activeDeployment(DEFAULT, of.ID));
  const someVersion = () => {
    const versions = snapshot.jobVersions(DEFAULT, jobId);
    return { Namespace: DEFAULT, JobID: jobId as never, Version: versions.length > 0 && chance(90) ? some(versions).Version : 99 };
  };
  const scalingEvent = (): ScalingEvent => ({
    Time: random.integer(1e6),
    Count: chance(50) ? random.integer(5) : null,
    PreviousCount: random.integer(5),
    Message: "so said the autoscaler",
    Error: chance(20),
    Meta: {},
    EvalID: null,
    CreateIndex: 0,
  });
  const someReason = (): Reason => ({
    Stage: "failed",
    Group: "web",
    Count: 1,
    Name: "",
    AllocationID: "",
    NodeID: "",
    Task: "",
    Sentence: `It failed with ${random.integer(100)}.`,
    Since: random.integer(1e6) - (chance(20) ? PAST_REASONS_KEPT_NS : 0),
    Details: {},
  });
  const plannedDeployment = (of: Job) => {
    const active = activeOf(of);
    const id = active !== undefined && chance(70) ? active.ID : random.uuid();
    const group_ = () => deploymentGroup({ DesiredTotal: random.integer(5), DesiredCanaries: random.integer(2) });
    return deployment(id, of, { TaskGroups: { web: group_(), api: group_() } });
  };
  const someVariable = () => ({
    Namespace: DEFAULT,
    Path: `app/${random.integer(4)}`,
    KeyID: chance(90) ? (snapshot.activeRootKey()?.KeyID ?? "key-0") : `key-${random.integer(5)}`,
    Data: `sealed ${random.integer(1e6)}`,
  });
  const heldVariable = () => [...snapshot.variables("*")].find(({ Lock }) => Lock !== null && chance(80));
  const makers: Record<Command["type"], () => Command> = {
    "job-register": () => ({
      type: "job-register",
      Job: job(jobId, {
        Priority: 50 + random.integer(3),
        DispatchIdempotencyToken: jobId === "job-3" || chance(5) ? `token-${random.integer(2)}` : "",
        Type: some(["service", "batch", "system"]),
        ParentID: jobId === "job-3" || jobId === "job-2" ? "job-0" : "",
        TaskGroups: [group("web", 1 + random.integer(2)), ...(chance(50) ? [group("api")] : [])],
      }),
      Submission: chance(50) ? { Source: `source ${random.integer(9)}`, Format: "hcl2", VariableFlags: {}, Variables: "" } : null,
      Evaluation: chance(80) ? evaluation(evaluationId(), jobId) : null,
      EnforceIndex: chance(10) ? random.integer(50) : null,
      PreserveCounts: chance(20),
      ...(chance(20) ? { ScalingEvent: { Group: some(["web", "api"]), Event: scalingEvent() } } : {}),
      ...(chance(10) ? { PeriodicLaunch: { Namespace: DEFAULT, JobID: "job-0" as never, Launch: random.integer(1000) } } : {}),
    }),
    "job-stability": () => ({ type: "job-stability", ...someVersion(), Stable: chance(70) }),
    "job-version-tag": () => ({
      type: "job-version-tag",
      ...someVersion(),
      Name: some(["golden", "last"]),
      Description: chance(30) ? null : "as it was",
    }),
    "periodic-launch": () => ({
      type: "periodic-launch",
      Launch: { Namespace: DEFAULT, JobID: jobId as never, Launch: random.integer(1000) },
    }),
    "scaling-event": () => ({
      type: "scaling-event",
      Namespace: DEFAULT,
      JobID: jobId as never,
      Group: some(["web", "api"]),
      Event: scalingEvent(),
    }),
    "deployment-status": () => {
      const DeploymentID = someDeployment();
      const back = remembered.filter((each) => chance(5) || each.ID === snapshot.deployment(DeploymentID)?.JobID);
      return {
        type: "deployment-status",
        Update: {
          DeploymentID,
          Status: some(["running", "paused", "paused", "failed", "successful"] as const),
          StatusDescription: "because",
        },
        Rollback: chance(50) && back.length > 0 ? some(back) : null,
        Evaluations: someEvaluations(),
      };
    },
    "deployment-promote": () => ({
      type: "deployment-promote",
      DeploymentID: someDeployment(),
      Groups: chance(50) ? null : [some(["web", "api"])],
      Evaluations: someEvaluations(),
    }),
    "deployment-allocation-health": () => {
      const DeploymentID = someDeployment();
      const members = [...snapshot.allocationsByDeployment(DeploymentID)].map(({ ID }) => ID);
      const Healthy = members.filter(() => chance(50));
      return {
        type: "deployment-allocation-health",
        DeploymentID,
        Healthy: chance(95) ? Healthy : [...Healthy, someAllocation().ID],
        Unhealthy: members.filter((id) => !Healthy.includes(id) && chance(50)),
        ...(chance(20) ? { End: { Update: { DeploymentID, Status: "failed", StatusDescription: "judged" }, Rollback: null } } : {}),
        Evaluations: someEvaluations(),
      };
    },
    "node-drain": () => ({
      type: "node-drain",
      NodeID: nodeId(),
      DrainStrategy: chance(50)
        ? null
        : { Deadline: 3600e9, IgnoreSystemJobs: false, ForceDeadline: "0001-01-01T00:00:00Z", StartedAt: "2026-01-01T00:00:00Z" },
      MarkEligible: chance(50),
      LastDrain: null,
      ...(chance(20) ? { EnforceIndex: random.integer(snapshot.index + 1) } : {}),
      Event: null,
      Evaluations: someEvaluations(),
    }),
    "namespaces-upsert": () => ({ type: "namespaces-upsert", Namespaces: [namespaceRecord(some(["default", "prod", "test"]))] }),
    "namespaces-delete": () => ({ type: "namespaces-delete", Names: [some(["default", "prod", "test"])] }),
    "node-pools-upsert": () => ({ type: "node-pools-upsert", NodePools: [nodePool(some(["all", "fast", "slow"]))] }),
    "node-pools-delete": () => ({ type: "node-pools-delete", Names: [some(["all", "fast", "slow", "gpu"])] }),
    "job-deregister": () => ({
      type: "job-deregister",
      Namespace: DEFAULT,
      JobID: jobId as never,
      Purge: chance(30),
      NoShutdownDelay: chance(20),
      Evaluation: chance(80) ? evaluation(evaluationId(), jobId) : null,
    }),
    "node-register": () => ({
      type: "node-register",
      Node: node(nodeId(), {
        NodePool: some(["default", "default", "gpu", "fast"]),
        Status: some(["ready", "initializing"]),
        ReservedResources: {
          Cpu: { CpuShares: random.integer(3) * 50 },
          Memory: { MemoryMB: 64 },
          Disk: { DiskMB: 10 },
          Networks: { ReservedHostPorts: some(["", "22", "20000-20005", "20010,22"]) },
        },
      }),
      Evaluations: someEvaluations(),
    }),
    "node-status": () => ({
      type: "node-status",
      NodeIDs: [nodeId()],
      Status: some(["ready", "down", "disconnected"] as const),
      Event: null,
      Evaluations: someEvaluations(),
    }),
    "node-eligibility": () => ({
      type: "node-eligibility",
      NodeID: nodeId(),
      Eligibility: some(["eligible", "ineligible"] as const),
      Event: null,
      Evaluations: [],
    }),
    "node-purge": () => ({ type: "node-purge", NodeIDs: [nodeId(), ...(chance(20) ? [nodeId()] : [])], Evaluations: someEvaluations() }),
    "evaluations-upsert": () => ({ type: "evaluations-upsert", Evaluations: [...someEvaluations(), ...someEvaluations()] }),
    "plan-apply": () => {
      const of = chance(10)
        ? null
        : chance(80)
          ? (snapshot.job(DEFAULT, jobId) ?? null)
          : (remembered.find((each) => each.ID === jobId) ?? null);
      return {
        type: "plan-apply",
        Plan: plan(of, {
          Stops: Array.from({ length: random.integer(3) }, () => {
            const { ID, NodeID } = someAllocation();
            return stop(ID, NodeID, {
              ClientStatus: some(["", "", "lost", "unknown"] as const),
              ...(chance(20) ? { DesiredStatus: "evict" as const, PreemptedByAllocation: random.uuid() as never } : {}),
            });
          }),
          Notes: Array.from({ length: random.integer(2) }, () => ({
            ...pick(someAllocation()),
            FollowupEvalID: chance(50) ? (evaluationId() as EvaluationId) : ("" as const),
            ClientStatus: some(["", "unknown"] as const),
            ClientDescription: "its node is silent",
          })),
          Deployment: of === null || chance(60) ? null : plannedDeployment(of),
          DeploymentUpdates: chance(80)
            ? []
            : [{ DeploymentID: someDeployment(), Status: some(["successful", "cancelled"] as const), StatusDescription: "as planned" }],
          Placements: of === null ? [] : Array.from({ length: random.integer(4) }, () => planned(random.uuid(), placeable(), of)),
          InPlaceUpdates:
            of === null ? [] : stored.filter((each) => each.JobID === jobId && chance(20)).map((each) => planned(each.ID, each.NodeID, of)),
        }),
        Evaluations: someEvaluations(),
      };
    },
    "allocations-client-update": () => ({
      type: "allocations-client-update",
      Updates: Array.from({ length: random.integer(5) }, () => {
        const { ID, NodeID } = someAllocation();
        return {
          ID,
          NodeID: chance(95) ? NodeID : nodeId(),
          ClientStatus: some(["pending", "running", "running", "complete", "failed", "unknown"] as const),
          ClientDescription: some(["", "Tasks are running"]),
          TaskStates: chance(50) ? { main: taskState(some(["running", "dead"])) } : {},
          DeploymentStatus: chance(40) ? { Healthy: chance(70), Timestamp: "2026-01-02T03:04:05Z" } : null,
        };
      }),
      Evaluations: someEvaluations(),
    }),
    "allocations-desired-transition": () => ({
      type: "allocations-desired-transition",
      Transitions: { [someAllocation().ID]: some([{ Migrate: true }, { Reschedule: true }]) },
      Evaluations: someEvaluations(),
    }),
    reap: () => ({
      type: "reap",
      Jobs: chance(50) ? [{ Namespace: DEFAULT, ID: jobId as never }] : [],
      Evaluations: [evaluationId() as EvaluationId, evaluationId() as EvaluationId],
      Allocations: stored.filter(() => chance(20)).map(({ ID }) => ID),
      Deployments: deploymentIds.filter(() => chance(8)),
      Past: chance(50)
        ? [{ Namespace: DEFAULT, JobID: jobId as never, Reasons: Array.from({ length: random.integer(9) }, someReason) }]
        : [],
    }),
    "services-upsert": () => ({
      type: "services-upsert",
      Services: Array.from({ length: 1 + random.integer(4) }, () => {
        const { ID, NodeID } = someAllocation();
        const of = snapshot.allocation(ID);
        return registration(`_${ID}-${random.integer(2)}`, {
          ServiceName: some(["web", "api", "web-admin"]),
          Namespace: of?.Namespace ?? DEFAULT,
          NodeID: chance(95) ? NodeID : nodeId(),
          JobID: of?.JobID ?? (jobId as never),
          AllocID: ID,
          Port: 20_000 + random.integer(2),
        });
      }),
    }),
    "services-delete": () => ({
      type: "services-delete",
      IDs: [...[...snapshot.services("*")].filter(() => chance(10)).map(({ ID }) => ID), ...(chance(20) ? ["unknown"] : [])],
    }),
    "root-keys-upsert": () => ({
      type: "root-keys-upsert",
      Keys: Array.from({ length: 1 + random.integer(2) }, () =>
        rootKey(`key-${random.integer(5)}`, some(["active", "active", "inactive", "prepublished"] as const)),
      ),
    }),
    "turn-take": () => ({ type: "turn-take", AllocationID: someAllocation().ID, Max: random.integer(4) }),
    "turn-give": () => ({ type: "turn-give", AllocationIDs: [someAllocation().ID, someAllocation().ID] }),
    "variable-put": () => ({
      type: "variable-put",
      Variable: someVariable(),
      CheckIndex: chance(30) ? some([0, heldVariable()?.ModifyIndex ?? 0]) : null,
      LockID: chance(50) ? (heldVariable()?.Lock?.ID ?? "") : "",
    }),
    "variable-delete": () => ({
      type: "variable-delete",
      Namespace: DEFAULT,
      Path: someVariable().Path,
      CheckIndex: chance(20) ? random.integer(50) : null,
      LockID: chance(50) ? (heldVariable()?.Lock?.ID ?? "") : "",
    }),
    "variable-lock": () => ({
      type: "variable-lock",
      Variable: someVariable(),
      Overwrite: chance(50),
      Lock: { ID: `lock-${random.integer(1e6)}`, TTL: 15e9, LockDelay: some([10e9, 3_600e9]) },
    }),
    "variable-unlock": () => {
      const held = heldVariable();
      return { type: "variable-unlock", Namespace: DEFAULT, Path: held?.Path ?? "app/0", LockID: held?.Lock?.ID ?? "", Lost: chance(50) };
    },
    "variables-reseal": () => ({
      type: "variables-reseal",
      KeyID: snapshot.activeRootKey()?.KeyID ?? "key-0",
      Variables: [...snapshot.variables("*")].slice(0, 3).map(({ Namespace, Path, KeyID, ModifyIndex }) => ({
        Namespace,
        Path,
        FromKeyID: KeyID,
        ModifyIndex: chance(80) ? ModifyIndex : ModifyIndex + 1,
        Data: `sealed anew ${random.integer(1e6)}`,
      })),
    }),
    "root-key-delete": () => ({ type: "root-key-delete", KeyID: `key-${random.integer(5)}` }),
    ...aclMakers(random),
    leadership: () => ({
      type: "leadership",
      EpochID: random.uuid(),
      ServerID: `server-${random.integer(3)}`,
      Name: `s${random.integer(3)}`,
      FeatureLevel: 1,
    }),
    // What begins and is never finished; a whole one is in restoration.test.ts.
    "restore-part": () => ({
      type: "restore-part",
      RestoreID: random.uuid(),
      Part: 0,
      Data: Uint8Array.of(random.integer(256)),
      Ends: false,
    }),
    "restore-commit": () => ({ type: "restore-commit", RestoreID: random.uuid(), Parts: random.integer(3) }),
    "autopilot-configuration": () => ({
      type: "autopilot-configuration",
      Configuration: { ...snapshot.autopilotConfiguration(), MinQuorum: random.integer(4) },
      EnforceIndex: chance(20) ? random.integer(50) : null,
    }),
    "scheduler-configuration": () => ({
      type: "scheduler-configuration",
      Configuration: { ...snapshot.schedulerConfiguration(), SchedulerAlgorithm: some(["binpack", "spread"] as const) },
      EnforceIndex: chance(20) ? random.integer(50) : null,
    }),
  };
  const types = Object.keys(makers) as Command["type"][];
  const frequent: Command["type"][] = [
    "plan-apply",
    "plan-apply",
    "plan-apply",
    "allocations-client-update",
    "allocations-client-update",
    "allocations-client-update",
    "services-upsert",
    "services-upsert",
    "deployment-allocation-health",
    "deployment-promote",
    "deployment-status",
    "node-register",
    "job-register",
  ];
  return makers[some([...types, ...frequent])]();
}

function pick({ ID, NodeID }: Pick<Allocation, "ID" | "NodeID">): Pick<Allocation, "ID" | "NodeID"> {
  return { ID, NodeID };
}

function withSpecials(of: AllocatedResources, cores: readonly number[], devices: readonly string[]): AllocatedResources {
  const main = of.Tasks.main!;
  const Devices = devices.length === 0 ? [] : [{ Vendor: "acme", Type: "gpu", Name: "one", DeviceIDs: devices }];
  return { ...of, Tasks: { main: { ...main, Cpu: { ...main.Cpu, ReservedCores: cores }, Devices } } };
}
