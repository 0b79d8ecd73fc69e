import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeDetail } from "#api/contract";
import type { Allocation } from "#model";
import { drainRequest, nodeDrain } from "../../../src/cli/commands/node-drain.ts";
import { parseFlags } from "../../../src/cli/flags.ts";
import { monitorDrain, transitionText } from "../../../src/cli/monitor-drain.ts";
import { drainText, lastDrainText } from "../../../src/cli/render/node.ts";
import { answered, fakeContext } from "./fake-context.ts";

const allocation = (over: object = {}): Allocation =>
  ({ ID: "a1", ClientStatus: "running", DesiredStatus: "run", DesiredTransition: {}, ...over }) as unknown as Allocation;

const STEPS = [
  allocation(),
  allocation({ DesiredTransition: { Migrate: true } }),
  allocation({ DesiredTransition: { Migrate: true }, DesiredStatus: "stop" }),
  allocation({ DesiredTransition: { Migrate: true }, DesiredStatus: "stop", ClientStatus: "complete" }),
];

test("transitionText() tells each step of an allocation that leaves, once", () => {
  const told = STEPS.map((now, at) => transitionText(STEPS[at - 1], now));
  assert.deepEqual(told, [undefined, "marked for migration", "draining", "status running -> complete"]);
  assert.deepEqual(
    STEPS.map((now) => transitionText(now, now)),
    [undefined, undefined, undefined, undefined],
  );
});

test("transitionText() joins what happened between two looks, and is silent about what was over before the first", () => {
  assert.equal(transitionText(STEPS[0], STEPS[2] as Allocation), "draining");
  assert.equal(transitionText(STEPS[1], STEPS[3] as Allocation), "status running -> complete");
  assert.equal(transitionText(undefined, STEPS[3] as Allocation), undefined);
  assert.equal(transitionText(undefined, STEPS[1] as Allocation), "marked for migration");
});

const STRATEGY = { Deadline: 60e9, IgnoreSystemJobs: false, ForceDeadline: "2026-01-02T04:04:05Z", StartedAt: "" };
const node = (over: object): NodeDetail =>
  ({ ID: "n1", DrainStrategy: null, LastDrain: null, Drain: false, ...over }) as unknown as NodeDetail;

/** A node whose drain ends at the third look, with `last` on it then. */
function world(last: readonly Allocation[], status: "complete" | "canceled" = "complete") {
  const nodes = [node({ DrainStrategy: STRATEGY }), node({ DrainStrategy: STRATEGY }), node({ LastDrain: { Status: status } })];
  let at = 0;
  return fakeContext({
    api: {
      nodes: {
        read: async () => answered(nodes[Math.min(at++, 2)], at),
        // A blocking query that nothing wakes ends when it is called off.
        allocations: (_id: string, query?: { index?: number; signal?: AbortSignal }) =>
          query?.index === undefined
            ? Promise.resolve(answered(query === undefined ? last : [allocation()]))
            : new Promise((_, reject) => query.signal?.addEventListener("abort", () => reject(new Error("called off")), { once: true })),
      },
    },
  });
}
const lines = (printed: readonly string[]) => printed.map((line) => line.replace(/^\S+: /, ""));

test("a drain is followed to the end: complete is the last but one word, and that all have stopped the last", async () => {
  const { context, printed } = world([STEPS[3] as Allocation]);
  assert.equal(await monitorDrain(context, "n1", node({ DrainStrategy: STRATEGY }), { strategySet: true }), 0);
  assert.deepEqual(lines(printed), [
    "Ctrl-C to stop monitoring: will not cancel the node drain",
    'Node "n1" drain strategy set',
    'Alloc "a1" status running -> complete',
    "Drain complete for node n1",
    'All allocations on node "n1" have stopped',
  ]);
});

test("a drain that is over while something still runs is not called all stopped", async () => {
  const { context, printed } = world([allocation()]);
  assert.equal(await monitorDrain(context, "n1", node({ DrainStrategy: STRATEGY }), { strategySet: false }), 0);
  assert.equal(lines(printed).at(-1), "Drain complete for node n1");
});

