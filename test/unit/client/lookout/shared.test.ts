import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { thingKey } from "#ports";
import { NamedError } from "#std";
import { meantBy, watchKey } from "../../../../src/client/lookout/scope.ts";
import { allocationId } from "../stage.ts";
import { anAllocation, createLookoutWorld, key, MINUTE, SECOND, secret, type LookoutWorld } from "./stage.ts";

const letters = ["a", "b", "c", "d"] as const;
const values = (world: LookoutWorld, thing = key("name")) => letters.map((letter) => world.value(letter, thing));
const problem = (world: LookoutWorld, letter: string) => [...world.reader(letter).problems().values()].join();

async function allLook(world: LookoutWorld, thing = key("name")): Promise<void> {
  for (const letter of letters) world.reader(letter).want([thing]);
  await world.clock.settle();
}

describe("a thing that many look at", () => {
  test("each reads once with its own token, and one watch tells them all", async () => {
    const world = createLookoutWorld();
    world.consul.set(key("name"), "one");
    await allLook(world);
    assert.deepEqual(values(world), ["one", "one", "one", "one"]);
    const reads = world.consul.log();
    assert.deepEqual(
      reads
        .filter(({ waits }) => !waits)
        .map(({ token }) => token)
        .toSorted(),
      [...letters],
    );
    assert.deepEqual([world.consul.counts.waiting, world.lookout.counts.things, world.lookout.counts.readers], [1, 1, 4]);
    world.consul.set(key("name"), "two");
    await world.clock.settle();
    assert.deepEqual(values(world), ["two", "two", "two", "two"]);
    assert.equal(world.consul.counts.waiting, 1);
  });

  test("equal values are not told, and what is not there is known to be missing", async () => {
    const world = createLookoutWorld();
    await allLook(world);
    assert.deepEqual(values(world), [undefined, undefined, undefined, undefined]);
    let told = 0;
    world.reader("a").subscribe(() => told++);
    world.consul.set(key("name"), { deep: ["one"] });
    await world.clock.settle();
    world.consul.set(key("name"), { deep: ["one"] });
    await world.clock.settle();
    await world.clock.advance(5 * MINUTE);
    assert.equal(told, 1);
  });

  test("readers with the same token share a proof", async () => {
    const world = createLookoutWorld();
    for (const letter of letters) world.tokens.set(`${letter} consul`, "");
    await allLook(world);
    assert.equal(world.consul.log().filter(({ waits }) => !waits).length, 1);
  });

  test("one that may not gets nothing but the reason; those who may are not disturbed", async () => {
    const world = createLookoutWorld();
    world.consul.set(key("name"), "one");
    world.consul.allowed = (_, token) => token !== "b";
    await allLook(world);
    assert.deepEqual(values(world), ["one", "(unknown)", "one", "one"]);
    assert.equal(problem(world, "b"), "permission denied: no policy allows it. Allow it.");
    world.consul.allowed = () => true;
    await world.clock.advance(MINUTE);
    assert.deepEqual([world.value("b", key("name")), problem(world, "b")], ["one", ""]);
  });

  test("one whose right was taken keeps what it had, and hears of nothing new", async () => {
    const world = createLookoutWorld();
    world.consul.set(key("name"), "one");
    await allLook(world);
    world.consul.allowed = (_, token) => token !== "b";
    await world.clock.advance(7 * MINUTE);
    world.consul.set(key("name"), "two");
    await world.clock.settle();
    assert.deepEqual(values(world), ["two", "one", "two", "two"]);
    assert.match(problem(world, "b"), /permission denied/);
    world.consul.allowed = () => true;
    await world.clock.advance(2 * MINUTE);
    assert.deepEqual(values(world), ["two", "two", "two", "two"]);
  });

  test("the watch moves on when its token dies, and who had it proves again with another", async () => {
    const world = createLookoutWorld();
    world.consul.tokens = new Set(letters);
    await allLook(world);
    world.consul.forgetToken("a");
    await world.clock.settle();
    world.consul.set(key("name"), "new");
    await world.clock.settle();
    assert.deepEqual(values(world).slice(1), ["new", "new", "new"]);
    assert.ok(world.gone.includes("a consul"));
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.value("a", key("name")), problem(world, "a")], [undefined, "Cannot read it: the token is not known"]);
    world.tokens.set("a consul", "a2");
    world.consul.tokens.add("a2");
    await world.clock.advance(10 * SECOND);
    assert.deepEqual([world.value("a", key("name")), problem(world, "a")], ["new", ""]);
  });

  test("nothing is read with the token of one who has gone", async () => {
    const world = createLookoutWorld();
    await allLook(world);
    assert.equal(world.consul.log().findLast(({ waits }) => waits)?.token, "a");
    world.forget("a");
    await world.clock.settle();
    assert.deepEqual([world.consul.log().map(({ token }) => token), world.consul.counts.waiting], [["b"], 1]);
  });

  test("a token that was replaced is proven, and nothing is read with the old one", async () => {
    const world = createLookoutWorld();
    await allLook(world);
    world.consul.log();
    world.tokens.set("a consul", "a2");
    world.lookout.tokenReplaced(allocationId("a"), "main", "consul");
    await world.clock.settle();
    assert.deepEqual(
      world.consul
        .log()
        .filter(({ waits }) => !waits)
        .map(({ token }) => token),
      ["a2"],
    );
    await world.clock.advance(20 * MINUTE);
    assert.ok(!world.consul.log().some(({ token }) => token === "a"));
  });

  test("proofs are repeated, not all in the same moment", async () => {
    const world = createLookoutWorld();
    await allLook(world);
    world.consul.log();
    await world.clock.advance(6 * MINUTE);
    const proven = new Set(world.consul.log().map(({ token }) => token));
    assert.deepEqual([...proven].toSorted(), [...letters]);
  });

  test("a system that cannot be reached takes nothing away, and is found again by itself (F33, F51)", async () => {
    const world = createLookoutWorld();
    world.consul.reachable = false;
    await allLook(world);
    assert.deepEqual(
      values(world),
      letters.map(() => "(unknown)"),
    );
    assert.match(problem(world, "a"), /does not answer/);
    world.consul.set(key("name"), "one");
    world.consul.reachable = true;
    await world.clock.advance(SECOND);
    assert.deepEqual(values(world), ["one", "one", "one", "one"]);
    world.consul.reachable = false;
    await world.clock.advance(30 * MINUTE);
    assert.deepEqual(values(world), ["one", "one", "one", "one"]);
    assert.match(problem(world, "c"), /does not answer/);
    const { reads } = world.consul.counts;
    await world.clock.advance(10 * MINUTE);
    assert.ok(world.consul.counts.reads - reads < 30, `${world.consul.counts.reads - reads} tries in ten minutes`);
    world.consul.set(key("name"), "two");
    world.consul.reachable = true;
    await world.clock.advance(31 * SECOND);
    assert.deepEqual([values(world), problem(world, "c")], [["two", "two", "two", "two"], ""]);
  });

  test("what never can be right is said, and looked at again all the same (F51)", async () => {
    const world = createLookoutWorld();
    await allLook(world);
    world.consul.broken = new NamedError("THING_INVALID", "no such path", { statusCode: 400 });
    world.consul.set(key("name"), "one");
    await world.clock.advance(10 * MINUTE);
    assert.equal(problem(world, "a"), "no such path");
    world.consul.broken = undefined;
    await world.clock.advance(61 * SECOND);
    assert.deepEqual([values(world), problem(world, "a")], [["one", "one", "one", "one"], ""]);
  });

  test("no token is a problem that passes", async () => {
    const world = createLookoutWorld();
    world.tokenTrouble = new NamedError("TOKEN_REFUSED", "no role for it", { statusCode: 403 });
    await allLook(world);
    assert.equal(problem(world, "a"), "no role for it");
    world.tokenTrouble = undefined;
    await world.clock.advance(6 * SECOND);
    assert.deepEqual([values(world), problem(world, "a")], [[undefined, undefined, undefined, undefined], ""]);
  });

  test("systems that cannot wait are asked again after a while; who comes new sees what is there now", async () => {
    const world = createLookoutWorld({ vaultAgainMs: 60 * SECOND });
    const thing = secret("secret/data/app");
    world.vault.set(thing, "one");
    for (const letter of ["a", "b", "c"]) world.reader(letter).want([thing]);
    await world.clock.advance(20 * SECOND);
    const { reads } = world.vault.counts;
    assert.equal(reads, 3);
    world.vault.set(thing, "two");
    world.reader("d").want([thing]);
    await world.clock.settle();
    assert.deepEqual(values(world, thing), ["two", "two", "two", "two"]);
    world.vault.set(thing, "three");
    await world.clock.advance(61 * SECOND);
    assert.deepEqual(values(world, thing), ["three", "three", "three", "three"]);
    assert.ok(world.vault.counts.reads <= reads + 3);
  });

  test("hundreds of first reads go a few at a time", async () => {
    const world = createLookoutWorld({ delayMs: 20 });
    const things = Array.from({ length: 100 }, (_, number) => secret(`secret/data/${number}`));
    for (const letter of letters) world.reader(letter).want(things);
    await world.clock.advance(5 * SECOND);
    assert.equal(world.vault.counts.most, 16);
    assert.equal(world.reader("d").facts().size, 100);
  });

  test("what nobody wants any more is let go of after a while, and wanted again at once before", async () => {
    const world = createLookoutWorld();
    world.consul.set(key("name"), "one");
    await allLook(world);
    for (const letter of letters) world.reader(letter).want([]);
    await world.clock.advance(20 * SECOND);
    assert.deepEqual([world.reader("a").facts().size, world.lookout.counts.things], [0, 1]);
    world.reader("a").want([key("name")]);
    assert.equal(world.value("a", key("name")), "one");
    await world.clock.advance(20 * SECOND);
    assert.deepEqual([world.lookout.counts.things, world.consul.counts.waiting], [1, 1]);
    world.reader("a").want([key("other")]);
    await world.clock.advance(31 * SECOND);
    assert.deepEqual([world.lookout.counts.things, world.consul.counts.waiting], [1, 1]);
    for (const letter of letters) world.forget(letter);
    await world.clock.settle();
    assert.deepEqual(world.lookout.counts, { things: 0, readers: 0, reads: 0, leases: 0, returning: 0 });
    assert.equal(world.consul.counts.waiting, 0);
    assert.equal(world.clock.pending, 0);
  });

  test("a task's namespace is part of what it means", () => {
    const variable = { system: "nomad", kind: "variable", name: "a", options: {} } as const;
    const other = { ...anAllocation("b"), Namespace: "other" } as unknown as ReturnType<typeof anAllocation>;
    assert.notEqual(thingKey(meantBy(variable, anAllocation("a"), "main")), thingKey(meantBy(variable, other, "main")));
    const written = { ...variable, system: "vault" } as const;
    assert.equal(meantBy(written, anAllocation("a"), "main"), written, "its options are data");
    const file = { ...variable, system: "file" } as const;
    assert.notEqual(watchKey(file, anAllocation("a"), "main"), watchKey(file, anAllocation("b"), "main"));
  });

  test("a waiting system that answers at once, over and over, is not asked without a breath", async () => {
    const world = createLookoutWorld();
    world.consul.set(key("name"), "one");
    await allLook(world);
    const { reads } = world.consul.counts;
    for (let number = 0; number < 50; number++) {
      world.consul.set(key("name"), `value ${number}`);
      await world.clock.advance(10);
    }
    await world.clock.advance(200);
    assert.equal(world.value("a", key("name")), "value 49");
    assert.ok(world.consul.counts.reads - reads < 20, `${world.consul.counts.reads - reads} reads`);
  });
});
