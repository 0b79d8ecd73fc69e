/** Root keys outlive the machine that made them, and whoever needs one gets it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../../eventually.ts";
import type { OneOfSeveral, Several } from "./servers.ts";
import { several } from "./servers.ts";

const keysOf = (world: Several) => [...world.book.state.snapshot().rootKeys()];
const activeOf = (world: Several) => eventually("a key is active", () => world.book.state.snapshot().activeRootKey());

/** Keys are made beside the event loop: time passes until something is. */
async function passing(world: Several, what: string, until: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !until(); tries++) {
    await world.clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(until(), what);
}

test("a key signs only when a majority has what opens it, and outlives the machine of who made it", () =>
  several(
    ["a", "b", "c"],
    async (world) => {
      await world.lead("a");
      // Nobody is there to be given it: no signature until it is clear that they do not come.
      world.cut("b", true);
      world.cut("c", true);
      const [a, b] = world.servers as [OneOfSeveral, OneOfSeveral];
      let introduced = false;
      const introducing = a.server.introduceNode({ ttlMs: 0, nodeName: "n", nodePool: "" }).then(() => (introduced = true));
      await passing(world, "it is in the state", () => keysOf(world).length === 1);
      await world.clock.advance(1_000);
      assert.equal(introduced, false);
      world.cut("b", false);
      world.cut("c", false);
      await passing(world, "it signs", () => introduced);
      await introducing;
      assert.ok(world.servers.filter(({ keys }) => keys.ids.length === 1).length >= 2);
      await passing(world, "all have it", () => world.servers.every(({ keys }) => keys.ids.length === 1));
      const active = await activeOf(world);
      // The machine of its maker is gone for good: the next leader signs and seals with the same key.
      world.cut("a", true);
      await world.lead("b");
      await world.clock.advance(10_000);
      assert.deepEqual(
        keysOf(world).map(({ KeyID, State }) => [KeyID, State]),
        [[active.KeyID, "active"]],
      );
      const { JWT } = await b.server.introduceNode({ ttlMs: 0, nodeName: "n", nodePool: "" });
      assert.equal(JWT.split(".").length, 3);
    },
    { keyed: true },
  ));

test("with a majority away a key becomes active all the same, with a warning", () =>
  several(
    ["a", "b", "c"],
    async (world) => {
      world.cut("b", true);
      world.cut("c", true);
      await world.lead("a");
      await passing(world, "a key is active", () => world.book.state.snapshot().activeRootKey() !== undefined);
      await world.clock.advance(15_000);
      await passing(world, "it is told", () => world.reports.some(({ level }) => level === "warn"));
      assert.ok(world.reports.some(({ level, message }) => level === "warn" && message.includes("majority")));
      // They come back and fetch it by themselves.
      world.cut("b", false);
      world.cut("c", false);
      await passing(world, "all have it", () => world.servers.every(({ keys }) => keys.ids.length === 1));
    },
    { keyed: true },
  ));

test("a removed key is forgotten on every server's disk; a full rotation leaves one active", () =>
  several(
    ["a", "b"],
    async (world) => {
      await world.lead("a");
      await passing(world, "all have it", () => world.servers.every(({ keys }) => keys.ids.length === 1));
      const first = await activeOf(world);
      const holding: number[] = [];
      world.book.state.watch.subscribe(({ command }) => {
        if (command.type !== "root-keys-upsert") return;
        const made = command.Keys.at(-1);
        if (made?.State === "active") holding.push(world.servers.filter(({ keys }) => keys.ids.includes(made.KeyID)).length);
      });
      const rotating = (world.servers[0] as (typeof world.servers)[number]).server.rotateRootKey({ full: true, publishAtNs: null });
      await passing(world, "rotated", () => world.book.state.snapshot().activeRootKey()?.KeyID !== first.KeyID);
      const { Key } = await rotating;
      assert.deepEqual([Key.State, holding], ["active", [2]], "both had it when it became active");
      await passing(world, "the first is inactive", () =>
        keysOf(world).some((key) => key.KeyID === first.KeyID && key.State === "inactive"),
      );
      await (world.servers[0] as (typeof world.servers)[number]).server.deleteRootKey(first.KeyID, true);
      await passing(world, "forgotten everywhere", () => world.servers.every(({ keys }) => keys.ids.join() === Key.KeyID));
    },
    { keyed: true },
  ));
