/**
 * Whatever is asked in whatever order, with rotations, lost locks, snapshots and restarts between: what can be read is what a map of plain
 * values says. Seeded; a failure prints the path of actions.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryKeyEncryption } from "#integrations/memory";
import { eventually } from "../../../eventually.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const SCALE = Number(process.env["DROVER_TEST_SCALE"] ?? 1);
const PATHS = ["a", "a/b", "nomad/jobs/web"] as const;
const TTL_MS = 10_000;
const DELAY_MS = 20_000;

interface Known {
  readonly items: Readonly<Record<string, string>>;
  readonly index: number;
}
interface HeldLock {
  readonly id: string;
  untilMs: number;
}
interface Model {
  readonly values: Map<string, Known>;
  readonly locks: Map<string, HeldLock>;
  /** Until then nobody gets it. */
  readonly free: Map<string, number>;
}

const path = fc.constantFrom(...PATHS);
const action = fc.oneof(
  fc.record({
    do: fc.constant("put" as const),
    path,
    text: fc.string({ maxLength: 20 }),
    check: fc.constantFrom("none", "right", "wrong"),
    mine: fc.boolean(),
  }),
  fc.record({ do: fc.constant("delete" as const), path, check: fc.constantFrom("none", "right", "wrong"), mine: fc.boolean() }),
  fc.record({ do: fc.constant("acquire" as const), path }),
  fc.record({ do: fc.constant("renew" as const), path, mine: fc.boolean() }),
  fc.record({ do: fc.constant("release" as const), path, mine: fc.boolean() }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(4_000, 11_000, 21_000) }),
  fc.record({ do: fc.constant("rotate" as const), full: fc.boolean() }),
  fc.record({ do: fc.constant("restart" as const) }),
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

test("what is read is what was written, whatever happens between", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 30 }), async (actions) => {
      const server = { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" as const } };
      await inside({ server, snapshotEveryEntries: 7 }, async (world) => {
        await eventually("a key is active", () => world.cluster.state.snapshot().activeRootKey());
        const model: Model = { values: new Map(), locks: new Map(), free: new Map() };
        for (const each of actions) {
          await carryOut(world, model, each);
          await same(world, model);
        }
      });
    }),
    { numRuns: 25 * SCALE },
  );
});

async function carryOut(world: World, model: Model, each: Action): Promise<void> {
  const { variables } = world.server;
  const now = world.clock.nowMs();
  if (each.do === "wait") {
    await world.clock.advance(each.ms);
    const later = world.clock.nowMs();
    for (const [at, lock] of model.locks) {
      if (lock.untilMs > later) continue;
      model.locks.delete(at);
      const known = model.values.get(at) as Known;
      const index = world.cluster.state.snapshot().variable("default", at)?.ModifyIndex ?? 0;
      assert.ok(index > known.index, "that it was lost is a change");
      model.values.set(at, { ...known, index });
      model.free.set(at, lock.untilMs + DELAY_MS);
    }
    return;
  }
  if (each.do === "rotate") return void (await world.server.rotateRootKey({ full: each.full, publishAtNs: null }));
  if (each.do === "restart") {
    await world.restartServer();
    // Each lock has its whole time again.
    for (const lock of model.locks.values()) lock.untilMs = world.clock.nowMs() + TTL_MS;
    return;
  }
  const at = each.path;
  const place = { Namespace: "default", Path: at };
  const known = model.values.get(at);
  const lock = model.locks.get(at);
  const id = "mine" in each && each.mine ? (lock?.id ?? "") : "";
  const request = (Items: Record<string, string>, ID = "") => ({ ...place, Items, Lock: { ID, TTL: "", LockDelay: "" } });
  const unlocked = lock === undefined || id !== "";
  if (each.do === "put" || each.do === "delete") {
    const right = known?.index ?? 0;
    const checkIndex = each.check === "none" ? null : each.check === "right" ? right : right + 1;
    const may = unlocked && each.check !== "wrong";
    if (each.do === "put") {
      const items = { text: each.text, [`key ${each.text}`]: "x" };
      const written = await variables.put(null, request(items, id), checkIndex);
      assert.equal(written.ok, may);
      if (written.ok) model.values.set(at, { items, index: written.Index });
      else assert.equal(written.Conflict.ModifyIndex, right);
      return;
    }
    const deleted = await variables.delete(null, place, { checkIndex, lockId: id });
    assert.equal(deleted.ok, may);
    if (!may) return;
    for (const map of [model.values, model.locks, model.free]) map.delete(at);
    return;
  }
  if (each.do === "acquire") {
    const taken = await variables.acquire(null, {
      ...request({}),
      Lock: { ID: "", TTL: `${TTL_MS / 1e3}s`, LockDelay: `${DELAY_MS / 1e3}s` },
    });
    assert.equal(taken.ok, lock === undefined && (model.free.get(at) ?? 0) <= now);
    if (!taken.ok) return;
    model.values.set(at, { items: known?.items ?? {}, index: taken.Index });
    model.locks.set(at, { id: taken.Variable.Lock?.ID ?? "", untilMs: now + TTL_MS });
    model.free.delete(at);
    return;
  }
  if (known === undefined) return void (await assert.rejects(variables[each.do](null, request({}, "some-id")), /not found/));
  const held = id !== "";
  const answer = await variables[each.do](null, request({}, held ? id : "some-id"));
  assert.equal(answer.ok, held);
  if (!held || lock === undefined) return;
  if (each.do === "renew") lock.untilMs = now + TTL_MS;
  else {
    model.locks.delete(at);
    model.values.set(at, { ...known, index: answer.Index });
  }
}

async function same(world: World, model: Model): Promise<void> {
  const stored = [...world.cluster.state.snapshot().variables("*")];
  assert.deepEqual(
    stored.map(({ Path }) => Path),
    PATHS.filter((each) => model.values.has(each)),
  );
  for (const sealed of stored) {
    const known = model.values.get(sealed.Path);
    assert.equal(sealed.ModifyIndex, known?.index);
    assert.equal(sealed.Lock?.ID, model.locks.get(sealed.Path)?.id);
    assert.deepEqual({ ...(await world.server.variables.open(sealed)).Items }, known?.items);
  }
}
