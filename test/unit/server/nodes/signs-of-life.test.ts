import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { NodeId } from "#model";
import type { ServerContext } from "../../../../src/server/context.ts";
import { createSignsOfLife, CUT_OFF_MS, type SignsParts } from "../../../../src/server/nodes/signs-of-life.ts";

const USUAL_MS = 12_345;
const REST_MS = 5_000;
const id = (name: string) => name as NodeId;

/** A server that does not lead, and what it says to who does; `problem`: why that one does not hear it. */
function follower() {
  const clock = createVirtualClock();
  const world = { problem: "" as string, address: "10.0.0.1:4647", contactMs: 0, stalledMs: 0, leads: false };
  const asked: string[] = [];
  const cutOffs: string[] = [];
  const cluster = {
    get leaderAddress() {
      return world.address;
    },
    get leads() {
      return world.leads;
    },
    lastContactMs: () => world.contactMs,
  };
  const beat = async (ids: readonly NodeId[]) => {
    asked.push(ids.toSorted().join(" "));
    if (world.problem !== "") throw new Error(world.problem);
    return Object.fromEntries(ids.filter((each) => !each.startsWith("unknown")).map((each, at) => [each, 20_000 + at]));
  };
  const own: NodeId[][] = [];
  const signs = createSignsOfLife(
    {
      cluster,
      clock: { ...clock, nowMs: () => clock.nowMs() + world.stalledMs },
      report: () => undefined,
    } as unknown as ServerContext,
    {
      leading: () => (world.leads ? async (ids) => (own.push([...ids]), { [ids[0] as NodeId]: 1_000 }) : undefined),
      others: { ask: async (_address: string, question: (peer: unknown) => unknown) => question({ beat }) } as unknown as NonNullable<
        SignsParts["others"]
      >,
      usualTtlMs: () => USUAL_MS,
      onCutOff: (why) => void cutOffs.push(why),
    },
  );
  /** Answers once time has gone on. */
  async function shown(...ids: readonly string[]): Promise<readonly number[]> {
    const answers = Promise.all(ids.map((each) => signs.of(id(each))));
    await clock.advance(10);
    return answers;
  }
  return { clock, world, asked, own, cutOffs, signs, shown };
}

test("Nodes that show life in one moment are one question to the leader, whose answers they are given", async () => {
  const { asked, shown, clock, world, own } = follower();
  assert.deepEqual(await shown("a", "b", "unknown"), [20_000, 20_001, USUAL_MS]);
  assert.deepEqual(asked, ["a b unknown"]);
  await clock.advance(60_000);
  assert.equal(asked.length, 1, "who was heard is not told again");
  world.leads = true;
  assert.deepEqual(await shown("a"), [1_000]);
  assert.deepEqual([asked.length, own], [1, [["a"]]]);
});

test("Who was not heard has the usual time, and is told again each second, with all others, until it was heard", async () => {
  const { asked, shown, clock, world, cutOffs } = follower();
  world.problem = "it changes";
  assert.deepEqual(await shown("a"), [USUAL_MS]);
  await clock.advance(1_000);
  assert.deepEqual(await shown("b"), [USUAL_MS]);
  assert.deepEqual(asked, ["a", "a", "a b"]);
  world.problem = "";
  await clock.advance(1_000);
  assert.deepEqual(asked, ["a", "a", "a b", "a b"]);
  await clock.advance(60_000);
  assert.equal(asked.length, 4);
  assert.deepEqual(cutOffs, []);
  world.problem = "it changes";
  await shown("c");
  world.problem = "";
  await shown("d");
  assert.deepEqual(asked.slice(4), ["c", "c d"], "of those who were heard it is silent");
  await clock.advance(60_000);
  assert.equal(asked.length, 6, "nobody is left to tell of");
});

test("A server that cannot reach the leader for eight seconds in a row says so once, for as long as nodes had better stay away, and forgets them", async () => {
  const { asked, shown, clock, world, cutOffs, signs } = follower();
  world.problem = "no way there";
  await shown("a");
  await clock.advance(CUT_OFF_MS - 1_000);
  assert.deepEqual([cutOffs, signs.cutOff], [[], undefined]);
  await clock.advance(1_000);
  assert.deepEqual(cutOffs, ["this server cannot reach the leader: no way there"]);
  const told = asked.length;
  await clock.advance(REST_MS - 100);
  assert.equal(signs.cutOff, cutOffs[0]);
  await clock.advance(200);
  assert.equal(signs.cutOff, undefined, "nodes are taken again: only they show whether it can be reached");
  await clock.advance(60_000);
  assert.equal(asked.length, told, "another server tells of them now");
  await shown("c");
  assert.equal(asked.at(-1), "c", "and of those who stayed away nothing is said");
  await clock.advance(CUT_OFF_MS - 1_000);
  assert.equal(cutOffs.length, 1, "another eight seconds");
  await clock.advance(1_000);
  assert.equal(cutOffs.length, 2);
  world.problem = "";
  await shown("a");
  assert.equal(signs.cutOff, undefined, "it was heard: at once");
});

test("A leader that is heard in between, and a machine that slept, begin the eight seconds anew", async () => {
  const { shown, clock, world, cutOffs } = follower();
  world.problem = "now and then";
  await shown("a");
  await clock.advance(6_000);
  world.problem = "";
  await clock.advance(1_000);
  world.problem = "now and then";
  await shown("a");
  await clock.advance(6_000);
  assert.deepEqual(cutOffs, []);
  world.stalledMs = 3_600_000;
  await clock.advance(6_000);
  assert.deepEqual(cutOffs, [], "nobody has tried for an hour");
  await clock.advance(3_000);
  assert.equal(cutOffs.length, 1);
});

test("While there is no leader at all nodes stay; a server that has lost touch with the others sends them away", async () => {
  const { shown, clock, world, cutOffs } = follower();
  world.address = "";
  await shown("a");
  await clock.advance(60_000);
  assert.deepEqual(cutOffs, []);
  world.contactMs = CUT_OFF_MS;
  await clock.advance(20_000);
  assert.deepEqual(cutOffs, [], "not lost yet");
  world.contactMs = CUT_OFF_MS + 1;
  await clock.advance(CUT_OFF_MS - 1_000);
  assert.deepEqual(cutOffs, []);
  await clock.advance(2_000);
  assert.deepEqual(cutOffs, ["this server cannot reach the leader: no leader is known"]);
});

test("Closed, it answers who waits, and tells nobody anything", async () => {
  const { clock, world, asked, signs, shown } = follower();
  world.problem = "it changes";
  await shown("a");
  const answer = signs.of(id("b"));
  signs.close();
  assert.equal(await answer, USUAL_MS);
  await clock.advance(60_000);
  assert.deepEqual([asked, clock.pending], [["a"], 0]);
});