test("ignored system jobs that go on are counted", async () => {
  const { context, printed } = world([allocation()]);
  await monitorDrain(context, "n1", node({ DrainStrategy: { ...STRATEGY, IgnoreSystemJobs: true } }), { strategySet: false });
  assert.equal(lines(printed).at(-1), 'All allocations on node "n1" have stopped but 1 of system jobs');
});

test("a drain that was called off is said to be, with exit code 1", async () => {
  const { context, printed } = world([allocation()], "canceled");
  assert.equal(await monitorDrain(context, "n1", node({ DrainStrategy: STRATEGY }), { strategySet: false }), 1);
  assert.equal(lines(printed).at(-1), "Drain of node n1 was canceled");
});

const request = (...words: string[]) => drainRequest(parseFlags(words, nodeDrain.flags));

test("drainRequest() asks for what the flags say", () => {
  assert.deepEqual(request("-enable"), { DrainSpec: { Deadline: 3_600e9, IgnoreSystemJobs: false }, Meta: {} });
  assert.deepEqual(request("-enable", "-deadline", "5m", "-ignore-system"), {
    DrainSpec: { Deadline: 300e9, IgnoreSystemJobs: true },
    Meta: {},
  });
  assert.deepEqual(request("-enable", "-force")?.DrainSpec?.Deadline, -1);
  assert.deepEqual(request("-enable", "-no-deadline")?.DrainSpec?.Deadline, 0);
  assert.deepEqual(request("-enable", "-m", "why", "-meta", "a=b=c", "-meta", "d=")?.Meta, { a: "b=c", d: "", message: "why" });
  assert.deepEqual(request("-disable"), { DrainSpec: null, MarkEligible: true, Meta: {} });
  assert.deepEqual(request("-disable", "-keep-ineligible"), { DrainSpec: null, MarkEligible: false, Meta: {} });
  assert.equal(request("-monitor"), undefined);
});

for (const words of [
  [],
  ["-enable", "-disable"],
  ["-enable", "-monitor"],
  ["-enable", "-deadline=0s"],
  ["-enable", "-deadline=1m", "-force"],
  ["-enable", "-keep-ineligible"],
  ["-disable", "-ignore-system"],
  ["-enable", "-meta", "x"],
]) {
  test(`node drain refuses ${JSON.stringify(words.join(" "))}`, () => {
    assert.throws(() => request(...words), { code: "USAGE" });
  });
}

test("drain of a node named by a prefix asks first, and is not done without an answer", async () => {
  for (const [answer, code, drained] of [
    ["y", 0, 1],
    ["n", 0, 0],
    [undefined, 1, 0],
  ] as const) {
    let calls = 0;
    const { context } = fakeContext({
      words: ["-enable", "-detach", "abc"],
      flags: nodeDrain.flags,
      ...(answer === undefined ? {} : { answer }),
      api: { nodes: { list: async () => answered([{ ID: "abcdef" }]), drain: async () => (calls++, answered({})) } },
    });
    assert.equal(await nodeDrain.run(context), code);
    assert.equal(calls, drained);
  }
});

test("drainText() and lastDrainText() say how a node is emptied and how that went", () => {
  assert.equal(drainText(node({})), "false");
  assert.equal(drainText(node({ DrainStrategy: { ...STRATEGY, Deadline: -1 } })), "true; force drain");
  assert.equal(
    drainText(node({ DrainStrategy: { ...STRATEGY, Deadline: 0, ForceDeadline: "0001-01-01T00:00:00Z", IgnoreSystemJobs: true } })),
    "true; no deadline; ignoring system jobs",
  );
  assert.match(drainText(node({ DrainStrategy: STRATEGY })), /^true; 2026-\S+ deadline$/);
  assert.equal(lastDrainText(node({})), undefined);
  const last = { StartedAt: "2026-01-02T03:00:00Z", UpdatedAt: "2026-01-02T03:01:00Z", Status: "complete", Meta: { message: "kernel" } };
  assert.match(lastDrainText(node({ LastDrain: last })) ?? "", /^complete; started \S+, ended \S+; kernel$/);
});
