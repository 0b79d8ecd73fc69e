import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobId } from "#model";
import { DEFAULT, evaluation, group, Hand, job, node, plan, placement, stop } from "./nouns.ts";

test("A new job is version 0, pending its evaluation, stamped with index and time", () => {
  const hand = new Hand();
  assert.deepEqual(hand.register(job("a")), { ok: true, index: 2 });
  const stored = hand.job("a");
  assert.equal(stored.Version, 0);
  assert.equal(stored.Status, "pending");
  assert.equal(stored.SubmitTime, hand.time);
  assert.deepEqual([stored.CreateIndex, stored.ModifyIndex, stored.JobModifyIndex], [2, 2, 2]);
  const stamped = hand.state.snapshot().evaluation("e1");
  assert.deepEqual([stamped?.JobModifyIndex, stamped?.CreateIndex, stamped?.ModifyIndex, stamped?.CreateTime], [2, 2, 2, hand.time]);
  assert.deepEqual(hand.state.snapshot().jobSummary(DEFAULT, "a")?.Summary, {
    web: { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 },
  });
});

test("Registering the same specification again makes no new version but keeps the evaluation", () => {
  const hand = new Hand();
  hand.register(job("a"));
  hand.register(job("a"), "e2");
  assert.deepEqual([hand.job("a").Version, hand.job("a").JobModifyIndex], [0, 2]);
  const second = hand.state.snapshot().evaluation("e2");
  assert.deepEqual([second?.JobModifyIndex, second?.CreateIndex], [2, 3]);
});

test("A changed specification is the next version; creation stays", () => {
  const hand = new Hand();
  hand.register(job("a"), "e1", { Submission: { Source: "one", Format: "hcl2", VariableFlags: {}, Variables: "" } });
  hand.register(job("a", { Priority: 70 }), "e2", { Submission: { Source: "two", Format: "hcl2", VariableFlags: {}, Variables: "" } });
  const snapshot = hand.state.snapshot();
  assert.deepEqual([hand.job("a").Version, hand.job("a").CreateIndex, hand.job("a").JobModifyIndex], [1, 2, 3]);
  assert.deepEqual(
    snapshot.jobVersions(DEFAULT, "a").map((each) => [each.Version, each.Priority]),
    [
      [1, 70],
      [0, 50],
    ],
  );
  assert.equal(snapshot.submission(DEFAULT, "a", 0)?.Source, "one");
  assert.equal(snapshot.submission(DEFAULT, "a", 1)?.Source, "two");
});

test("Six versions are kept, and older ones that an allocation still runs", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ["a1"]);
  for (let priority = 51; priority < 60; priority++) hand.register(job("a", { Priority: priority }));
  const snapshot = hand.state.snapshot();
  assert.deepEqual(
    snapshot.jobVersions(DEFAULT, "a").map((each) => each.Version),
    [9, 8, 7, 6, 5, 4],
  );
  assert.equal(snapshot.jobVersion(DEFAULT, "a", 0)?.Priority, 50);
  assert.equal(snapshot.jobVersion(DEFAULT, "a", 1), undefined);
  assert.equal(snapshot.submission(DEFAULT, "a", 0), undefined);
});

test("An enforced index that does not match is a conflict, and nothing changes", () => {
  const hand = new Hand();
  hand.register(job("a"));
  const before = hand.state.snapshot();
  for (const [wanted, id] of [
    [0, "a"],
    [7, "a"],
    [3, "missing"],
  ] as const) {
    const outcome = hand.register(job(id, { Priority: 99 }), "e9", { EnforceIndex: wanted });
    assert.equal(outcome.ok, false);
    assert.equal(outcome.ok ? "" : outcome.code, "conflict");
    assert.match(outcome.ok ? "" : outcome.reason, new RegExp(`^Enforcing job modify index ${wanted}`));
  }
  const after = hand.state.snapshot();
  assert.equal(after.job(DEFAULT, "a"), before.job(DEFAULT, "a"));
  assert.equal(after.job(DEFAULT, "missing"), undefined);
  assert.equal(after.evaluation("e9"), undefined);
  assert.equal(after.tableIndex("jobs"), before.tableIndex("jobs"));
  assert.equal(hand.register(job("a", { Priority: 99 }), "e9", { EnforceIndex: 2 }).ok, true);
  assert.equal(hand.register(job("b"), "e10", { EnforceIndex: 0 }).ok, true);
});

