import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationId, EvaluationId, JobId, NodeId, PlannedNote } from "#model";
import { DEFAULT, evaluation, Hand, job, node, placement, plan, resources, stop, taskState } from "./nouns.ts";

function placed(...ids: string[]): Hand {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ids.length === 0 ? ["a1"] : ids);
  return hand;
}

test("A placement refers to the very version it was placed with, stamped with index and time", () => {
  const hand = placed();
  const allocation = hand.allocation("a1");
  assert.equal(allocation.Job.Version, 0);
  assert.deepEqual([allocation.CreateIndex, allocation.ModifyIndex, allocation.AllocModifyIndex], [4, 4, 4]);
  assert.deepEqual([allocation.CreateTime, allocation.ModifyTime], [hand.time, hand.time]);
  hand.register(job("a", { Priority: 99 }), "e2");
  assert.equal(hand.allocation("a1").Job.Priority, 50);
  const snapshot = hand.state.snapshot();
  assert.deepEqual(
    [...snapshot.allocationsByJob(DEFAULT, "a")].map((each) => each.ID),
    ["a1"],
  );
  assert.deepEqual(
    [...snapshot.allocationsByNode("n1")].map((each) => each.ID),
    ["a1"],
  );
  assert.deepEqual(
    [...snapshot.allocationsByEvaluation("e1")].map((each) => each.ID),
    ["a1"],
  );
});

test("Two allocations of one version share one Job object", () => {
  const hand = placed("a1", "a2");
  assert.equal(hand.allocation("a1").Job, hand.allocation("a2").Job);
});

test("A plan for a version that is gone is refused whole, its evaluations too", () => {
  const hand = placed();
  const old = hand.job("a");
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as JobId, Purge: true, NoShutdownDelay: false, Evaluation: null });
  hand.register(job("a"), "e2");
  const outcome = hand.plan(plan(old, { Placements: [placement("a9", "a", "n1")], Stops: [stop("a1", "n1")] }), [evaluation("e9", "a")]);
  assert.equal(outcome.ok ? "" : outcome.code, "missing");
  const snapshot = hand.state.snapshot();
  assert.equal(snapshot.allocation("a9"), undefined);
  assert.equal(snapshot.allocation("a1")?.DesiredStatus, "run");
  assert.equal(snapshot.evaluation("e9"), undefined);
});

test("A plan onto a node that is gone or down is refused whole; stops there are fine", () => {
  const hand = placed();
  for (const outcome of [hand.place("a", "n9", ["a2"]), (down(hand), hand.place("a", "n1", ["a2"]))])
    assert.equal(outcome.ok ? "" : outcome.code, "invalid");
  assert.equal(hand.plan(plan(null, { Stops: [stop("a1", "n1", { ClientStatus: "lost" })] })).ok, true);
  assert.deepEqual([hand.allocation("a1").DesiredStatus, hand.allocation("a1").ClientStatus], ["stop", "lost"]);
});

function down(hand: Hand): void {
  hand.write({ type: "node-status", NodeIDs: ["n1" as NodeId], Status: "down", Event: null, Evaluations: [] });
}

test("A stop sets what is desired and leaves the node's word, unless the servers speak for it", () => {
  const hand = placed("a1", "a2");
  hand.report("a1", "running");
  hand.plan(plan(null, { Stops: [stop("a1", "n1", { FollowupEvalID: "e7" as EvaluationId })] }));
  const stopped = hand.allocation("a1");
  assert.deepEqual(
    [stopped.DesiredStatus, stopped.DesiredDescription, stopped.ClientStatus, stopped.FollowupEvalID, stopped.AllocModifyIndex],
    ["stop", "alloc not needed due to job update", "running", "e7", hand.index],
  );
  hand.report("a2", "failed");
  hand.plan(plan(null, { Stops: [stop("a2", "n1", { ClientStatus: "lost" })] }));
  assert.equal(hand.allocation("a2").ClientStatus, "failed");
  hand.plan(
    plan(null, {
      Stops: [stop("a1", "n1", { DesiredDescription: "alloc is lost since its node is down", ClientStatus: "lost" }), stop("nobody", "n1")],
    }),
  );
  assert.deepEqual(
    [hand.allocation("a1").ClientStatus, hand.allocation("a1").DesiredDescription],
    ["lost", "alloc not needed due to job update"],
  );
});

