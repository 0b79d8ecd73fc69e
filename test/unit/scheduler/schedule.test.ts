/** What the transcripts in test/scenario cannot show. The quick scheduler against a slow one: slow.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, Plan, UpdateStrategy } from "#model";
import { schedule } from "#scheduler";
import { aGroup, aJob, aNetwork, aNode, anEvaluation, aTask, idsFrom } from "./nouns.ts";
import { World } from "./world.ts";

const UPDATE: UpdateStrategy = {
  Stagger: 0,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10e9,
  HealthyDeadline: 300e9,
  ProgressDeadline: 600e9,
  Canary: 0,
  AutoRevert: false,
  AutoPromote: false,
};
const options = (newId = idsFrom()) => ({ placementsMax: 500, newId, nowNs: 0 });

test("placements without ports share their resources, and all but the first few their metrics", () => {
  const world = new World();
  world.addNode(aNode("m1", { cpu: 100_000, memory: 100_000 }));
  const job = world.addJob(aJob({ Type: "batch", TaskGroups: [aGroup({ Count: 100 })] }));
  const placements = schedule(world.snapshot(), anEvaluation(job), options()).Plan?.Placements ?? [];
  assert.equal(placements.length, 100);
  assert.equal(new Set(placements.map((placement) => placement.AllocatedResources)).size, 1);
  assert(new Set(placements.map((placement) => placement.Metrics)).size <= 8);
});

test("evaluations planned side by side deal equal nodes out differently, the same evaluation always alike", () => {
  const world = new World();
  for (let i = 0; i < 50; i++) world.addNode(aNode(`m${i}`));
  const job = world.addJob(aJob());
  const snapshot = world.snapshot();
  const nodeFor = (id: string) => schedule(snapshot, { ...anEvaluation(job), ID: id as never }, options()).Plan?.Placements[0]?.NodeID;
  const chosen = Array.from({ length: 20 }, (_, i) => nodeFor(`evaluation-${i}`));
  assert(new Set(chosen).size > 10, `${new Set(chosen).size} different nodes of 20`);
  assert.deepEqual(
    Array.from({ length: 20 }, (_, i) => nodeFor(`evaluation-${i}`)),
    chosen,
  );
});

test("ports carry the node's address, and `to` follows the host port when it is -1", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  const network = aNetwork({ http: 8080, admin: 0 });
  const Networks = [{ ...network, DynamicPorts: network.DynamicPorts.map((port) => ({ ...port, To: -1 })) }];
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Networks })] }));
  const { Shared } =
    schedule(world.snapshot(), anEvaluation(job), options()).Plan?.Placements[0]?.AllocatedResources ?? assert.fail("not placed");
  const [http, admin] = Shared.Ports;
  assert.deepEqual(http, { Label: "http", Value: 8080, To: 0, HostIP: "10.0.0.1", IgnoreCollision: false });
  assert.equal(admin?.To, admin?.Value);
  assert.deepEqual(
    Shared.Networks.map(({ IP, Device, ReservedPorts, DynamicPorts }) => [IP, Device, ReservedPorts[0]?.Value, DynamicPorts[0]?.Value]),
    [["10.0.0.1", "eth0", 8080, admin?.Value]],
  );
});

test("a port that may collide is given out again", () => {
  const world = new World();
  world.addNode(aNode("m1", { reservedPorts: "9000" }));
  const network = aNetwork({ http: 9000 });
  const Networks = [{ ...network, ReservedPorts: network.ReservedPorts.map((port) => ({ ...port, IgnoreCollision: true })) }];
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Count: 2, Networks })] }));
  assert.equal(schedule(world.snapshot(), anEvaluation(job), options()).Plan?.Placements.length, 2);
});

test("tasks that run only before the main ones lend them their room", () => {
  const world = new World();
  world.addNode(aNode("m1", { memory: 300 }));
  const [main] = aGroup({ memory: 250 }).Tasks;
  assert(main !== undefined);
  const prepare = { ...main, Name: "prepare", Lifecycle: { Hook: "prestart", Sidecar: false } };
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Tasks: [prepare, main] })] }));
  assert.equal(schedule(world.snapshot(), anEvaluation(job), options()).Plan?.Placements.length, 1);
  const sidecar = { ...prepare, Lifecycle: { Hook: "prestart", Sidecar: true } };
  const other = world.addJob(aJob({ ID: "b", TaskGroups: [aGroup({ Tasks: [sidecar, main] })] }));
  assert.equal(schedule(world.snapshot(), anEvaluation(other), options()).Plan, null);
});

test("what is being restarted for a changed secret is replaced first: update and rotation take no more than max_parallel away together", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  const jobOf = (COLOR: string) =>
    aJob({
      TaskGroups: [aGroup({ Count: 5, Tasks: [aTask({ cpu: 10, memory: 10, Env: { COLOR } })], Update: { ...UPDATE, MaxParallel: 2 } })],
    });
  const first = world.addJob(jobOf("red"));
  const options = { placementsMax: 500, newId: idsFrom(), nowNs: 0 };
  world.commit(schedule(world.snapshot(), anEvaluation(first), options).Plan as Plan);
  const all = [...world.allocations.values()].toSorted((one, other) => (one.Name < other.Name ? -1 : 1));
  for (const { ID } of all) world.change(ID, { ClientStatus: "running", DeploymentStatus: null, DeploymentID: "" as never });
  world.deployments.clear();
  const replaced = () => {
    const next = world.addJob(jobOf("blue"));
    const { Stops, Placements } = schedule(world.snapshot(), anEvaluation(next), options).Plan as Plan;
    assert.equal(Placements.length, 2);
    return Stops.map(({ ID }) => world.allocations.get(ID)?.Name).toSorted();
  };
  assert.deepEqual(replaced(), ["app.web[0]", "app.web[1]"]);
  const holding = (at: number) => world.turns.push({ AllocationID: all[at]?.ID } as (typeof world.turns)[0]);
  holding(3);
  assert.deepEqual(replaced(), ["app.web[0]", "app.web[3]"]);
  holding(4);
  assert.deepEqual(replaced(), ["app.web[3]", "app.web[4]"]);
});

test("who stands beside another is not updated in place to a version that wants its hosts distinct", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  world.addNode(aNode("m2"));
  const jobOf = (Count: number, apart: boolean) => {
    const Constraints = apart ? [{ LTarget: "", Operand: "distinct_hosts", RTarget: "true" }] : [];
    return aJob({ TaskGroups: [aGroup({ Count, Constraints })] });
  };
  const settings = options();
  const planned = (job: Job) => {
    const stored = world.addJob(job);
    return schedule(world.snapshot(), anEvaluation(stored), settings);
  };
  world.commit(planned(jobOf(3, false)).Plan as Plan);
  for (const ID of world.allocations.keys()) world.change(ID, { ClientStatus: "running" });
  const close = planned(jobOf(3, true));
  assert.equal(close.Plan?.InPlaceUpdates.length, 1, "two of three share a host");
  assert.ok(close.Evaluation.FailedTGAllocs["web"]?.ConstraintFiltered["distinct_hosts"]);
  const shared = [...world.allocations.values()].find((each, _, all) => all.some((one) => one !== each && one.NodeID === each.NodeID));
  world.change((shared as NonNullable<typeof shared>).ID, { DesiredStatus: "stop" });
  const apart = planned(jobOf(2, true));
  assert.equal(apart.Plan?.InPlaceUpdates.length, 2, "one that is told to go stands in nobody's way");
});

for (const Type of ["service", "system"] as const) {
  test(`an evaluation of a ${Type} job says what it was to change, group by group, once it is complete`, () => {
    const world = new World();
    world.addNode(aNode("m1"));
    const job = world.addJob(aJob({ Type, TaskGroups: [aGroup({ Count: 1 })] }));
    const { Evaluation } = schedule(world.snapshot(), anEvaluation(job), options());
    assert.equal(Evaluation.Status, "complete");
    assert.equal(Evaluation.PlanAnnotations?.DesiredTGUpdates["web"]?.Place, 1);
    assert.deepEqual(Evaluation.PlanAnnotations?.PreemptedAllocs, []);
  });
}

test("the evaluation that waits for room says what it waits for", () => {
  const world = new World();
  world.addNode(aNode("m1", { memory: 100 }));
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ memory: 500 })] }));
  const { Created } = schedule(world.snapshot(), anEvaluation(job), options());
  assert.deepEqual(
    Created.map((each) => [each.Status, each.FailedTGAllocs["web"]?.DimensionExhausted]),
    [["blocked", { memory: 1 }]],
  );
});

test("a job that was purged is stopped", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  const job = world.addJob(aJob());
  const placed = schedule(world.snapshot(), anEvaluation(job), options()).Plan ?? assert.fail("not placed");
  world.commit(placed);
  world.jobs.delete(job.ID);
  const result = schedule(world.snapshot(), anEvaluation(job), options());
  assert.deepEqual(
    result.Plan?.Stops.map((stop) => stop.ID),
    placed.Placements.map((placement) => placement.ID),
  );
  assert.equal(result.Plan?.Job, null);
  assert.equal(result.Evaluation.Status, "complete");
});

test("a group named as objects' own members are is a group like any other: what waits is another's", () => {
  const world = new World();
  world.addNode({ ...aNode("m1"), ComputedClass: "v1:a" });
  const windows = { LTarget: "${attr.kernel.name}", RTarget: "windows", Operand: "=" };
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Name: "constructor" }), aGroup({ Name: "web", Constraints: [windows] })] }));
  const result = schedule(world.snapshot(), anEvaluation(job), options());
  assert.deepEqual(result.Evaluation.QueuedAllocations, { constructor: 0, web: 1 });
  assert.deepEqual(
    result.Created.map((blocked) => blocked.ClassEligibility),
    [{ "v1:a": false }],
  );
});

test("what a task asks of the dimensions that ran out is added up over all that did not fit", () => {
  const world = new World();
  world.addNode(aNode("m1", { cpu: 50 }));
  world.addNode(aNode("m2", { memory: 50 }));
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Count: 3, cpu: 100, memory: 200 })] }));
  const failed = schedule(world.snapshot(), anEvaluation(job), options()).Evaluation.FailedTGAllocs["web"];
  assert.deepEqual(failed?.ResourcesExhausted, { main: { CPU: 300, MemoryMB: 600 } });
  assert.equal(failed?.CoalescedFailures, 2);
});

test("a static port that is taken: the reason names the allocation and the job that have it, other groups go on (F13)", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  const place = (job: ReturnType<typeof aJob>, prefix: string) => {
    const result = schedule(world.snapshot(), anEvaluation(job), options(idsFrom(prefix)));
    if (result.Plan !== null) world.commit(result.Plan);
    return result;
  };
  place(
    world.addJob(aJob({ ID: "agent", Type: "system", TaskGroups: [aGroup({ Name: "proxy", Networks: [aNetwork({ http: 8080 })] })] })),
    "agent",
  );
  const groups = [aGroup({ Networks: [aNetwork({ http: 8080 })] }), aGroup({ Name: "worker" })];
  const { Plan, Evaluation } = place(world.addJob(aJob({ TaskGroups: groups })), "app");
  assert.deepEqual(
    Plan?.Placements.map((placement) => placement.TaskGroup),
    ["worker"],
  );
  assert.deepEqual(Evaluation.FailedTGAllocs["web"]?.NearestFit?.HeldBy, {
    AllocationID: "agent-000000",
    Namespace: "default",
    JobID: "agent",
    TaskGroup: "proxy",
  });
});
