import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryKeyEncryption, type MemoryKeyEncryption } from "#integrations/memory";
import type { RootKey } from "#model";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const HOUR_MS = 3_600_000;
const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
const keysOf = (world: World): readonly RootKey[] => [...world.cluster.state.snapshot().rootKeys()];
const states = (world: World) =>
  keysOf(world)
    .map(({ State }) => State)
    .sort()
    .join(" ");
const activeKey = (world: World) => eventually("a key is active", () => world.cluster.state.snapshot().activeRootKey());

function withKeys(play: (world: World, encryption: MemoryKeyEncryption) => Promise<void>, rotationMs = 24 * HOUR_MS): Promise<void> {
  const keyEncryption = memoryKeyEncryption();
  return inside({ server: { keyEncryption, keyring: { algorithm: "EdDSA", rotationMs, garbageIntervalMs: 600_000 } } }, (world) =>
    play(world, keyEncryption),
  );
}
/** Keys are made beside the event loop: virtual time alone does not bring them. */
async function passing(world: World, ms: number, what: string, until: () => boolean): Promise<void> {
  await world.clock.advance(ms);
  await eventually(what, until);
}

test("the first key is made by itself, sealed on disk before the state knows it", async () => {
  const keyEncryption = memoryKeyEncryption();
  const onDisk: string[][] = [];
  const onChange = (change: { readonly command: { readonly type: string } }) => {
    if (change.command.type === "root-keys-upsert") onDisk.push([...keyEncryption.ids]);
  };
  await inside({ onChange, server: { keyEncryption } }, async (world) => {
    const key = await activeKey(world);
    assert.deepEqual(onDisk, [[key.KeyID]]);
    assert.deepEqual([key.Algorithm, key.State, key.PublicJwk["kty"]], ["RS256", "active", "RSA"]);
    assert.equal(Buffer.from(key.PublicJwk["n"] ?? "", "base64url").length, 256);
    // What the state holds gives nothing away.
    const text = JSON.stringify(key);
    for (const secret of ["BEGIN", '"d"', '"p"']) assert.ok(!text.includes(secret));
  });
});

test("jobs run while there is no key, and keys are made once the disk takes them", async () => {
  const keyEncryption = memoryKeyEncryption();
  keyEncryption.fail = new Error("disk full");
  await inside({ server: { keyEncryption, keyring: { algorithm: "EdDSA" } } }, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    assert.equal(node.allocations.size, 1);
    await eventually("the failure is told", () => world.errors.length > 0);
    assert.deepEqual(keysOf(world), []);
    keyEncryption.fail = undefined;
    await eventually("a key is made at the next try", async () => {
      await world.clock.advance(1_000);
      return keysOf(world).length === 1;
    });
  });
});

test("a key is rotated when its time is over: known before it is used, and the old one goes when nothing holds its word", () =>
  withKeys(async (world, encryption) => {
    const first = await activeKey(world);
    await passing(world, 12 * HOUR_MS, "the successor is known", () => states(world) === "active prepublished");
    assert.equal(world.cluster.state.snapshot().activeRootKey()?.KeyID, first.KeyID);
    assert.equal(world.server.jwks().keys.length, 2);
    await passing(world, 12 * HOUR_MS, "it takes over", () => world.cluster.state.snapshot().activeRootKey()?.KeyID !== first.KeyID);
    assert.equal(states(world), "active inactive");
    await passing(world, 2 * HOUR_MS, "the old one goes", () => states(world) === "active");
    await eventually("and what opened it", () => !encryption.ids.includes(first.KeyID));
    assert.deepEqual(
      encryption.ids,
      keysOf(world).map(({ KeyID }) => KeyID),
    );
  }));