test("An allocation stopped in the meantime is not revived by an update in place (F9)", () => {
  const hand = placed();
  hand.plan(plan(null, { Stops: [stop("a1", "n1")] }));
  const before = hand.allocation("a1");
  hand.plan(plan(hand.job("a"), { InPlaceUpdates: [placement("a1", "a", "n1")], Placements: [placement("a1", "a", "n1")] }));
  assert.equal(hand.allocation("a1"), before);
});

test("An update in place moves the version and the evaluation, and keeps what the node said", () => {
  const hand = placed();
  hand.report("a1", "running", { TaskStates: { main: taskState("running") } });
  const before = hand.allocation("a1");
  hand.register(job("a", { Priority: 60 }), "e2");
  hand.plan(
    plan(hand.job("a"), {
      InPlaceUpdates: [
        placement("a1", "a", "n1", { EvalID: "e2" as EvaluationId, JobVersion: 1, AllocatedResources: resources(200) }),
        placement("unknown", "a", "n1"),
      ],
    }),
  );
  const after = hand.allocation("a1");
  assert.deepEqual([after.JobVersion, after.Job.Priority, after.EvalID, after.ClientStatus], [1, 60, "e2", "running"]);
  assert.deepEqual(after.TaskStates, before.TaskStates);
  assert.deepEqual([after.CreateIndex, after.CreateTime, after.AllocModifyIndex], [before.CreateIndex, before.CreateTime, hand.index]);
  assert.deepEqual([...hand.state.snapshot().allocationsByEvaluation("e1")], []);
  assert.deepEqual(
    [...hand.state.snapshot().allocationsByEvaluation("e2")].map((each) => each.ID),
    ["a1"],
  );
  assert.equal(hand.state.snapshot().allocation("unknown"), undefined);
});

test("A replacement and what it replaces know each other", () => {
  const hand = placed();
  hand.plan(
    plan(hand.job("a"), {
      Stops: [stop("a1", "n1")],
      Placements: [placement("a2", "a", "n1", { PreviousAllocation: "a1" as AllocationId })],
    }),
  );
  assert.equal(hand.allocation("a1").NextAllocation, "a2");
  assert.equal(hand.allocation("a1").DesiredStatus, "stop");
  assert.equal(hand.allocation("a2").PreviousAllocation, "a1");
});

test("A node's report moves ModifyIndex, not AllocModifyIndex; a repeated one moves nothing", () => {
  const hand = placed();
  hand.report("a1", "running", { TaskStates: { main: taskState("running") } });
  const reported = hand.allocation("a1");
  assert.deepEqual([reported.ClientStatus, reported.ModifyIndex, reported.AllocModifyIndex], ["running", hand.index, 4]);
  assert.deepEqual(reported.TaskStates, { main: taskState("running") });
  hand.report("a1", "running", { TaskStates: { main: taskState("running") } });
  assert.equal(hand.allocation("a1"), reported);
});

test("Reports for unknown allocations, from the wrong node, or against an end are ignored (F9)", () => {
  const hand = placed("a1", "a2");
  hand.report("nobody", "running");
  hand.report("a1", "running", { NodeID: "n2" });
  assert.equal(hand.allocation("a1").ClientStatus, "pending");
  hand.report("a1", "complete");
  for (const status of ["running", "pending", "failed", "lost", "unknown"] as const) {
    hand.report("a1", status);
    assert.equal(hand.allocation("a1").ClientStatus, "complete");
  }
  hand.report("a1", "complete", { TaskStates: { main: taskState("dead") } });
  assert.equal(hand.allocation("a1").TaskStates["main"]?.State, "dead");
});