test("PreserveCounts keeps the counts of groups that exist", () => {
  const hand = new Hand();
  hand.register(job("a", { TaskGroups: [group("web", 5), group("old", 2)] }));
  hand.register(job("a", { TaskGroups: [group("web", 1), group("new", 3)] }), "e2", { PreserveCounts: true });
  assert.deepEqual(
    hand.job("a").TaskGroups.map((each) => [each.Name, each.Count]),
    [
      ["web", 5],
      ["new", 3],
    ],
  );
});

test("Stopping a job is a new version; running it again, another", () => {
  const hand = new Hand();
  hand.register(job("a"));
  hand.evaluations(evaluation("e1", "a", { Status: "complete" }));
  hand.write({
    type: "job-deregister",
    Namespace: DEFAULT,
    JobID: "a" as JobId,
    Purge: false,
    NoShutdownDelay: false,
    Evaluation: evaluation("e2", "a"),
  });
  assert.deepEqual([hand.job("a").Stop, hand.job("a").Version, hand.job("a").Status, hand.job("a").JobModifyIndex], [true, 1, "dead", 4]);
  assert.equal(hand.state.snapshot().evaluation("e2")?.JobModifyIndex, 4);
  hand.register(job("a"), "e3");
  assert.deepEqual([hand.job("a").Stop, hand.job("a").Version, hand.job("a").Status], [false, 2, "pending"]);
});

test("Purging a job removes its record, versions, summary and submissions, and leaves its allocations", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"), "e1", { Submission: { Source: "one", Format: "hcl2", VariableFlags: {}, Variables: "" } });
  hand.place("a", "n1", ["a1"]);
  hand.write({
    type: "job-deregister",
    Namespace: DEFAULT,
    JobID: "a" as JobId,
    Purge: true,
    NoShutdownDelay: false,
    Evaluation: evaluation("e2", "a"),
  });
  const snapshot = hand.state.snapshot();
  assert.equal(snapshot.job(DEFAULT, "a"), undefined);
  assert.equal(snapshot.jobSummary(DEFAULT, "a"), undefined);
  assert.equal(snapshot.submission(DEFAULT, "a", 0), undefined);
  assert.equal(snapshot.allocation("a1")?.Job.ID, "a");
  hand.register(job("a"), "e3");
  assert.deepEqual([hand.job("a").Version, hand.job("a").CreateIndex, hand.job("a").Status], [0, hand.index, "running"]);
  assert.equal(hand.state.snapshot().jobSummary(DEFAULT, "a")?.Summary["web"]?.Starting, 1);
});

test("Deregistering a job nobody knows is missing, unless an evaluation is wanted for what it left", () => {
  const hand = new Hand();
  const base = { type: "job-deregister", Namespace: DEFAULT, JobID: "x" as JobId, Purge: false, NoShutdownDelay: false } as const;
  const outcome = hand.write({ ...base, Evaluation: null });
  assert.equal(outcome.ok ? "" : outcome.code, "missing");
  assert.equal(hand.write({ ...base, Evaluation: evaluation("e1", "x") }).ok, true);
});

test("A job's status follows its evaluations and allocations", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a", { Type: "batch" }));
  assert.equal(hand.job("a").Status, "pending");
  hand.plan(plan(hand.job("a"), { Placements: [placement("a1", "a", "n1")] }), [evaluation("e1", "a", { Status: "complete" })]);
  assert.equal(hand.job("a").Status, "running");
  assert.equal(hand.job("a").ModifyIndex, hand.index);
  assert.equal(hand.job("a").JobModifyIndex, 3);
  hand.report("a1", "running");
  assert.equal(hand.job("a").Status, "running");
  hand.report("a1", "complete");
  assert.equal(hand.job("a").Status, "dead");
  hand.evaluations(evaluation("e2", "a", { Status: "blocked" }));
  assert.equal(hand.job("a").Status, "pending");
  hand.evaluations(evaluation("e2", "a", { Status: "canceled" }));
  assert.equal(hand.job("a").Status, "dead");
});

test("A stopped job runs on until its allocations are told to stop", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ["a1"]);
  hand.write({
    type: "job-deregister",
    Namespace: DEFAULT,
    JobID: "a" as JobId,
    Purge: false,
    NoShutdownDelay: false,
    Evaluation: evaluation("e2", "a"),
  });
  assert.equal(hand.job("a").Status, "running");
  hand.plan(plan(null, { Stops: [stop("a1", "n1")] }), [evaluation("e2", "a", { Status: "complete" })]);
  assert.equal(hand.job("a").Status, "dead");
});