test("an old key stays while an allocation lives that may hold its word", () =>
  withKeys(async (world) => {
    await activeKey(world);
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const { Key } = await world.server.rotateRootKey({ full: false, publishAtNs: null });
    assert.equal(world.cluster.state.snapshot().activeRootKey()?.KeyID, Key.KeyID);
    await world.clock.advance(3 * HOUR_MS);
    const old = keysOf(world).find(({ State }) => State === "inactive");
    assert.ok(old !== undefined);
    await assert.rejects(world.server.deleteRootKey(old.KeyID, false), isCode("ROOT_KEY_IN_USE"));
    await world.server.deregisterJob("default", "web", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await world.clock.advance(10_000);
    assert.ok([...node.allocations.values()].every(({ status }) => status === "complete"));
    await passing(world, HOUR_MS, "it goes", () => !keysOf(world).some(({ KeyID }) => KeyID === old.KeyID));
  }));

test("a key that a clock since set back had made may have signed for anything that lives", () =>
  withKeys(async (world) => {
    const first = await activeKey(world);
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    await world.cluster.propose({ type: "root-keys-upsert", Keys: [{ ...first, CreateTime: first.CreateTime + 365 * 24 * 3_600e9 }] });
    await world.server.rotateRootKey({ full: false, publishAtNs: null });
    await assert.rejects(world.server.deleteRootKey(first.KeyID, false), isCode("ROOT_KEY_IN_USE"));
    await world.server.deleteRootKey(first.KeyID, true);
  }));

test("a rotation that is asked for: at once, or published ahead; bad wishes are refused", () =>
  withKeys(async (world) => {
    const first = await activeKey(world);
    const soon = world.clock.nowNs() + 3_600e9;
    const { Key, Index } = await world.server.rotateRootKey({ full: false, publishAtNs: soon, algorithm: "RS256" });
    assert.deepEqual([Key.State, Key.PublishTime, Key.Algorithm, Key.CreateIndex], ["prepublished", soon, "RS256", Index]);
    assert.equal(world.cluster.state.snapshot().activeRootKey()?.KeyID, first.KeyID);
    await passing(world, HOUR_MS + 600_000, "it takes over", () => world.cluster.state.snapshot().activeRootKey()?.KeyID === Key.KeyID);
    for (const wish of [
      { full: true, publishAtNs: soon + 9_000e9 },
      { full: false, publishAtNs: 5 },
    ])
      await assert.rejects(world.server.rotateRootKey(wish), isCode("REQUEST_INVALID"));
    await world.server.rotateRootKey({ full: true, publishAtNs: null });
    assert.equal(keysOf(world).filter(({ State }) => State === "active").length, 1);
  }));

test("the active key is not removed; an unknown one is not found; an inactive one goes by force", () =>
  withKeys(async (world, encryption) => {
    const first = await activeKey(world);
    await assert.rejects(world.server.deleteRootKey(first.KeyID, true), isCode("COMMAND_REFUSED"));
    assert.ok(encryption.ids.includes(first.KeyID), "what was refused costs nothing");
    await assert.rejects(world.server.deleteRootKey("nobody", true), isCode("ROOT_KEY_NOT_FOUND"));
    await world.server.rotateRootKey({ full: false, publishAtNs: null });
    const { Index } = await world.server.deleteRootKey(first.KeyID, true);
    assert.equal(Index, world.cluster.state.index);
    assert.ok(!encryption.ids.includes(first.KeyID));
    assert.equal(world.server.jwks().keys.length, 1);
  }));

test("a server that starts again signs with the key it had; one that cannot open it makes another and still publishes the old", () =>
  withKeys(async (world, encryption) => {
    const first = await activeKey(world);
    await world.restartServer();
    await world.server.rotateRootKey({ full: false, publishAtNs: world.clock.nowNs() + 9e15 });
    assert.equal(keysOf(world).length, 2);
    assert.equal(world.cluster.state.snapshot().activeRootKey()?.KeyID, first.KeyID);
    for (const id of encryption.ids) await encryption.forget(id);
    await world.restartServer();
    await eventually("another takes its place", () => world.cluster.state.snapshot().activeRootKey()?.KeyID !== first.KeyID);
    assert.ok(world.errors.some((each) => JSON.stringify(each).includes("cannot open the active root key")));
    assert.ok(world.server.jwks().keys.some(({ kid }) => kid === first.KeyID));
  }, 1e15));

test("what takes the place of a key that cannot be opened signs as that one did", () =>
  withKeys(async (world, encryption) => {
    await activeKey(world);
    const { Key } = await world.server.rotateRootKey({ full: false, publishAtNs: null, algorithm: "RS256" });
    for (const id of encryption.ids) await encryption.forget(id);
    await world.restartServer();
    const next = await eventually("another takes its place", () => {
      const active = world.cluster.state.snapshot().activeRootKey();
      return active?.KeyID === Key.KeyID ? undefined : active;
    });
    assert.equal(next.Algorithm, "RS256");
  }, 1e15));

test("JWKS may not be kept longer than a successor is known before it signs", () =>
  withKeys(async (world) => {
    await activeKey(world);
    assert.equal(world.server.jwks().maxAgeS, 1_800);
  }, HOUR_MS));

test("two servers' worth of wishes at one time make the keys that were asked for, one of them active", () =>
  withKeys(async (world) => {
    await Promise.all(Array.from({ length: 4 }, () => world.server.rotateRootKey({ full: false, publishAtNs: null })));
    assert.equal(keysOf(world).length, 5);
    assert.equal(states(world), "active inactive inactive inactive inactive");
  }));

test("a server that keeps no keys says so", () =>
  inside({}, async (world) => {
    await assert.rejects(world.server.rotateRootKey({ full: false, publishAtNs: null }), isCode("KEYRING_CLOSED"));
    assert.deepEqual(world.server.jwks().keys, []);
  }));