test("Desired transitions add up, and the node sees them", () => {
  const hand = placed();
  const ask = (DesiredTransition: object) =>
    hand.write({ type: "allocations-desired-transition", Transitions: { a1: DesiredTransition }, Evaluations: [evaluation("e2", "a")] });
  ask({ Migrate: true });
  ask({ NoShutdownDelay: true });
  assert.deepEqual(hand.allocation("a1").DesiredTransition, { Migrate: true, NoShutdownDelay: true });
  assert.equal(hand.allocation("a1").AllocModifyIndex, hand.index);
  assert.equal(hand.state.snapshot().evaluation("e2")?.Status, "pending");
  const outcome = hand.write({ type: "allocations-desired-transition", Transitions: { nobody: {} }, Evaluations: [] });
  assert.equal(outcome.ok ? "" : outcome.code, "missing");
});

test("Reaping takes what is over, and nothing that came back to life", () => {
  const hand = placed("a1", "a2");
  hand.report("a1", "complete");
  hand.evaluations(evaluation("e1", "a", { Status: "complete" }), evaluation("e2", "a"));
  hand.write({
    type: "reap",
    Jobs: [
      { Namespace: DEFAULT, ID: "a" as JobId },
      { Namespace: DEFAULT, ID: "nobody" as JobId },
    ],
    Evaluations: ["e1", "e2", "e3"] as EvaluationId[],
    Allocations: ["a1", "a2", "a3"] as AllocationId[],
  });
  const snapshot = hand.state.snapshot();
  assert.deepEqual(
    [...snapshot.allocations()].map((each) => each.ID),
    ["a2"],
  );
  assert.deepEqual(
    [...snapshot.evaluations()].map((each) => each.ID),
    ["e2"],
  );
  assert.equal(snapshot.job(DEFAULT, "a")?.Status, "running");
  assert.deepEqual(
    [...snapshot.allocationsByJob(DEFAULT, "a")].map((each) => each.ID),
    ["a2"],
  );
});

test("A node that registers again keeps creation, eligibility and its last ten events", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.write({
    type: "node-eligibility",
    NodeID: "n1" as NodeId,
    Eligibility: "ineligible",
    Event: {
      Message: "Node marked as ineligible for scheduling",
      Subsystem: "Cluster",
      Details: {},
      Timestamp: "2026-01-01T00:00:00Z",
      CreateIndex: 0,
    },
    Evaluations: [],
  });
  hand.node(node("n1", { Attributes: { "kernel.name": "linux" } }));
  const again = hand.state.snapshot().node("n1");
  assert.deepEqual(
    [again?.CreateIndex, again?.ModifyIndex, again?.SchedulingEligibility, again?.Attributes["kernel.name"]],
    [2, 4, "ineligible", "linux"],
  );
  assert.deepEqual(
    again?.Events.map((each) => [each.Message, each.CreateIndex]),
    [
      ["Node registered", 2],
      ["Node marked as ineligible for scheduling", 3],
    ],
  );
  for (let n = 0; n < 7; n++) {
    down(hand);
    hand.node(node("n1"));
  }
  assert.equal(hand.state.snapshot().node("n1")?.Events.length, 9);
  assert.equal(hand.state.snapshot().node("n1")?.Events.at(-1)?.Message, "Node re-registered");
  for (let n = 0; n < 7; n++) {
    down(hand);
    hand.node(node("n1"));
  }
  assert.equal(hand.state.snapshot().node("n1")?.Events.length, 10);
});

test("Commands about nodes that are not there are missing", () => {
  const hand = new Hand();
  const ID = "n9" as NodeId;
  for (const outcome of [
    hand.write({ type: "node-status", NodeIDs: [ID], Status: "down", Event: null, Evaluations: [evaluation("e1", "a")] }),
    hand.write({ type: "node-eligibility", NodeID: ID, Eligibility: "eligible", Event: null, Evaluations: [evaluation("e1", "a")] }),
    hand.write({ type: "node-purge", NodeIDs: [ID], Evaluations: [evaluation("e1", "a")] }),
  ])
    assert.equal(outcome.ok ? "" : outcome.code, "missing");
  assert.equal(hand.state.snapshot().evaluation("e1"), undefined);
});

