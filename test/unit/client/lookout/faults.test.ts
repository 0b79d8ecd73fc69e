/** Whatever happens to systems, tokens, rights and agents: when it is over, everybody knows what is there, and nothing is left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Thing } from "#ports";
import { NamedError } from "#std";
import { testScale } from "../../../scale.ts";
import { allocationId } from "../stage.ts";
import { createLookoutWorld, key, MINUTE, SECOND, secret, type LookoutWorld } from "./stage.ts";

const letters = ["a", "b", "c"] as const;
const keys = [key("one"), key("two")] as const;
const secrets = [secret("secret/data/one"), secret("secret/data/two")] as const;
const creds = [secret("database/creds/one"), secret("database/creds/two")] as const;
const everything: readonly Thing[] = [...keys, ...secrets, ...creds];

type Happening =
  | { readonly what: "set"; readonly thing: number; readonly value: number }
  | { readonly what: "want"; readonly letter: number; readonly mask: number }
  | { readonly what: "away" | "back" | "broken" | "mended"; readonly system: boolean }
  | { readonly what: "token"; readonly letter: number; readonly system: boolean; readonly told: boolean; readonly dies: boolean }
  | { readonly what: "deny"; readonly letter: number; readonly denied: boolean }
  | { readonly what: "kill" }
  | { readonly what: "forget"; readonly letter: number }
  | { readonly what: "wait"; readonly ms: number };

const letter = fc.integer({ min: 0, max: 2 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("set" as const),
      thing: fc.integer({ min: 0, max: 3 }),
      value: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("want" as const), letter, mask: fc.integer({ min: 0, max: 63 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom("away", "back", "broken", "mended" as const), system: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("token" as const), letter, system: fc.boolean(), told: fc.boolean(), dies: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("deny" as const), letter, denied: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("kill" as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("forget" as const), letter }) },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.constantFrom(0, 5, 50, 700, 7 * SECOND, 45 * SECOND, 6 * MINUTE) }),
  },
);

interface Story extends LookoutWorld {
  readonly wanted: Map<string, readonly Thing[]>;
  readonly denied: Set<string>;
  minted: number;
}

function begin(seed: number): Story {
  const world = createLookoutWorld({ delayMs: 20, seed });
  const story: Story = Object.assign(Object.create(world) as LookoutWorld, { wanted: new Map(), denied: new Set<string>(), minted: 0 });
  for (const source of [world.consul, world.vault]) {
    source.tokens = new Set(letters);
    source.allowed = (_, token) => !story.denied.has(token.charAt(0));
  }
  for (const thing of creds) world.vault.lend(thing, { lifeMs: 60 * SECOND, maxMs: 5 * MINUTE });
  return story;
}

async function perform(story: Story, next: Happening): Promise<void> {
  const system = (is: boolean) => (is ? story.consul : story.vault);
  switch (next.what) {
    case "set": {
      const thing = everything[next.thing] as Thing;
      (thing.system === "consul" ? story.consul : story.vault).set(thing, next.value === 0 ? undefined : `value ${next.value}`);
      return;
    }
    case "want": {
      const name = letters[next.letter] as string;
      const things = everything.filter((_, at) => (next.mask & (1 << at)) !== 0);
      story.wanted.set(name, things);
      story.reader(name).want(things);
      return;
    }
    case "away":
    case "back":
      system(next.system).reachable = next.what === "back";
      return;
    case "broken":
    case "mended":
      system(next.system).broken = next.what === "broken" ? new NamedError("THING_INVALID", "broken", { statusCode: 400 }) : undefined;
      return;
    case "token":
      replaceToken(story, letters[next.letter] as string, next);
      return;
    case "deny":
      if (next.denied) story.denied.add(letters[next.letter] as string);
      else story.denied.delete(letters[next.letter] as string);
      return;
    case "kill":
      story.start(letters.filter((name) => story.wanted.has(name)));
      for (const [name, things] of story.wanted) story.reader(name).want(things);
      return;
    case "forget": {
      const name = letters[next.letter] as string;
      story.wanted.delete(name);
      story.forget(name);
      return;
    }
    case "wait":
      await story.clock.advance(next.ms);
  }
}

function replaceToken(story: Story, name: string, how: { system: boolean; told: boolean; dies: boolean }): void {
  const source = how.system ? story.consul : story.vault;
  const before = story.tokens.get(`${name} ${source.system}`) ?? name;
  const after = `${name}${++story.minted}`;
  source.tokens?.add(after);
  story.tokens.set(`${name} ${source.system}`, after);
  if (how.dies) source.forgetToken(before);
  if (how.told) story.lookout.tokenReplaced(allocationId(name), "main", source.system);
}

async function calm(story: Story): Promise<void> {
  for (const source of [story.consul, story.vault]) {
    source.reachable = true;
    source.broken = undefined;
  }
  story.denied.clear();
  // The longest wait between two tries or proofs, and what follows from it.
  await story.clock.advance(8 * MINUTE);
}

function assertTrue(story: Story): void {
  const looked = new Set<string>();
  for (const [name, things] of story.wanted) {
    assert.deepEqual([...story.reader(name).problems().values()], [], name);
    for (const thing of things) {
      const actual = story.value(name, thing);
      looked.add(thing.name);
      if (creds.includes(thing)) {
        const living = [...story.vault.leases.values()].filter((lease) => JSON.stringify(lease.value) === JSON.stringify(actual));
        assert.equal(living.length, 1, `${name} cannot log in to ${thing.name}`);
      } else assert.deepEqual(actual, (thing.system === "consul" ? story.consul : story.vault).value(thing), `${name} ${thing.name}`);
    }
  }
  const counts = story.lookout.counts;
  assert.equal(counts.things, looked.size);
  assert.equal(counts.returning, 0);
  const waiting = keys.filter(({ name }) => looked.has(name)).length;
  assert.equal(story.consul.counts.waiting, waiting, "one watch for each thing, and nobody else's");
}

test("facts come to what their systems say, credentials work, and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 25 }), fc.integer({ min: 1, max: 1e6 }), async (happenings, seed) => {
      const story = begin(seed);
      story.start([]);
      for (const next of happenings) await perform(story, next);
      await calm(story);
      assertTrue(story);
      for (const name of letters) story.forget(name);
      await story.clock.advance(MINUTE);
      assert.deepEqual(story.lookout.counts, { things: 0, readers: 0, reads: 0, leases: 0, returning: 0 });
      assert.deepEqual([...story.facts.keys()], [], "the node's memory");
      // Agents that were killed go on dreaming in this process.
      if (!happenings.some(({ what }) => what === "kill")) assert.equal(story.clock.pending, 0, "timers");
    }),
    { numRuns: Math.ceil(60 * testScale()) },
  );
});
