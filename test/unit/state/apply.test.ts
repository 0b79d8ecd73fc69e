import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plan } from "#model";
import { commandVersion, createCodec, type Command, type Envelope } from "#state";
import {
  DEFAULT,
  deployment,
  evaluation,
  group,
  Hand,
  job,
  namespaceRecord,
  node,
  nodePool,
  placement,
  plan,
  resources,
  stop,
} from "./nouns.ts";

test("A throw halfway through a command is a recorded fault, and nothing of the command is left", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ["a1"]);
  const before = hand.state.snapshot();
  const used = [...before.columns().cpuUsed];
  // The second placement has no resources: the first is written before the fault shows, in the columns at the latest.
  const broken = placement("a3", "a", "n1", { DesiredTransition: null as never });
  const outcome = hand.plan(plan(hand.job("a"), { Stops: [stop("a1", "n1")], Placements: [placement("a2", "a", "n1"), broken] }), [
    null as never,
    evaluation("e9", "a"),
  ]);
  assert.equal(outcome.ok ? "" : outcome.code, "fault");
  const after = hand.state.snapshot();
  assert.equal(after.index, hand.index);
  assert.equal(after.allocation("a1"), before.allocation("a1"));
  assert.equal(after.allocation("a2"), undefined);
  assert.equal(after.evaluation("e9"), undefined);
  assert.equal(
    after.tableIndex("allocations", "evaluations", "jobs", "job-summaries"),
    before.tableIndex("allocations", "evaluations", "jobs", "job-summaries"),
  );
  assert.deepEqual(after.jobSummary(DEFAULT, "a"), before.jobSummary(DEFAULT, "a"));
  assert.deepEqual([...after.columns().cpuUsed], used);
  assert.equal(hand.place("a", "n1", ["a4"]).ok, true);
});

test("Commands made of nonsense are refused, one and all, and the state goes on", () => {
  const hand = new Hand();
  hand.register(job("a"));
  const nonsense: unknown[] = [
    { type: "job-register" },
    { type: "job-register", Job: null },
    { type: "plan-apply", Plan: null },
    { type: "plan-apply", Plan: { Placements: 3 } },
    { type: "evaluations-upsert", Evaluations: [null] },
    { type: "allocations-client-update", Updates: [{}, null] },
    { type: "reap" },
    { type: "node-register", Node: undefined },
    { type: "node-purge", NodeIDs: "all" },
    { type: "allocations-desired-transition" },
    { type: "deployment-status" },
    { type: "deployment-promote", DeploymentID: null },
    { type: "deployment-allocation-health", DeploymentID: 3 },
    { type: "periodic-launch" },
    { type: "scaling-event", Namespace: DEFAULT, JobID: "a" },
    { type: "job-stability", JobID: {} },
    { type: "job-version-tag" },
    { type: "namespaces-upsert" },
    { type: "namespaces-delete", Names: [null] },
    { type: "node-pools-upsert", NodePools: [null] },
    { type: "node-pools-delete", Names: 7 },
    { type: "node-drain" },
  ];
  for (const command of nonsense) {
    const outcome = hand.write(command as Command);
    assert.equal(outcome.ok, false, JSON.stringify(command));
  }
  assert.equal(hand.job("a").Version, 0);
  assert.equal(hand.register(job("b"), "e2").ok, true);
});

test("A repeated request id gets the first outcome and changes nothing but the index", () => {
  const hand = new Hand();
  const command: Command = {
    type: "job-register",
    Job: job("a"),
    Submission: null,
    Evaluation: null,
    EnforceIndex: 0,
    PreserveCounts: false,
  };
  const first = hand.write(command, "request");
  const digest = hand.state.snapshot().tableIndex("jobs");
  assert.deepEqual(hand.write(command, "request"), first);
  assert.deepEqual([hand.state.index, hand.state.snapshot().tableIndex("jobs")], [3, digest]);
});

test("Only the last 4096 request ids are remembered", () => {
  const hand = new Hand();
  const command: Command = { type: "evaluations-upsert", Evaluations: [] };
  hand.write(command, "old");
  for (let n = 0; n < 4095; n++) hand.write(command);
  assert.equal(hand.write(command, "old").index, 2);
  assert.notEqual(hand.write(command, "old").index, 2);
});

test("Entries come in order; one that does not is a broken invariant", () => {
  const hand = new Hand();
  hand.register(job("a"));
  hand.index = 1;
  assert.throws(() => hand.register(job("b")), /comes after/);
});

test("A version this program does not know halts, recorded nowhere", () => {
  const hand = new Hand();
  const envelope: Envelope = { version: 99, time: 1, requestId: "r", command: { type: "evaluations-upsert", Evaluations: [] } };
  assert.throws(() => hand.state.apply(2, envelope), { code: "STATE_COMMAND_UNKNOWN_VERSION" });
  assert.throws(() => createCodec().decode(createCodec().encode(envelope)), { code: "STATE_COMMAND_UNKNOWN_VERSION" });
  assert.equal(hand.state.index, 1);
});

