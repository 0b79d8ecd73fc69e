import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationId, Deployment, DeploymentId, Job } from "#model";
import type { Outcome } from "#state";
import { DEFAULT, deployment, deploymentGroup, evaluation, group, Hand, job, node, placement, plan } from "./nouns.ts";

const MINUTES_10 = 600e9;
const inDeployment = { DeploymentID: "d1" as DeploymentId };
const asCanary = { ...inDeployment, DeploymentStatus: { Healthy: null, Canary: true, Timestamp: "", ModifyIndex: 0 } };
const after = (hand: Hand, nanoseconds: number) => new Date((hand.time + nanoseconds) / 1e6).toISOString();

/** Job "a" with deployment "d1" of its current version, which has placed `ids`. */
function deploying(ids: readonly string[], with_: Partial<Deployment> = {}, canaries: readonly string[] = []): Hand {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  deploy(hand, "d1", ids, with_, canaries);
  return hand;
}

function deploy(
  hand: Hand,
  id: string,
  ids: readonly string[],
  with_: Partial<Deployment> = {},
  canaries: readonly string[] = [],
): Outcome {
  const of = hand.job("a");
  const version = { JobVersion: of.Version, DeploymentID: id as DeploymentId };
  return hand.plan(
    plan(of, {
      Deployment: deployment(id, of, with_),
      Placements: [
        ...ids.map((each) => placement(each, "a", "n1", version)),
        ...canaries.map((each) => placement(each, "a", "n1", { ...asCanary, ...version })),
      ],
    }),
  );
}

function setStatus(hand: Hand, Status: Deployment["Status"], Rollback: Job | null = null, id = "d1"): Outcome {
  const Update = { DeploymentID: id as DeploymentId, Status, StatusDescription: `now ${Status}` };
  return hand.write({ type: "deployment-status", Update, Rollback, Evaluations: [evaluation("e-status", "a")] });
}

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.code);
const groupOf = (hand: Hand, id = "d1") => hand.deployment(id).TaskGroups["web"];

test("A plan creates its deployment, stamped, its counters at nothing whatever the plan says", () => {
  const hand = deploying([], {
    TaskGroups: { web: deploymentGroup({ PlacedAllocs: 7, HealthyAllocs: 7, RequireProgressBy: "2000-01-01" }) },
  });
  const { CreateIndex, ModifyIndex, CreateTime, JobVersion } = hand.deployment("d1");
  assert.deepEqual([CreateIndex, ModifyIndex, CreateTime, JobVersion], [hand.index, hand.index, hand.time, 0]);
  assert.partialDeepStrictEqual(groupOf(hand), { PlacedAllocs: 0, HealthyAllocs: 0, RequireProgressBy: null });
  const snapshot = hand.state.snapshot();
  assert.equal(snapshot.activeDeployment(DEFAULT, "a"), hand.deployment("d1"));
  assert.deepEqual([...snapshot.activeDeployments()], [hand.deployment("d1")]);
  assert.equal(snapshot.tableIndex("deployments"), hand.index);
});

test("The first placement starts the progress deadline, each healthy allocation moves it on, others do not", () => {
  const hand = deploying(["a1", "a2"]);
  assert.partialDeepStrictEqual(groupOf(hand), { PlacedAllocs: 2, RequireProgressBy: after(hand, MINUTES_10) });
  const first = groupOf(hand)?.RequireProgressBy;
  hand.place("a", "n1", ["a3"], inDeployment);
  assert.partialDeepStrictEqual(groupOf(hand), { PlacedAllocs: 3, RequireProgressBy: first });
  hand.report("a1", "running", { Healthy: true });
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 1, UnhealthyAllocs: 0, RequireProgressBy: after(hand, MINUTES_10) });
  const moved = groupOf(hand)?.RequireProgressBy;
  hand.report("a2", "failed", { Healthy: false });
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 1, UnhealthyAllocs: 1, RequireProgressBy: moved });
  assert.deepEqual(
    [...hand.state.snapshot().allocationsByDeployment("d1")].map((each) => each.ID),
    ["a1", "a2", "a3"],
  );
});