const note = (id: string, with_: Partial<PlannedNote> = {}): PlannedNote => ({
  ID: id as AllocationId,
  NodeID: "n1" as NodeId,
  FollowupEvalID: "",
  ClientStatus: "",
  ClientDescription: "",
  ...with_,
});
const silent = (id: string): PlannedNote => note(id, { ClientStatus: "unknown", ClientDescription: "its node is disconnected" });

test("A note that an allocation is unknown is remembered with its time; a node that speaks again, too", () => {
  const hand = placed("a1");
  hand.report("a1", "running");
  hand.plan(plan(hand.job("a"), { Notes: [silent("a1")] }));
  const unknown = hand.allocation("a1");
  assert.deepEqual(
    [unknown.ClientStatus, unknown.ClientDescription, unknown.DesiredStatus],
    ["unknown", "its node is disconnected", "run"],
  );
  assert.deepEqual(unknown.AllocStates, [{ Field: "client_status", Value: "unknown", Time: hand.time }]);
  assert.equal(unknown.AllocModifyIndex, hand.index);
  assert.partialDeepStrictEqual(hand.state.snapshot().jobSummary(DEFAULT, "a")?.Summary["web"], { Running: 0, Unknown: 1 });
  assert.equal(hand.job("a").Status, "running");
  hand.plan(plan(hand.job("a"), { Notes: [silent("a1")] }));
  assert.equal(hand.allocation("a1"), unknown);
  // Registering does not speak for the allocations: the scheduler meets a ready node and an unknown allocation.
  hand.node(node("n1"));
  assert.equal(hand.allocation("a1"), unknown);
  hand.report("a1", "running");
  const back = hand.allocation("a1");
  assert.equal(back.ClientStatus, "running");
  assert.deepEqual(back.AllocStates.at(-1), { Field: "client_status", Value: "reconnected", Time: hand.time });
  hand.report("a1", "running", { TaskStates: { main: taskState("running") } });
  assert.equal(hand.allocation("a1").AllocStates, back.AllocStates);
});

test("A node that comes and goes does not make its allocations grow without end", () => {
  const hand = placed("a1");
  for (let n = 0; n < 40; n++) {
    hand.plan(plan(hand.job("a"), { Notes: [silent("a1")] }));
    hand.report("a1", "running");
  }
  const { AllocStates } = hand.allocation("a1");
  assert.deepEqual([AllocStates.length, AllocStates.at(-1)?.Value, AllocStates.at(-1)?.Time], [20, "reconnected", hand.time]);
});

test("Who is lost after being unknown stays lost, whatever its node says then (F9)", () => {
  const hand = placed("a1");
  hand.plan(plan(hand.job("a"), { Notes: [silent("a1")] }));
  hand.plan(plan(null, { Stops: [stop("a1", "n1", { ClientStatus: "lost" })] }));
  hand.report("a1", "running", { Healthy: true });
  assert.partialDeepStrictEqual(hand.allocation("a1"), { ClientStatus: "lost", DesiredStatus: "stop", DeploymentStatus: null });
  hand.plan(plan(null, { Notes: [silent("a1")] }));
  assert.equal(hand.allocation("a1").ClientStatus, "lost");
});

test("A note says when it is tried again, of an allocation that is still wanted on that node", () => {
  const hand = placed("a1", "a2");
  hand.report("a1", "failed");
  hand.plan(plan(null, { Stops: [stop("a2", "n1")] }));
  const followup = { FollowupEvalID: "e-later" as EvaluationId };
  hand.plan(plan(null, { Notes: [note("a1", followup), note("a2", followup), note("unknown", followup)] }));
  assert.deepEqual([hand.allocation("a1").FollowupEvalID, hand.allocation("a2").FollowupEvalID], ["e-later", ""]);
  const before = hand.allocation("a1");
  hand.plan(plan(null, { Notes: [note("a1", followup), note("a1", { FollowupEvalID: "x" as EvaluationId, NodeID: "n2" as NodeId })] }));
  assert.equal(hand.allocation("a1"), before);
});

