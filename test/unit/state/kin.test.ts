import assert from "node:assert/strict";
import { test } from "node:test";
import { type JobId, type Reason, type ScalingEvent, SCALING_EVENTS_MAX, PAST_REASONS_KEPT_NS, PAST_REASONS_MAX } from "#model";
import type { Command, Outcome } from "#state";
import { PAST_JOBS_MAX } from "../../../src/state/tables/tables.ts";
import { DEFAULT, evaluation, group, Hand, job } from "./nouns.ts";

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.code);
const launch = (JobID: string, Launch: number) => ({ Namespace: DEFAULT, JobID: JobID as JobId, Launch });
const child = (id: string, token = "") => job(id, { ParentID: "p", Type: "batch", DispatchIdempotencyToken: token });
const purge = (hand: Hand, id: string): Outcome =>
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: id as JobId, Purge: true, NoShutdownDelay: false, Evaluation: null });
const event = (Time: number): ScalingEvent => ({
  Time,
  Count: 3,
  PreviousCount: 1,
  Message: "more",
  Error: false,
  Meta: {},
  EvalID: null,
  CreateIndex: 0,
});

function parent(): Hand {
  const hand = new Hand();
  hand.register(job("p", { Type: "batch" }), null);
  return hand;
}

test("A tick is launched once, and the last one never moves back (F19)", () => {
  const hand = parent();
  const run = (tick: number) => hand.register(child(`p/periodic-${tick}`), `e${tick}`, { PeriodicLaunch: launch("p", tick) });
  assert.equal(run(100).ok, true);
  const again = hand.register(child("p/other"), "e-other", { PeriodicLaunch: launch("p", 100) });
  assert.equal(codeOf(again), "conflict");
  assert.match(again.ok ? "" : again.reason, /tick 100 of job "p" was launched already/);
  assert.equal(hand.state.snapshot().job(DEFAULT, "p/other"), undefined);
  assert.equal(codeOf(run(40)), "conflict");
  hand.write({ type: "periodic-launch", Launch: launch("p", 160) });
  hand.write({ type: "periodic-launch", Launch: launch("p", 100) });
  assert.equal(hand.state.snapshot().periodicLaunch(DEFAULT, "p"), 160);
  assert.equal(codeOf(run(160)), "conflict");
  assert.equal(run(220).ok, true);
  assert.equal(hand.state.snapshot().tableIndex("periodic-launches"), hand.index);
});

test("Nothing is launched of a job that is gone, and its launches go with it", () => {
  const hand = parent();
  hand.write({ type: "periodic-launch", Launch: launch("p", 100) });
  purge(hand, "p");
  assert.equal(codeOf(hand.register(child("p/periodic-160"), "e1", { PeriodicLaunch: launch("p", 160) })), "missing");
  assert.equal(codeOf(hand.write({ type: "periodic-launch", Launch: launch("p", 160) })), "missing");
  assert.equal(hand.state.snapshot().periodicLaunch(DEFAULT, "p"), undefined);
});

test("Children are listed under their parent by id, and leave the list when they go", () => {
  const hand = parent();
  for (const id of ["p/b", "p/a", "p/c"]) hand.register(child(id), null);
  const children = () => [...hand.state.snapshot().childJobs(DEFAULT, "p")].map((each) => each.ID);
  assert.deepEqual(children(), ["p/a", "p/b", "p/c"]);
  purge(hand, "p/b");
  assert.deepEqual(children(), ["p/a", "p/c"]);
  assert.deepEqual([...hand.state.snapshot().childJobs(DEFAULT, "p/a")], []);
});

test("A child that is purged counts as dead at its parent", () => {
  const hand = parent();
  hand.register(child("p/a"), "e1");
  assert.deepEqual(hand.state.snapshot().jobSummary(DEFAULT, "p")?.Children, { Pending: 1, Running: 0, Dead: 0 });
  purge(hand, "p/a");
  assert.deepEqual(hand.state.snapshot().jobSummary(DEFAULT, "p")?.Children, { Pending: 0, Running: 0, Dead: 1 });
});

test("One that was dead already is counted already: its going is no news of its parent", () => {
  const hand = parent();
  hand.register(child("p/a"), "e1");
  hand.evaluations(evaluation("e1", "p/a", { Status: "complete" }));
  assert.equal(hand.job("p/a").Status, "dead");
  const before = hand.state.snapshot().jobSummary(DEFAULT, "p");
  purge(hand, "p/a");
  assert.equal(hand.state.snapshot().jobSummary(DEFAULT, "p"), before);
});

test("A token dispatches one child of a parent, as long as that is there", () => {
  const hand = parent();
  hand.register(job("q", { Type: "batch" }), null);
  assert.equal(hand.register(child("p/1", "once"), "e1").ok, true);
  const twin = hand.register(child("p/2", "once"), "e2");
  assert.equal(codeOf(twin), "conflict");
  assert.match(twin.ok ? "" : twin.reason, /dispatched job "p\/1" already/);
  assert.equal(hand.register(child("p/1", "once"), "e3").ok, true);
  assert.equal(hand.state.snapshot().dispatchedJob(DEFAULT, "p", "once")?.ID, "p/1");
  assert.equal(hand.register({ ...child("q/1", "once"), ParentID: "q" }, "e4").ok, true);
  assert.equal(hand.register(child("p/3"), "e5").ok, true);
  assert.equal(hand.register(child("p/4"), "e6").ok, true);
  purge(hand, "p/1");
  assert.equal(hand.state.snapshot().dispatchedJob(DEFAULT, "p", "once"), undefined);
  assert.equal(hand.register(child("p/2", "once"), "e7").ok, true);
});