test("Without a progress deadline none is kept", () => {
  const hand = deploying(["a1"], { TaskGroups: { web: deploymentGroup({ ProgressDeadline: 0 }) } });
  hand.report("a1", "running", { Healthy: true });
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 1, RequireProgressBy: null });
});

test("A node's verdict is taken once, with its time; a person's stands over it", () => {
  const hand = deploying(["a1"]);
  hand.report("a1", "running");
  assert.equal(hand.allocation("a1").DeploymentStatus, null);
  hand.report("a1", "running", { Healthy: true });
  const said = hand.allocation("a1").DeploymentStatus;
  assert.deepEqual(said, { Healthy: true, Canary: false, Timestamp: "2026-01-02T03:04:05Z", ModifyIndex: hand.index });
  hand.report("a1", "running", { Healthy: false });
  assert.equal(hand.allocation("a1").DeploymentStatus, said);
  const verdict = { DeploymentID: "d1" as DeploymentId, Healthy: [], Unhealthy: ["a1" as AllocationId], Evaluations: [] };
  assert.equal(hand.write({ type: "deployment-allocation-health", ...verdict }).ok, true);
  assert.partialDeepStrictEqual(hand.allocation("a1").DeploymentStatus, { Healthy: false, Timestamp: after(hand, 0) });
  assert.equal(hand.allocation("a1").AllocModifyIndex, hand.index);
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 0, UnhealthyAllocs: 1 });
  hand.report("a1", "running", { Healthy: true });
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 0, UnhealthyAllocs: 1 });
});

test("Verdicts on allocations of no, or another, deployment are refused whole", () => {
  const hand = deploying(["a1"]);
  hand.place("a", "n1", ["b1"]);
  const Healthy = ["a1", "b1"] as AllocationId[];
  const outcome = hand.write({
    type: "deployment-allocation-health",
    DeploymentID: "d1" as DeploymentId,
    Healthy,
    Unhealthy: [],
    Evaluations: [evaluation("e9", "a")],
  });
  assert.equal(codeOf(outcome), "invalid");
  assert.equal(hand.allocation("a1").DeploymentStatus, null);
  assert.equal(hand.state.snapshot().evaluation("e9"), undefined);
});

test("An allocation that moves house without a deployment is judged too, and counts nowhere", () => {
  const hand = deploying([]);
  hand.place("a", "n1", ["m1"]);
  hand.report("m1", "running", { Healthy: true });
  assert.equal(hand.allocation("m1").DeploymentStatus?.Healthy, true);
  assert.partialDeepStrictEqual(groupOf(hand), { PlacedAllocs: 0, HealthyAllocs: 0 });
});

test("New counts of the active deployment leave alone what has happened", () => {
  const hand = deploying(["a1"], { TaskGroups: { web: deploymentGroup({ DesiredCanaries: 1 }) } }, ["c1"]);
  hand.report("a1", "running", { Healthy: true });
  const before = groupOf(hand);
  const wanted = deploymentGroup({ DesiredTotal: 5, DesiredCanaries: 2, PlacedAllocs: 99, HealthyAllocs: 99, Promoted: true });
  deploy(hand, "d1", [], { TaskGroups: { web: wanted, api: deploymentGroup({ DesiredTotal: 3 }) }, Status: "paused" });
  assert.deepEqual(groupOf(hand), { ...before, DesiredTotal: 5, DesiredCanaries: 2 });
  assert.equal(hand.deployment("d1").TaskGroups["api"]?.DesiredTotal, 3);
  assert.equal(hand.deployment("d1").Status, "running");
  setStatus(hand, "failed");
  const failed = hand.deployment("d1");
  deploy(hand, "d1", [], { TaskGroups: { web: wanted } });
  assert.equal(hand.deployment("d1"), failed);
});

test("A job has one active deployment: a newer one cancels it, an older one's plan is refused", () => {
  const hand = deploying(["a1"]);
  const old = hand.job("a");
  hand.register(job("a", { Priority: 70 }), "e2");
  assert.equal(deploy(hand, "d2", ["a2"]).ok, true);
  assert.partialDeepStrictEqual(hand.deployment("d1"), {
    Status: "cancelled",
    StatusDescription: "Cancelled due to newer version of job",
  });
  assert.equal(hand.state.snapshot().activeDeployment(DEFAULT, "a")?.ID, "d2");
  assert.equal(codeOf(hand.plan(plan(old, { Deployment: deployment("d3", old) }))), "conflict");
  assert.deepEqual(
    hand.state
      .snapshot()
      .deploymentsByJob(DEFAULT, "a")
      .map((each) => each.ID),
    ["d2", "d1"],
  );
});