test("An evicted allocation knows for whom it had to go", () => {
  const hand = placed("a1");
  const evict = { DesiredStatus: "evict" as const, PreemptedByAllocation: "b1" as AllocationId };
  hand.plan(
    plan(hand.job("a"), {
      Stops: [stop("a1", "n1", evict)],
      Placements: [placement("b1", "a", "n1", { PreemptedAllocations: ["a1" as AllocationId] })],
    }),
  );
  assert.partialDeepStrictEqual(hand.allocation("a1"), evict);
  assert.deepEqual(hand.allocation("b1").PreemptedAllocations, ["a1"]);
  hand.plan(plan(null, { Stops: [stop("a1", "n1", { ...evict, PreemptedByAllocation: "c1" as AllocationId })] }));
  assert.equal(hand.allocation("a1").PreemptedByAllocation, "b1");
});

test("An older version is placed again while it is kept or something runs it; after that the plan is refused", () => {
  const hand = placed("a1");
  const old = hand.allocation("a1").Job;
  const placeOld = (id: string) => hand.plan(plan(hand.job("a"), { Placements: [placement(id, "a", "n1", { JobVersion: 0 })] }));
  hand.register(job("a", { Priority: 60 }), "e2");
  assert.equal(placeOld("a2").ok, true);
  assert.equal(hand.allocation("a2").Job, old);
  for (let priority = 61; priority < 70; priority++) hand.register(job("a", { Priority: priority }), "e2");
  assert.equal(placeOld("a3").ok, true);
  assert.deepEqual([hand.allocation("a3").Job, hand.allocation("a3").JobVersion], [old, 0]);
  for (const id of ["a1", "a2", "a3"]) hand.report(id, "complete");
  hand.write({ type: "reap", Jobs: [], Evaluations: [], Allocations: ["a1", "a2", "a3"] as AllocationId[] });
  const refused = placeOld("a4");
  assert.equal(refused.ok ? "" : refused.code, "missing");
});

test("A version of a purged namesake is not placed for the new job", () => {
  const hand = placed("a1");
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as JobId, Purge: true, NoShutdownDelay: false, Evaluation: null });
  hand.register(job("a", { Priority: 60 }), "e2");
  hand.register(job("a", { Priority: 61 }), "e2");
  for (let priority = 62; priority < 70; priority++) hand.register(job("a", { Priority: priority }), "e2");
  const outcome = hand.plan(plan(hand.job("a"), { Placements: [placement("a2", "a", "n1", { JobVersion: 0 })] }));
  assert.equal(outcome.ok ? "" : outcome.code, "missing");
});

test("What a node says of an allocation's network stands until it says another; leaving it out changes nothing", () => {
  const hand = placed();
  const network = { InterfaceName: "eth0", Address: "10.1.0.2", AddressIPv6: "", DNS: null };
  hand.report("a1", "running");
  assert.equal("NetworkStatus" in hand.allocation("a1"), false, "most have none");
  hand.report("a1", "running", { NetworkStatus: network });
  const { ModifyIndex } = hand.allocation("a1");
  assert.deepEqual(hand.allocation("a1").NetworkStatus, network);
  hand.report("a1", "running", { NetworkStatus: { ...network } });
  hand.report("a1", "running");
  assert.equal(hand.allocation("a1").ModifyIndex, ModifyIndex, "nothing new was said");
  hand.report("a1", "running", { NetworkStatus: { ...network, Address: "10.1.0.3" } });
  hand.report("a1", "complete");
  assert.equal(hand.allocation("a1").NetworkStatus?.Address, "10.1.0.3");
});