test("A dispatched child follows its own allocations though it shows what it was dispatched from", () => {
  const hand = parent();
  const ParameterizedJob = { Payload: "optional", MetaRequired: [], MetaOptional: [] };
  hand.register(job("t", { ParameterizedJob }), null);
  hand.register(job("t/1", { ParameterizedJob, ParentID: "t", Dispatched: true }), "e1");
  assert.deepEqual([hand.job("t").Status, hand.job("t/1").Status], ["running", "pending"]);
});

test("Scaling is remembered newest first, twenty a group, with or without a registration", () => {
  const hand = new Hand();
  hand.register(job("a", { TaskGroups: [group("web"), group("api")] }), null);
  const say = (JobID: string, Group: string, time: number): Outcome =>
    hand.write({ type: "scaling-event", Namespace: DEFAULT, JobID: JobID as JobId, Group, Event: event(time) });
  for (let time = 1; time <= 25; time++) assert.equal(say("a", "web", time).ok, true);
  assert.deepEqual([say("a", "nowhere", 1), say("b", "web", 1)].map(codeOf), ["missing", "missing"]);
  hand.register(job("a", { TaskGroups: [group("web"), group("api", 2)] }), null, { ScalingEvent: { Group: "api", Event: event(9) } });
  const events = hand.state.snapshot().scalingEvents(DEFAULT, "a");
  assert.deepEqual([events["web"]?.length, events["web"]?.[0]?.Time, events["web"]?.[19]?.Time], [SCALING_EVENTS_MAX, 25, 6]);
  assert.deepEqual(events["api"], [{ ...event(9), CreateIndex: hand.index }]);
  assert.equal(hand.state.snapshot().tableIndex("scaling-events"), hand.index);
  purge(hand, "a");
  assert.deepEqual(hand.state.snapshot().scalingEvents(DEFAULT, "a"), {});
});

/** When a Hand begins. */
const BEGIN = new Hand().time;
/** `after`: milliseconds after the beginning. */
const reason = (Sentence: string, after: number): Reason => ({
  Stage: "failed",
  Group: "web",
  Count: 1,
  Name: "",
  AllocationID: "",
  NodeID: "",
  Task: "",
  Sentence,
  Since: BEGIN + after * 1e6,
  Details: {},
});
const reap = (jobId: string, ...Reasons: Reason[]): Command => ({
  type: "reap",
  Jobs: [],
  Evaluations: [],
  Allocations: [],
  Past: [{ Namespace: DEFAULT, JobID: jobId as JobId, Reasons }],
});

test("What was wrong is told newest first, as much as is kept, also when the job is gone", () => {
  const hand = new Hand();
  hand.register(job("a"), null);
  hand.write(reap("a", reason("second", 20), reason("first", 10)));
  hand.write(reap("a", reason("third", 30)));
  purge(hand, "a");
  const told = () =>
    hand.state
      .snapshot()
      .pastReasons(DEFAULT, "a")
      .map((each) => each.Sentence);
  assert.deepEqual(told(), ["third", "second", "first"]);
  for (let time = 40; time < 70; time++) hand.write(reap("a", reason(`at ${time}`, time)));
  assert.deepEqual([told().length, told()[0], told().at(-1)], [PAST_REASONS_MAX, "at 69", "at 50"]);
});

test("The past of many jobs that come and go is bounded: the one not added to for longest is forgotten", () => {
  const hand = new Hand();
  hand.write(reap("first", reason("old", 1)));
  hand.write(reap("second", reason("old", 1)));
  for (let n = 0; n < PAST_JOBS_MAX - 2; n++) hand.write(reap(`job-${n}`, reason("x", 2)));
  hand.write(reap("first", reason("new", 3)));
  hand.write(reap("last", reason("x", 4)));
  const told = (id: string) => hand.state.snapshot().pastReasons(DEFAULT, id).length;
  assert.deepEqual(["first", "second", "job-0", "last"].map(told), [2, 0, 1, 1]);
});

test("What is older than thirty days is told no more, by reason, and a job of which nothing is told is forgotten", async () => {
  const hand = new Hand();
  const day = 24 * 3_600_000;
  hand.write(reap("a", reason("early", 0), reason("late", 10 * day)));
  hand.write(reap("b", reason("early", 0)));
  const told = (id: string) =>
    hand.state
      .snapshot()
      .pastReasons(DEFAULT, id)
      .map((each) => each.Sentence);
  assert.deepEqual([told("a"), told("b")], [["late", "early"], ["early"]]);
  hand.time = BEGIN + PAST_REASONS_KEPT_NS + 1e9;
  hand.register(job("c"), null);
  assert.deepEqual([told("a"), told("b")], [["late"], []]);
  // Adding to one drops what is too old of it; what is too old on arrival is not kept at all.
  hand.write(reap("a", reason("new", 31 * day), reason("ancient", -day)));
  hand.write(reap("d", reason("ancient", -day)));
  assert.deepEqual([told("a"), told("d")], [["new", "late"], []]);
  hand.time += 2 * PAST_REASONS_KEPT_NS;
  hand.write({ type: "reap", Jobs: [], Evaluations: [], Allocations: [] });
  const bytes = Buffer.concat(await Array.fromAsync(hand.state.save()));
  assert.deepEqual(
    ["early", "late", "new"].filter((sentence) => bytes.includes(sentence)),
    [],
  );
});
