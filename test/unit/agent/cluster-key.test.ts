/** Who makes a new cluster's key, and when a new cluster may be made at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { IntroductionAnswer } from "#ports";
import { foundersMeet, obtainClusterKey, type ClusterKeyNeeds } from "../../../src/agent/cluster-key.ts";
import { eventually } from "../../eventually.ts";

const OLD_KEY = Buffer.alloc(32, 7);
const answer = (more: Partial<IntroductionAnswer> = {}): IntroductionAnswer => ({
  ServerId: "b",
  Name: "b.global",
  ClusterId: "",
  ClusterKey: "",
  ...more,
});

function world(bootstrapExpect: number, answers: () => readonly IntroductionAnswer[]) {
  const clock = createVirtualClock();
  const files = new Map<string, string>();
  const said: string[] = [];
  let maker: string | undefined;
  let there = false;
  const stopping = new AbortController();
  const needs: ClusterKeyNeeds & { readonly isThere: () => Promise<boolean> } = {
    disk: { read: async (path) => files.get(path), write: async (path, text) => void files.set(path, text) },
    serverId: "a",
    bootstrapExpect,
    claim: async (id) => (maker ??= id),
    introduce: async () => answers(),
    isThere: async () => there,
    clock,
    waits: () => undefined,
    log: { write: (_level, _name, _message, fields) => void said.push(String(fields?.["reason"])) } as ClusterKeyNeeds["log"],
    signal: stopping.signal,
  };
  return { needs, clock, files, said, maker: () => maker, appear: () => void (there = true) };
}

test("A new server beside old ones takes their key, also where Consul has lost who made it", async () => {
  const { needs, maker } = world(3, () => [answer({ ClusterId: "old", ClusterKey: OLD_KEY.toString("base64") })]);
  assert.deepEqual(Buffer.from(await obtainClusterKey(needs)), OLD_KEY);
  assert.equal(maker(), undefined);
});

test("Nobody makes a key before as many servers as are expected have met; one that is expected alone waits for nobody", async () => {
  let answers = [answer()];
  const { needs, clock, said, maker } = world(3, () => answers);
  const key = obtainClusterKey(needs);
  await eventually("it to wait", () => said.length > 0);
  assert.equal(said[0], "no cluster is here yet: 2 of 3 expected servers have met");
  assert.equal(maker(), undefined);
  answers = [answer(), answer({ ServerId: "c" })];
  await eventually("the key", async () => {
    await clock.advance(500);
    return maker() === "a";
  });
  assert.equal((await key).length, 32);
  const alone = world(1, () => {
    throw new Error("nobody answers");
  });
  assert.equal((await obtainClusterKey(alone.needs)).length, 32);
});

test("New servers do not make a cluster beside one that is old: it founds it, or is recovered", async () => {
  const { needs, clock, said, appear } = world(3, () => [answer(), answer({ ServerId: "c", Name: "c.global", ClusterId: "old" })]);
  let met = false;
  const meeting = foundersMeet(needs).then(() => (met = true));
  await eventually("it to wait", () => said.length > 0);
  assert.match(said[0] ?? "", /^server "c\.global" belongs to cluster old already/);
  assert.equal(met, false);
  appear();
  await eventually("it to go on", async () => {
    await clock.advance(500);
    return met;
  });
  await meeting;
  await foundersMeet(world(3, () => [answer(), answer({ ServerId: "c" })]).needs);
});
