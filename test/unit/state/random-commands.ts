/** Commands as a busy, careless cluster would send them: few names, so that they meet; stale plans, wrong nodes, repeated reports. */
import type { Random } from "#ports";
import type { AllocatedResources, Allocation, EvaluationId, Job, NodeId, PlannedAllocation } from "#model";
import type { Command, Snapshot } from "#state";
import { DEFAULT, evaluation, group, job, node, placement, plan, resources, stop, taskState } from "./nouns.ts";

export function randomCommand(random: Random, snapshot: Snapshot, remembered: Job[]): Command {
  const some = <T>(list: readonly T[]): T => list[random.integer(list.length)] as T;
  const chance = (percent: number) => random.integer(100) < percent;
  const jobId = `job-${random.integer(4)}`;
  const nodeId = () => `node-${random.integer(5)}` as NodeId;
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
    resources(
      random.integer(20) * 10,
      random.integer(20) * 16,
      random.integer(9) * 10,
      Array.from({ length: random.integer(3) }, () => 19_998 + random.integer(40)),
    );
  const planned = (id: string, onto: string, of: Job | null): PlannedAllocation =>
    placement(id, jobId, onto, {
      EvalID: evaluationId() as EvaluationId,
      JobVersion: of?.Version ?? 0,
      TaskGroup: some(["web", "api"]),
      AllocatedResources: someResources(),
      PreviousAllocation: stored.length > 0 && chance(30) ? some(stored).ID : "",
    });
  const makers: Record<Command["type"], () => Command> = {
    "job-register": () => ({
      type: "job-register",
      Job: job(jobId, {
        Priority: 50 + random.integer(3),
        Type: some(["service", "batch", "system"]),
        ParentID: jobId === "job-3" ? "job-0" : "",
        TaskGroups: [group("web", 1 + random.integer(2)), ...(chance(50) ? [group("api")] : [])],
      }),
      Submission: chance(50) ? { Source: `source ${random.integer(9)}`, Format: "hcl2", VariableFlags: {}, Variables: "" } : null,
      Evaluation: chance(80) ? evaluation(evaluationId(), jobId) : null,
      EnforceIndex: chance(10) ? random.integer(50) : null,
      PreserveCounts: chance(20),
    }),
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
            return stop(ID, NodeID, { ClientStatus: some(["", "", "lost", "unknown"] as const) });
          }),
          Placements: of === null ? [] : Array.from({ length: random.integer(4) }, () => planned(random.uuid(), nodeId(), of)),
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
    "node-register",
    "job-register",
  ];
  return makers[some([...types, ...frequent])]();
}
