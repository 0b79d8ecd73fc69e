import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { Surrounding } from "#ports";
import { Surroundings } from "../../../src/client/node/surroundings.ts";

const FOUND: Surrounding = { attributes: { "consul.version": "1.21.0" }, links: { consul: "dc1.a" } };
const NOTHING: Surrounding = { attributes: {}, links: {} };

function stage() {
  const clock = createVirtualClock();
  const world = { answer: undefined as Surrounding | undefined, looks: 0, changes: 0 };
  const source = {
    name: "consul",
    look: () => {
      world.looks++;
      return Promise.resolve(world.answer);
    },
  };
  const surroundings = new Surroundings({ sources: [source], clock, intervalMs: 30_000 });
  return { clock, world, surroundings };
}

test("what is silent is looked at every five seconds, what answers every thirty", async () => {
  const { clock, world, surroundings } = stage();
  await surroundings.start();
  surroundings.follow(() => world.changes++);
  assert.equal(world.looks, 1);
  await clock.advance(20_000);
  assert.equal(world.looks, 5);
  assert.deepEqual(surroundings.describe(), NOTHING);
  world.answer = FOUND;
  await clock.advance(5_000);
  assert.deepEqual(surroundings.describe(), FOUND);
  assert.equal(world.changes, 1);
  await clock.advance(60_000);
  assert.equal(world.looks, 8);
  assert.equal(world.changes, 1, "the same again is no news");
  surroundings.close();
  await clock.advance(60_000);
  assert.equal(world.looks, 8);
});

test("a restart of it is not told; only after a minute of silence is it gone", async () => {
  const { clock, world, surroundings } = stage();
  world.answer = FOUND;
  await surroundings.start();
  surroundings.follow(() => world.changes++);
  world.answer = undefined;
  await clock.advance(59_000);
  assert.deepEqual(surroundings.describe(), FOUND);
  world.answer = FOUND;
  await clock.advance(5_000);
  assert.equal(world.changes, 0);
  world.answer = undefined;
  await clock.advance(100_000);
  assert.deepEqual(surroundings.describe(), NOTHING);
  assert.equal(world.changes, 1);
  surroundings.close();
});

test("a start waits a second for one that hangs, and hears of it when it answers while nobody listens yet", async () => {
  const clock = createVirtualClock();
  const held = Promise.withResolvers<Surrounding>();
  const surroundings = new Surroundings({ sources: [{ name: "consul", look: () => held.promise }], clock, intervalMs: 30_000 });
  const started = surroundings.start();
  await clock.advance(1_000);
  await started;
  held.resolve(FOUND);
  await clock.advance(0);
  let changes = 0;
  surroundings.follow(() => changes++);
  assert.equal(changes, 1);
  assert.deepEqual(surroundings.describe(), FOUND);
  surroundings.close();
});
