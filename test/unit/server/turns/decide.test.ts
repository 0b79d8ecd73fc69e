import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AllocationId } from "#model";
import { testScale } from "../../../scale.ts";
import { decideTurns, type GroupView, NOTHING_SEEN, type Seen, TURN_MS_MAX } from "../../../../src/server/turns/decide.ts";

const NOW = 1_000_000;
const ids = (text: string) => text.split(" ").filter((each) => each !== "") as AllocationId[];
function view(more: {
  readonly max?: number;
  readonly down?: string;
  readonly missing?: number;
  readonly held?: Readonly<Record<string, number>>;
}): GroupView {
  return {
    name: "web",
    max: more.max ?? 2,
    healthyDeadlineMs: 60_000,
    down: ids(more.down ?? ""),
    missing: more.missing ?? 0,
    held: new Map(Object.entries(more.held ?? {})) as unknown as GroupView["held"],
  };
}

const CASES: readonly (readonly [name: string, view: GroupView, asking: string, grants: string, reason: string])[] = [
  [
    "the first of those who wait, as many as there is room",
    view({}),
    "c a b",
    "c a",
    '2 of 2 allocations of group "web" are being restarted',
  ],
  ["nobody while all turns are held", view({ held: { x: NOW, y: NOW } }), "a", "", '2 of 2 allocations of group "web" are being restarted'],
  [
    "a crashed one takes a place",
    view({ down: "x" }),
    "a b",
    "a",
    '1 is being restarted and 1 is down in group "web", where max_parallel is 2',
  ],
  ["so does one that is placed nowhere", view({ max: 1, missing: 1 }), "a", "", '1 is down in group "web", where max_parallel is 1'],
  [
    "who is down and holds a turn counts once",
    view({ down: "x", held: { x: NOW } }),
    "a",
    "a",
    '2 of 2 allocations of group "web" are being restarted',
  ],
  [
    "who asks and is down waits for no place that it takes itself",
    view({ max: 1, down: "b" }),
    "a b",
    "b",
    '1 of 1 allocation of group "web" is being restarted',
  ],
  [
    "never more turns than max, however many of those who ask are down",
    view({ max: 1, down: "a b", held: {} }),
    "a b",
    "",
    '2 are down in group "web", where max_parallel is 1',
  ],
  [
    "a turn held for ten minutes is free again",
    view({ max: 1, held: { x: NOW - TURN_MS_MAX } }),
    "a",
    "a",
    '1 of 1 allocation of group "web" is being restarted',
  ],
];
for (const [name, of, asking, grants, reason] of CASES) {
  test(`Turns: ${name}`, () => {
    const decided = decideTurns(of, ids(asking), NOTHING_SEEN, NOW);
    assert.deepEqual([decided.grants, decided.reason], [ids(grants), reason]);
  });
}

test("Who stays down for longer than healthy_deadline holds nobody up any more, and the group is looked at again just then", () => {
  const broken = view({ max: 1, down: "x", missing: 0 });
  const first = decideTurns(broken, ids("a"), NOTHING_SEEN, NOW);
  assert.deepEqual([first.grants, first.lookAtMs], [[], NOW + 60_000]);
  assert.deepEqual(decideTurns(broken, ids("a"), first.seen, NOW + 59_999).grants, []);
  assert.deepEqual(decideTurns(broken, ids("a"), first.seen, NOW + 60_000).grants, ids("a"));
  // It was well in between: its time begins anew.
  const well = decideTurns(view({ max: 1, held: { y: NOW } }), ids("a"), first.seen, NOW + 30_000);
  assert.deepEqual(decideTurns(broken, ids("a"), well.seen, NOW + 61_000).grants, []);
});

test("What cannot be placed holds nobody up for ever; another that is missing meanwhile has its own time", () => {
  const first = decideTurns(view({ max: 1, missing: 1 }), ids("a"), NOTHING_SEEN, NOW);
  const second = decideTurns(view({ max: 1, missing: 2 }), ids("a"), first.seen, NOW + 30_000);
  assert.deepEqual(second.seen.missing, [NOW, NOW + 30_000]);
  assert.deepEqual(decideTurns(view({ max: 1, missing: 2 }), ids("a"), second.seen, NOW + 60_000).grants, []);
  assert.deepEqual(decideTurns(view({ max: 1, missing: 2 }), ids("a"), second.seen, NOW + 90_000).grants, ids("a"));
  const fewer = decideTurns(view({ max: 1, missing: 1 }), ids("a"), second.seen, NOW + 60_000);
  assert.deepEqual([fewer.seen.missing, fewer.grants], [[NOW + 30_000], []], "the one that waited longest was placed");
});

test("Whatever happens, of those that were well before their turn never more than max_parallel are away (property)", () => {
  const step = fc.record({
    who: fc.nat(11),
    what: fc.constantFrom("ask", "ask", "give", "crash", "mend", "restart", "later"),
    ms: fc.nat(5_000),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 120 }), (max, steps) => {
      let nowMs = NOW;
      let seen: Seen = NOTHING_SEEN;
      let asking = new Set<AllocationId>();
      const held = new Map<AllocationId, number>();
      const crashed = new Set<AllocationId>();
      for (const { who, what, ms } of steps) {
        const id = `a${who}` as AllocationId;
        if (what === "ask" && !held.has(id)) asking.add(id);
        if (what === "give") held.delete(id);
        if (what === "crash") crashed.add(id);
        if (what === "mend") crashed.delete(id);
        // Another server: turns stand in the state, places and what was seen do not.
        if (what === "restart") [asking, seen] = [new Set(), NOTHING_SEEN];
        if (what === "later") nowMs += ms;
        const awayBefore = new Set([...held.keys(), ...crashed]).size;
        const decided = decideTurns({ ...view({ max }), healthyDeadlineMs: Infinity, down: [...crashed], held }, [...asking], seen, nowMs);
        seen = decided.seen;
        for (const each of decided.expired) held.delete(each);
        for (const each of decided.grants) {
          assert.ok(asking.delete(each));
          held.set(each, nowMs);
        }
        assert.ok(held.size <= max, `${held.size} hold a turn of ${max}`);
        const away = new Set([...held.keys(), ...crashed]).size;
        if (decided.grants.length > 0) assert.ok(away <= Math.max(max, awayBefore), `${away} are away, max is ${max}`);
        // Nobody waits while there is room.
        const could = [...asking].filter((each) => held.size < max && away - (crashed.has(each) ? 1 : 0) < max);
        assert.deepEqual(could, []);
      }
    }),
    { numRuns: 300 * testScale() },
  );
});
