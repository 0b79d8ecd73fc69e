/** The quick scheduler against the slow and obvious one, and what the transcripts in test/scenario cannot show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, PlannedAllocation, ScheduleResult } from "#model";
import { schedule } from "#scheduler";
import { testScale } from "../../scale.ts";
import { anyJob, anyNode, type Chance, withSeeds } from "./chance.ts";
import { aGroup, aJob, aNetwork, aNode, anEvaluation, idsFrom } from "./nouns.ts";
import { feasibleNodes } from "./slow-scheduler.ts";
import { World } from "./world.ts";

const options = (newId = idsFrom()) => ({ placementsMax: 500, newId, nowNs: 0 });

function anyWorld(chance: Chance): World {
  const world = new World();
  for (let i = 0; i < 1 + chance.below(9); i++) world.addNode(anyNode(chance, `n${i}`));
  if (chance.once(3)) world.configuration = { ...world.configuration, SchedulerAlgorithm: "spread" };
  return world;
}

test("every allocation goes to a node that could have it and that scores highest; none is left out that fits somewhere", () => {
  withSeeds(Math.ceil(1_500 * testScale()), (chance) => {
    const world = anyWorld(chance);
    for (const id of ["a", "b", "c"]) {
      const job = world.addJob(anyJob(chance, id));
      const snapshot = world.snapshot();
      const result = schedule(snapshot, anEvaluation(job), options(idsFrom(id)));
      assertBestAtEachStep(snapshot, job, result);
      if (result.Plan !== null) world.commit(result.Plan);
    }
  });
});

function assertBestAtEachStep(snapshot: ReturnType<World["snapshot"]>, job: Job, result: ScheduleResult): void {
  const before: PlannedAllocation[] = [];
  for (const group of job.TaskGroups) {
    for (const placement of (result.Plan?.Placements ?? []).filter((each) => each.TaskGroup === group.Name)) {
      const nodes = feasibleNodes(snapshot, job, group, before);
      const chosen = nodes.find((node) => node.nodeId === placement.NodeID);
      assert(chosen !== undefined, `${placement.Name} cannot be on ${placement.NodeName}`);
      const best = Math.max(...nodes.map((node) => node.score));
      assert(chosen.score >= best - 1e-9, `${placement.Name}: ${chosen.score} on ${placement.NodeName}, but ${best} is to be had`);
      before.push(placement);
    }
    const queued = result.Evaluation.QueuedAllocations[group.Name] ?? 0;
    if (queued > 0) assert.deepEqual(feasibleNodes(snapshot, job, group, before), [], `${group.Name}: ${queued} could have been placed`);
  }
}

test("the scores it shows are those the slow one counts", () => {
  withSeeds(Math.ceil(300 * testScale()), (chance) => {
    const world = anyWorld(chance);
    const job = world.addJob(anyJob(chance, "a"));
    const snapshot = world.snapshot();
    const first = schedule(snapshot, anEvaluation(job), options()).Plan?.Placements[0];
    if (first === undefined) return;
    const group = job.TaskGroups.find((each) => each.Name === first.TaskGroup);
    const slow = feasibleNodes(snapshot, job, group as (typeof job.TaskGroups)[number], []);
    for (const shown of first.Metrics?.ScoreMetaData ?? []) {
      const counted = slow.find((node) => node.nodeId === shown.NodeID);
      // A node that only turns out to have no port left is shown, too.
      if (counted !== undefined)
        assert(Math.abs(counted.score - shown.NormScore) < 1e-9, `${shown.NodeID}: ${counted.score}, shown ${shown.NormScore}`);
    }
  });
});

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