test("A plan ends deployments that go on, and leaves ended ones as they are", () => {
  const hand = deploying(["a1"]);
  const end = (Status: "successful" | "cancelled") =>
    hand.plan(
      plan(hand.job("a"), { DeploymentUpdates: [{ DeploymentID: "d1" as DeploymentId, Status, StatusDescription: "by the plan" }] }),
    );
  end("successful");
  assert.partialDeepStrictEqual(hand.deployment("d1"), { Status: "successful", StatusDescription: "by the plan" });
  assert.equal(hand.job("a").Stable, true);
  assert.equal(end("cancelled").ok, true);
  assert.equal(hand.deployment("d1").Status, "successful");
});

test("An update in place into a deployment counts as placed and waits for a new verdict; within one, the verdict stands", () => {
  const hand = deploying(["a1"]);
  hand.report("a1", "running", { Healthy: true });
  hand.register(job("a", { Priority: 70 }), "e2");
  const of = hand.job("a");
  const move = (with_: object) =>
    hand.plan(
      plan(of, {
        Deployment: deployment("d2", of),
        InPlaceUpdates: [placement("a1", "a", "n1", { JobVersion: 1, DeploymentID: "d2" as DeploymentId, ...with_ })],
      }),
    );
  move({ DeploymentStatus: { Healthy: true, Canary: false, Timestamp: "", ModifyIndex: 0 } });
  assert.equal(hand.allocation("a1").DeploymentStatus, null);
  assert.partialDeepStrictEqual(groupOf(hand, "d2"), { PlacedAllocs: 1, HealthyAllocs: 0, RequireProgressBy: after(hand, MINUTES_10) });
  assert.partialDeepStrictEqual(groupOf(hand, "d1"), { PlacedAllocs: 1, HealthyAllocs: 1 });
  assert.deepEqual([...hand.state.snapshot().allocationsByDeployment("d1")], []);
  hand.report("a1", "running", { Healthy: true });
  move({});
  assert.equal(hand.allocation("a1").DeploymentStatus?.Healthy, true);
  assert.partialDeepStrictEqual(groupOf(hand, "d2"), { PlacedAllocs: 1, HealthyAllocs: 1 });
});

test("A canary is noted, keeps its mark through its verdict, and loses it when it is promoted; one that is not well keeps it", () => {
  const hand = deploying(["a1"], { TaskGroups: { web: deploymentGroup({ DesiredCanaries: 1 }) } }, ["c1", "c2"]);
  assert.deepEqual(groupOf(hand)?.PlacedCanaries, ["c1", "c2"]);
  assert.partialDeepStrictEqual(hand.allocation("c1").DeploymentStatus, { Healthy: null, Canary: true });
  hand.report("c1", "running", { Healthy: true });
  assert.partialDeepStrictEqual(hand.allocation("c1").DeploymentStatus, { Healthy: true, Canary: true });
  const promoted = hand.write({ type: "deployment-promote", DeploymentID: "d1" as DeploymentId, Groups: null, Evaluations: [] });
  assert.equal(promoted.ok, true);
  assert.equal(groupOf(hand)?.Promoted, true);
  assert.partialDeepStrictEqual(hand.allocation("c1").DeploymentStatus, { Healthy: true, Canary: false, ModifyIndex: hand.index });
  assert.equal(hand.allocation("c1").AllocModifyIndex, hand.index);
  assert.equal(hand.allocation("c2").DeploymentStatus?.Canary, true);
  // Its canaries count though they have lost their mark.
  const again = hand.write({ type: "deployment-promote", DeploymentID: "d1" as DeploymentId, Groups: ["web"], Evaluations: [] });
  assert.equal(again.ok, true);
});