test("A snapshot is of its index for ever; columns only until the next apply", () => {
  const hand = new Hand();
  hand.register(job("a"));
  const snapshot = hand.state.snapshot();
  const stored = snapshot.job(DEFAULT, "a");
  snapshot.columns();
  hand.register(job("a", { Priority: 80 }), "e2");
  assert.equal(snapshot.job(DEFAULT, "a"), stored);
  assert.equal(snapshot.evaluation("e2"), undefined);
  assert.equal(snapshot.index, 2);
  assert.throws(() => snapshot.columns(), /until the next apply/);
});

test("Stored objects are frozen in tests (F23)", () => {
  const hand = new Hand();
  hand.register(job("a"));
  assert.throws(() => {
    hand.job("a").TaskGroups.push(group("sneaky"));
  }, TypeError);
});

const codec = createCodec();
const through = (command: Command): Command =>
  codec.decode(codec.encode({ version: commandVersion(command.type) ?? 0, time: 1.7e18, requestId: "r", command })).command;

test("Every command survives the codec, and each entry can be read alone, in any order", () => {
  const evaluations = [evaluation("e1", "a", { ClassEligibility: { "v1:1": true } })];
  const commands: Command[] = [
    {
      type: "job-register",
      Job: job("a", { Meta: { a: "1", "": "ü" } }),
      Submission: { Source: "x", Format: "hcl2", VariableFlags: {}, Variables: "" },
      Evaluation: evaluations[0] ?? null,
      EnforceIndex: 0,
      PreserveCounts: true,
    },
    { type: "job-deregister", Namespace: DEFAULT, JobID: "a" as never, Purge: true, NoShutdownDelay: false, Evaluation: null },
    { type: "node-register", Node: node("n1"), Evaluations: evaluations },
    { type: "node-status", NodeIDs: ["n1" as never], Status: "down", Event: null, Evaluations: [] },
    { type: "node-eligibility", NodeID: "n1" as never, Eligibility: "ineligible", Event: null, Evaluations: [] },
    { type: "node-purge", NodeIDs: ["n1" as never], Evaluations: [] },
    { type: "evaluations-upsert", Evaluations: evaluations },
    {
      type: "allocations-client-update",
      Updates: [1, 2, 3].map((n) => ({
        ID: `a${n}` as never,
        NodeID: "n1" as never,
        ClientStatus: "running",
        ClientDescription: "",
        TaskStates: {},
      })),
      Evaluations: [],
    },
    { type: "allocations-desired-transition", Transitions: { a1: { Migrate: true } }, Evaluations: [] },
    {
      type: "reap",
      Jobs: [{ Namespace: DEFAULT, ID: "a" as never }],
      Evaluations: ["e1" as never],
      Allocations: ["a1" as never],
      Deployments: ["d1" as never],
      Past: [{ Namespace: DEFAULT, JobID: "a" as never, Reasons: [] }],
    },
    { type: "periodic-launch", Launch: { Namespace: DEFAULT, JobID: "a" as never, Launch: 1_700_000_000 } },
    {
      type: "deployment-status",
      Update: { DeploymentID: "d1" as never, Status: "failed", StatusDescription: "" },
      Rollback: job("a"),
      Evaluations: evaluations,
    },
    { type: "namespaces-upsert", Namespaces: [namespaceRecord("prod")] },
    { type: "node-pools-upsert", NodePools: [nodePool("gpu")] },
  ];
  const entries = commands.map((command) =>
    codec.encode({ version: commandVersion(command.type) ?? 0, time: 1.7e18, requestId: command.type, command }),
  );
  for (const [at, bytes] of [...entries.entries()].reverse()) {
    const decoded = createCodec().decode(bytes);
    assert.deepEqual(decoded.command, commands[at]);
    assert.deepEqual([decoded.time, decoded.requestId], [1.7e18, commands[at]?.type]);
  }
});

test("A plan in the log names its job and does not hold it; what placements share, they share again", () => {
  const big = job("a", { Meta: { secret: "x".repeat(10_000) }, Version: 3, JobModifyIndex: 12 });
  const shared = resources();
  const Plan: Plan = plan(big, {
    Stops: [stop("s1", "n1"), stop("s2", "n1")],
    Placements: Array.from({ length: 100 }, (_, n) => placement(`id-${n}`, "a", `n${n % 3}`, { AllocatedResources: shared })),
    InPlaceUpdates: [placement("u1", "a", "n1")],
    Notes: [{ ID: "x" as never, NodeID: "n1" as never, FollowupEvalID: "e2" as never, ClientStatus: "unknown", ClientDescription: "" }],
    Deployment: deployment("d1", big),
    DeploymentUpdates: [{ DeploymentID: "d0" as never, Status: "cancelled", StatusDescription: "Cancelled due to newer version of job" }],
  });
  const command: Command = { type: "plan-apply", Plan, Evaluations: [] };
  const bytes = codec.encode({ version: commandVersion(command.type) ?? 0, time: 1, requestId: "r", command });
  assert.ok(bytes.length < 6000, `${bytes.length} bytes for 100 placements`);
  const decoded = (through(command) as Extract<Command, { type: "plan-apply" }>).Plan;
  assert.deepEqual(decoded, { ...Plan, Job: { Namespace: DEFAULT, ID: "a", Version: 3, JobModifyIndex: 12 } });
  assert.equal(decoded.Placements[0]?.AllocatedResources, decoded.Placements[99]?.AllocatedResources);
});
