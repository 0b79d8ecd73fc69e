import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allocationId } from "../stage.ts";
import { createLookoutWorld, MINUTE, SECOND, secret, type LookoutWorld } from "./stage.ts";

const creds = secret("database/creds/app");
const NOTHING = { things: 0, readers: 0, reads: 0, leases: 0, returning: 0 };

function createCredsWorld(how: { lifeMs?: number; maxMs?: number; renewable?: boolean; delayMs?: number } = {}): LookoutWorld {
  const world = createLookoutWorld({ delayMs: how.delayMs ?? 0 });
  world.vault.lend(creds, { lifeMs: how.lifeMs ?? 60 * SECOND, maxMs: how.maxMs ?? 60 * MINUTE, renewable: how.renewable ?? true });
  return world;
}

/** Could the task log in with what it was given, now and for a moment? */
function works(world: LookoutWorld, letter: string, momentMs = 0): boolean {
  const value = JSON.stringify(world.value(letter, creds));
  const untilMs = world.clock.nowMs() + momentMs;
  return [...world.vault.leases.values()].some((lease) => JSON.stringify(lease.value) === value && lease.endsAtMs > untilMs);
}

describe("credentials made for one task", () => {
  test("are each reader's own, renewed while it lives, and given back by forget", async () => {
    const world = createCredsWorld();
    for (const letter of ["a", "b"]) world.reader(letter).want([creds]);
    await world.clock.settle();
    assert.notDeepEqual(world.value("a", creds), world.value("b", creds));
    const first = world.value("a", creds);
    await world.clock.advance(50 * MINUTE);
    assert.deepEqual([world.value("a", creds), world.vault.counts.made, world.lookout.counts.leases], [first, 2, 2]);
    world.forget("a");
    world.forget("b");
    await world.clock.settle();
    assert.deepEqual([world.vault.leases.size, world.facts.size, world.lookout.counts], [0, 0, NOTHING]);
    assert.equal(world.clock.pending, 0);
  });

  test("readers with one token do not share them", async () => {
    const world = createCredsWorld({ delayMs: 10 });
    for (const letter of ["a", "b", "c"]) {
      world.tokens.set(`${letter} vault`, "");
      world.reader(letter).want([creds]);
    }
    await world.clock.advance(SECOND);
    assert.equal(new Set(["a", "b", "c"].map((letter) => JSON.stringify(world.value(letter, creds)))).size, 3);
    assert.equal(world.vault.counts.made, 3);
  });

  for (const how of [{ maxMs: 150 * SECOND }, { renewable: false }]) {
    test(`work at every second of three lives, though ${how.maxMs === undefined ? "they cannot be renewed" : "their time ends"} (F52)`, async () => {
      const world = createCredsWorld(how);
      world.reader("a").want([creds]);
      await world.clock.settle();
      for (let second = 0; second < 460; second++) {
        assert.ok(works(world, "a", 5 * SECOND), `second ${second}`);
        assert.ok(world.vault.leases.size <= 2, `${world.vault.leases.size} leases`);
        await world.clock.advance(SECOND);
      }
      assert.ok(world.vault.counts.made > 3);
      world.forget("a");
      await world.clock.settle();
      assert.deepEqual([world.vault.leases.size, world.facts.size], [0, 0]);
    });
  }

  test("are replaced while a quarter of a life is left at least, wherever the last renewal fell, and never a life too early", async () => {
    for (let maxMs = 60 * SECOND; maxMs <= 180 * SECOND; maxMs += 5 * SECOND) {
      const world = createCredsWorld({ maxMs });
      world.reader("a").want([creds]);
      await world.clock.settle();
      for (let second = 0; second < 400; second++) {
        assert.ok(works(world, "a", 15 * SECOND), `longest ${maxMs} ms, second ${second}`);
        await world.clock.advance(SECOND);
      }
      const livesAtMost = Math.ceil((400 * SECOND) / (maxMs - 30 * SECOND)) + 1;
      assert.ok(
        world.vault.counts.made <= livesAtMost,
        `longest ${maxMs} ms: ${world.vault.counts.made} made, want ${livesAtMost} at most`,
      );
    }
  });

  test("work when they live for three seconds only", async () => {
    const world = createCredsWorld({ lifeMs: 3 * SECOND, maxMs: 9 * SECOND });
    world.reader("a").want([creds]);
    await world.clock.settle();
    for (let tenth = 0; tenth < 300; tenth++) {
      assert.ok(works(world, "a", SECOND / 2), `${tenth} tenths of a second`);
      await world.clock.advance(SECOND / 10);
    }
    assert.ok(world.vault.counts.made <= 5);
  });

  test("are on disk, sealed, before anybody hears of them", async () => {
    const world = createCredsWorld();
    let told: readonly string[] = [];
    world.reader("a").subscribe(() => (told = [...world.facts.values()]));
    world.reader("a").want([creds]);
    await world.clock.settle();
    const { Data } = world.value("a", creds) as { Data: { password: string } };
    assert.equal(told.length, 1);
    for (const text of [...told, ...world.facts.keys()]) assert.ok(!text.includes(Data.password) && !text.includes("lease-"));
  });

  test("an agent that was killed makes no second ones (F52, F53)", async () => {
    const world = createCredsWorld();
    world.reader("a").want([creds]);
    await world.clock.settle();
    const first = world.value("a", creds);
    for (let round = 0; round < 30; round++) {
      world.start(["a"]);
      await world.clock.advance(10 * SECOND);
      world.reader("a").want([creds]);
      assert.deepEqual(world.value("a", creds), first, "known at once, without a read");
      await world.clock.advance(20 * SECOND);
    }
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size], [1, 1]);
  });

  for (const aheadMs of [MINUTE, -MINUTE, 60 * MINUTE]) {
    test(`work at every second when the agent's clock is off by ${aheadMs / SECOND} s for a while (F52)`, async () => {
      const world = createCredsWorld({ lifeMs: 20 * SECOND });
      world.reader("a").want([creds]);
      await world.clock.settle();
      for (const off of [aheadMs, 0, 0]) {
        world.start(["a"], off);
        world.reader("a").want([creds]);
        for (let second = 0; second < 90; second++) {
          await world.clock.advance(SECOND);
          assert.ok(works(world, "a"), `${second} s after it was ${off} off`);
        }
      }
    });
  }

  test("are made anew when they were revoked while the agent was dead", async () => {
    const world = createCredsWorld({ lifeMs: 60 * MINUTE });
    world.reader("a").want([creds]);
    await world.clock.settle();
    (world.vault.leases as Map<string, unknown>).clear();
    world.start(["a"]);
    world.reader("a").want([creds]);
    await world.clock.advance(SECOND);
    assert.ok(works(world, "a"));
  });

  test("are kept alive until they are wanted again, however long that takes after a restart", async () => {
    const world = createCredsWorld();
    world.reader("a").want([creds]);
    await world.clock.settle();
    world.start(["a"]);
    world.reader("a").want([secret("secret/data/first")]);
    await world.clock.advance(10 * MINUTE);
    world.reader("a").want([secret("secret/data/first"), creds]);
    await world.clock.advance(MINUTE);
    assert.deepEqual([world.vault.counts.made, works(world, "a")], [1, true]);
  });

  test("are not made anew for nobody: what is not wanted after a restart runs out", async () => {
    const world = createCredsWorld({ maxMs: 5 * MINUTE });
    world.reader("a").want([creds]);
    await world.clock.settle();
    world.start(["a"]);
    world.reader("a");
    await world.clock.advance(10 * MINUTE);
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size, world.facts.size, world.lookout.counts.things], [1, 0, 0, 0]);
  });

  test("whoever is gone after a restart gives them back, also when the system comes back late", async () => {
    const world = createCredsWorld({ lifeMs: 60 * MINUTE });
    world.reader("a").want([creds]);
    world.reader("b").want([creds]);
    await world.clock.settle();
    world.vault.reachable = false;
    world.forget("a");
    await world.clock.advance(SECOND);
    assert.deepEqual([world.vault.leases.size, world.lookout.counts.returning], [2, 1]);
    // The first one's allocation lives on: its task was forgotten.
    world.start(["a"]);
    await world.clock.advance(5 * MINUTE);
    assert.equal(world.lookout.counts.returning, 2);
    world.vault.reachable = true;
    await world.clock.advance(31 * SECOND);
    assert.deepEqual([world.vault.leases.size, world.facts.size, world.lookout.counts], [0, 0, NOTHING]);
  });

  test("what may not be given back ends with its token, or at its end, and is forgotten then", async () => {
    const world = createCredsWorld({ lifeMs: 10 * MINUTE });
    world.vault.tokens = new Set(["a", "b"]);
    world.vault.mayRevoke = () => false;
    for (const letter of ["a", "b"]) world.reader(letter).want([creds]);
    await world.clock.settle();
    world.forget("a");
    world.forget("b");
    await world.clock.settle();
    assert.equal(world.lookout.counts.returning, 2);
    world.vault.forgetToken("a");
    await world.clock.advance(MINUTE);
    assert.equal(world.lookout.counts.returning, 1);
    await world.clock.advance(15 * MINUTE);
    assert.deepEqual([world.lookout.counts.returning, world.facts.size, world.clock.pending], [0, 0, 0]);
  });

  test("are made anew when the token they hang on is replaced, and when it is gone", async () => {
    const world = createCredsWorld();
    world.vault.tokens = new Set(["a", "a2", "a3"]);
    world.reader("a").want([creds]);
    await world.clock.settle();
    world.tokens.set("a vault", "a2");
    world.lookout.tokenReplaced(allocationId("a"), "main", "vault");
    await world.clock.settle();
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size, works(world, "a")], [2, 2, true]);
    world.vault.forgetToken("a2");
    await world.clock.advance(50 * SECOND);
    assert.ok(world.gone.includes("a vault"));
    world.tokens.set("a vault", "a3");
    await world.clock.advance(31 * SECOND);
    assert.ok(works(world, "a"));
    world.forget("a");
    await world.clock.advance(MINUTE);
    assert.equal(world.facts.size, 0);
  });

  test("an outage of a third of their life does no harm", async () => {
    const world = createCredsWorld({ lifeMs: 5 * MINUTE });
    world.reader("a").want([creds]);
    await world.clock.settle();
    const first = world.value("a", creds);
    for (let round = 0; round < 5; round++) {
      await world.clock.advance(3 * MINUTE);
      world.vault.reachable = false;
      await world.clock.advance(90 * SECOND);
      world.vault.reachable = true;
      await world.clock.advance(31 * SECOND);
      assert.deepEqual([works(world, "a"), world.value("a", creds)], [true, first]);
      assert.equal(world.reader("a").problems().size, 0);
    }
  });

  test("what was asked for a task that ended meanwhile is given back", async () => {
    const world = createCredsWorld({ delayMs: 500 });
    world.reader("a").want([creds]);
    await world.clock.advance(100);
    world.forget("a");
    await world.clock.advance(10 * SECOND);
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size, world.facts.size, world.lookout.counts], [1, 0, 0, NOTHING]);
  });

  test("an agent that stops in order waits a moment for what is being made, and the next one has it", async () => {
    const world = createCredsWorld({ delayMs: 500 });
    world.reader("a").want([creds]);
    await world.clock.advance(100);
    const closing = world.lookout.close();
    await world.clock.advance(4 * SECOND);
    await closing;
    assert.equal(world.vault.leases.size, 1);
    world.start(["a"]);
    world.reader("a").want([creds]);
    await world.clock.settle();
    assert.ok(works(world, "a"));
    assert.equal(world.vault.counts.made, 1);
  });

  test("what cannot be stored is given back at once, and nobody hears of it", async () => {
    const world = createLookoutWorld();
    world.vault.lend(secret("db"), { lifeMs: 600 * SECOND, maxMs: 6000 * SECOND });
    const set = world.facts.set.bind(world.facts);
    world.facts.set = () => {
      throw new Error("the disk is full");
    };
    const reader = world.reader("a");
    reader.want([secret("db")]);
    await world.clock.advance(20 * SECOND);
    assert.ok(world.vault.counts.made >= 1);
    assert.deepEqual([world.vault.leases.size, world.value("a", secret("db"))], [0, "(unknown)"]);
    assert.match([...reader.problems().values()].join(), /the disk is full/);
    world.facts.set = set;
    await world.clock.advance(90 * SECOND);
    assert.deepEqual([world.vault.leases.size, reader.problems().size], [1, 0]);
  });

  test("an agent that stops in order waits for what is being given back, also when something was before", async () => {
    const world = createLookoutWorld({ delayMs: 200 });
    world.vault.lend(secret("db"), { lifeMs: 60 * SECOND, maxMs: 600 * SECOND });
    for (const letter of ["a", "b"]) world.reader(letter).want([secret("db")]);
    await world.clock.advance(SECOND);
    world.forget("a");
    await world.clock.advance(SECOND);
    assert.equal(world.vault.leases.size, 1);
    world.forget("b");
    const closed = world.lookout.close();
    await world.clock.advance(SECOND);
    await closed;
    assert.deepEqual([world.vault.leases.size, world.facts.size], [0, 0]);
  });

  test("a path that becomes dynamic under its readers' eyes is each one's own from then on", async () => {
    const world = createLookoutWorld();
    world.vault.set(creds, "plain");
    for (const letter of ["a", "b"]) world.reader(letter).want([creds]);
    await world.clock.settle();
    assert.deepEqual([world.value("a", creds), world.value("b", creds)], ["plain", "plain"]);
    world.vault.lend(creds, { lifeMs: MINUTE, maxMs: 10 * MINUTE });
    await world.clock.advance(15 * SECOND);
    assert.ok(works(world, "a") && works(world, "b"));
    assert.notDeepEqual(world.value("a", creds), world.value("b", creds));
    for (const letter of ["a", "b"]) world.forget(letter);
    await world.clock.advance(MINUTE);
    assert.deepEqual([world.vault.leases.size, world.facts.size, world.lookout.counts], [0, 0, NOTHING]);
  });
});