test("Promotion wants enough healthy canaries of each group asked, and all groups or nothing", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a", { TaskGroups: [group("web"), group("api")] }));
  const of = hand.job("a");
  const waits = deploymentGroup({ DesiredCanaries: 1 });
  hand.plan(
    plan(of, {
      Deployment: deployment("d1", of, {
        TaskGroups: { web: waits, api: waits },
        StatusDescription: "Deployment is running but requires manual promotion",
      }),
      Placements: [placement("w1", "a", "n1", asCanary), placement("p1", "a", "n1", { ...asCanary, TaskGroup: "api" })],
    }),
  );
  const promote = (Groups: string[] | null) =>
    hand.write({ type: "deployment-promote", DeploymentID: "d1" as DeploymentId, Groups, Evaluations: [evaluation("e-promoted", "a")] });
  assert.equal(codeOf(promote(null)), "invalid");
  hand.report("w1", "running", { Healthy: true });
  const short = promote(null);
  assert.match(short.ok ? "" : short.reason, /group "api" has 0 of 1 healthy canaries/);
  assert.equal(codeOf(promote(["nowhere"])), "invalid");
  assert.equal(hand.state.snapshot().evaluation("e-promoted"), undefined);
  assert.equal(promote(["web"]).ok, true);
  assert.deepEqual([groupOf(hand)?.Promoted, groupOf(hand)?.RequireProgressBy], [true, after(hand, MINUTES_10)]);
  assert.equal(hand.deployment("d1").StatusDescription, "Deployment is running but requires manual promotion");
  hand.report("p1", "running", { Healthy: true });
  assert.equal(promote(null).ok, true);
  assert.equal(hand.deployment("d1").StatusDescription, "Deployment is running");
  assert.equal(hand.state.snapshot().evaluation("e-promoted")?.Status, "pending");
  assert.equal(codeOf(promote(null)), "invalid");
  setStatus(hand, "failed");
  assert.equal(codeOf(promote(["web"])), "conflict");
});

test("A deployment ends once; time spent paused counts towards no deadline", () => {
  const hand = deploying(["a1"]);
  assert.equal(codeOf(setStatus(hand, "paused", null, "unknown")), "missing");
  setStatus(hand, "paused");
  const paused = groupOf(hand)?.RequireProgressBy;
  hand.time += 3600e9;
  setStatus(hand, "running");
  assert.equal(groupOf(hand)?.RequireProgressBy, after(hand, MINUTES_10));
  assert.notEqual(groupOf(hand)?.RequireProgressBy, paused);
  assert.equal(setStatus(hand, "failed").ok, true);
  assert.equal(hand.deployment("d1").StatusDescription, "now failed");
  const refused = setStatus(hand, "running");
  assert.equal(codeOf(refused), "conflict");
  assert.match(refused.ok ? "" : refused.reason, /it is failed/);
});

test("Success marks the version stable, and its allocations go on sharing one Job object", () => {
  const hand = deploying(["a1"]);
  setStatus(hand, "successful");
  assert.equal(hand.job("a").Stable, true);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 0)?.Stable, true);
  hand.place("a", "n1", ["a2"]);
  assert.equal(hand.allocation("a2").Job, hand.allocation("a1").Job);
  hand.register(job("a", { Priority: 70 }), "e2");
  assert.equal(hand.job("a").Stable, false);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 0)?.Stable, true);
});

test("A rollback is a new version in the same entry, with the source of what it goes back to", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"), "e1", { Submission: { Source: "good", Format: "hcl2", VariableFlags: {}, Variables: "" } });
  hand.write({ type: "job-stability", Namespace: DEFAULT, JobID: "a" as never, Version: 0, Stable: true });
  const good = hand.job("a");
  hand.register(job("a", { Priority: 70 }), "e2");
  deploy(hand, "d1", ["a1"]);
  assert.equal(setStatus(hand, "failed", good).ok, true);
  assert.deepEqual([hand.job("a").Version, hand.job("a").Priority, hand.job("a").Stable], [2, 50, false]);
  assert.equal(hand.state.snapshot().submission(DEFAULT, "a", 2)?.Source, "good");
  assert.equal(hand.state.snapshot().evaluation("e-status")?.JobModifyIndex, hand.job("a").JobModifyIndex);
});