test("System jobs, periodic and parameterized ones run until they are stopped", () => {
  const hand = new Hand();
  hand.register(job("sys", { Type: "system" }));
  assert.equal(hand.job("sys").Status, "running");
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "sys" as JobId, Purge: false, NoShutdownDelay: false, Evaluation: null });
  assert.equal(hand.job("sys").Status, "dead");
});

test("A parent's summary counts its children by status", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("p", { ParameterizedJob: { Payload: "optional", MetaRequired: [], MetaOptional: [] } as never }), null);
  hand.register(job("p/dispatch-1", { ParentID: "p", Type: "batch" }), "e1");
  const children = () => hand.state.snapshot().jobSummary(DEFAULT, "p")?.Children;
  assert.deepEqual(children(), { Pending: 1, Running: 0, Dead: 0 });
  hand.place("p/dispatch-1", "n1", ["a1"]);
  assert.deepEqual(children(), { Pending: 0, Running: 1, Dead: 0 });
  hand.evaluations(evaluation("e1", "p/dispatch-1", { Status: "complete" }));
  hand.report("a1", "complete");
  assert.deepEqual(children(), { Pending: 0, Running: 0, Dead: 1 });
});

test("The summary counts allocations by what they do; history outlives garbage collection", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a", { Type: "batch" }));
  hand.place("a", "n1", ["a1", "a2", "a3"]);
  hand.evaluations(evaluation("e1", "a", { Status: "complete", QueuedAllocations: { web: 4 } }));
  const web = () => hand.state.snapshot().jobSummary(DEFAULT, "a")?.Summary["web"];
  assert.deepEqual(web(), { Queued: 4, Complete: 0, Failed: 0, Running: 0, Starting: 3, Lost: 0, Unknown: 0 });
  hand.report("a1", "running");
  hand.report("a2", "failed");
  hand.plan(plan(null, { Stops: [stop("a3", "n1", { ClientStatus: "lost" })] }));
  assert.deepEqual(web(), { Queued: 4, Complete: 0, Failed: 1, Running: 1, Starting: 0, Lost: 1, Unknown: 0 });
  hand.report("a1", "complete");
  const reaped = ["a1", "a2", "a3"] as never[];
  hand.write({ type: "reap", Jobs: [], Evaluations: [], Allocations: reaped });
  assert.equal([...hand.state.snapshot().allocations()].length, 0);
  assert.deepEqual(web(), { Queued: 4, Complete: 1, Failed: 1, Running: 0, Starting: 0, Lost: 1, Unknown: 0 });
});

test("Jobs are listed by namespace and prefix, in order, from any place on", () => {
  const hand = new Hand();
  hand.namespace("prod");
  for (const [ns, id] of [
    ["default", "ab"],
    ["default", "a"],
    ["prod", "aa"],
    ["default", "b"],
  ] as const) {
    hand.register(job(id, { Namespace: ns as never }), null);
  }
  const snapshot = hand.state.snapshot();
  const ids = (...query: Parameters<typeof snapshot.jobs>) => [...snapshot.jobs(...query)].map((each) => `${each.Namespace}/${each.ID}`);
  assert.deepEqual(ids("default"), ["default/a", "default/ab", "default/b"]);
  assert.deepEqual(ids("*"), ["default/a", "default/ab", "default/b", "prod/aa"]);
  assert.deepEqual(ids("*", "a"), ["default/a", "default/ab", "prod/aa"]);
  assert.deepEqual(ids("default", "a"), ["default/a", "default/ab"]);
  assert.deepEqual(ids("default", "", { Namespace: "default", ID: "a" }), ["default/ab", "default/b"]);
  assert.deepEqual(ids("*", "a", { Namespace: "default", ID: "ab" }), ["prod/aa"]);
  assert.deepEqual(ids("other"), []);
});

test("Groups named as what every object inherits are counted as any other, and nothing inherited is written to", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  const names = ["constructor", "toString", "hasOwnProperty", "__proto__"];
  hand.register(job("a", { TaskGroups: names.map((name) => group(name)) }));
  const placements = names.map((name, at) => placement(`a${at}`, "a", "n1", { TaskGroup: name, Name: `a.${name}[0]` }));
  assert.equal(hand.plan(plan(hand.job("a"), { Placements: placements })).ok, true);
  const summary = hand.state.snapshot().jobSummary(DEFAULT, "a")?.Summary ?? {};
  assert.deepEqual(Object.keys(summary).toSorted(), names.toSorted());
  for (const name of names) assert.equal(Object.getOwnPropertyDescriptor(summary, name)?.value.Starting, 1, name);
  assert.deepEqual([Object.keys(Object), Object.keys(Object.prototype), Object.keys(Object.prototype.toString)], [[], [], []]);
});