test("A verdict may end its deployment in the same entry, with its rollback and the evaluation of what is wanted then", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  const good = hand.job("a");
  hand.register(job("a", { Priority: 70 }), "e2");
  deploy(hand, "d1", ["a1"]);
  const judge = (Rollback: Job | null) =>
    hand.write({
      type: "deployment-allocation-health",
      DeploymentID: "d1" as DeploymentId,
      Healthy: [],
      Unhealthy: ["a1" as AllocationId],
      End: { Update: { DeploymentID: "d1" as DeploymentId, Status: "failed", StatusDescription: "judged" }, Rollback },
      Evaluations: [evaluation("e-judged", "a")],
    });
  assert.equal(codeOf(judge(job("b"))), "invalid");
  assert.deepEqual([hand.deployment("d1").Status, hand.allocation("a1").DeploymentStatus], ["running", null]);
  assert.equal(judge(good).ok, true);
  assert.deepEqual([hand.deployment("d1").Status, hand.deployment("d1").StatusDescription], ["failed", "judged"]);
  assert.partialDeepStrictEqual(groupOf(hand), { HealthyAllocs: 0, UnhealthyAllocs: 1 });
  assert.deepEqual([hand.job("a").Version, hand.job("a").Priority], [2, 50]);
  assert.equal(hand.state.snapshot().evaluation("e-judged")?.JobModifyIndex, hand.job("a").JobModifyIndex);
});

test("A rollback is not carried out on a job that has changed, was stopped, or is another", () => {
  for (const change of ["register", "stop", "other"] as const) {
    const hand = new Hand();
    hand.node(node("n1"));
    hand.register(job("a"));
    const good = hand.job("a");
    hand.register(job("a", { Priority: 70 }), "e2");
    deploy(hand, "d1", ["a1"]);
    if (change === "register") hand.register(job("a", { Priority: 80 }), "e3");
    if (change === "stop") {
      hand.write({
        type: "job-deregister",
        Namespace: DEFAULT,
        JobID: "a" as never,
        Purge: false,
        NoShutdownDelay: false,
        Evaluation: null,
      });
    }
    const before = hand.job("a").Version;
    const outcome = setStatus(hand, "failed", change === "other" ? { ...good, ID: "b" as never } : good);
    assert.equal(codeOf(outcome), change === "other" ? "invalid" : "ok", change);
    assert.equal(hand.deployment("d1").Status, change === "other" ? "running" : "failed", change);
    assert.equal(hand.job("a").Version, before, change);
  }
});

test("A deployment that goes on keeps its job running; a purged job takes it along", () => {
  const hand = deploying([]);
  hand.evaluations(evaluation("e1", "a", { Status: "complete" }));
  assert.equal(hand.job("a").Status, "running");
  setStatus(hand, "successful");
  hand.evaluations(evaluation("e-status", "a", { Status: "complete" }));
  assert.equal(hand.job("a").Status, "dead");
  hand.register(job("a", { Priority: 70 }), null);
  deploy(hand, "d2", []);
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as never, Purge: true, NoShutdownDelay: false, Evaluation: null });
  assert.partialDeepStrictEqual(hand.deployment("d2"), { Status: "cancelled", StatusDescription: "Cancelled because job is stopped" });
  hand.register(job("a"), null);
  assert.equal(hand.state.snapshot().activeDeployment(DEFAULT, "a"), undefined);
});

test("Garbage collection takes deployments that are over", () => {
  const hand = deploying(["a1"]);
  const reap = () =>
    hand.write({ type: "reap", Jobs: [], Evaluations: [], Allocations: [], Deployments: ["d1", "unknown"] as DeploymentId[] });
  reap();
  assert.equal(hand.deployment("d1").Status, "running");
  setStatus(hand, "failed");
  reap();
  const snapshot = hand.state.snapshot();
  assert.equal(snapshot.deployment("d1"), undefined);
  assert.deepEqual(snapshot.deploymentsByJob(DEFAULT, "a"), []);
  hand.report("a1", "running", { Healthy: true });
  assert.equal(hand.allocation("a1").DeploymentStatus?.Healthy, true);
});
