import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { OrderedMap } from "#std";
import { testScale } from "../../scale.ts";

/** The slow, plainly right one. */
class SortedArray {
  entries: [string, number][];
  constructor(entries: [string, number][] = []) {
    this.entries = entries;
  }
  set(key: string, value: number): void {
    this.delete(key);
    this.entries.push([key, value]);
    this.entries.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  }
  delete(key: string): boolean {
    const at = this.entries.findIndex(([each]) => each === key);
    if (at >= 0) this.entries.splice(at, 1);
    return at >= 0;
  }
  fork(): SortedArray {
    return new SortedArray(this.entries.map((entry) => [...entry]));
  }
}

function assertSame(map: OrderedMap<number>, model: SortedArray, probe: string): void {
  assert.equal(map.size, model.entries.length);
  assert.deepEqual([...map.range()], model.entries);
  assert.deepEqual([...map.range(undefined, { reverse: true })], model.entries.toReversed());
  assert.deepEqual(
    [...map.range(probe)],
    model.entries.filter(([key]) => key >= probe),
  );
  assert.deepEqual(
    [...map.range(probe, { exclusive: true })],
    model.entries.filter(([key]) => key > probe),
  );
  assert.deepEqual([...map.range(probe, { reverse: true })], model.entries.filter(([key]) => key <= probe).reverse());
  assert.deepEqual([...map.range(probe, { reverse: true, exclusive: true })], model.entries.filter(([key]) => key < probe).reverse());
  assert.deepEqual(
    [...map.keys(probe)],
    model.entries.filter(([key]) => key.startsWith(probe)).map(([key]) => key),
  );
  assert.deepEqual(
    [...map.values(probe)],
    model.entries.filter(([key]) => key.startsWith(probe)).map(([, value]) => value),
  );
  assert.equal(map.get(probe), model.entries.find(([key]) => key === probe)?.[1]);
}

test("An ordered map behaves like a sorted array, whatever is written and forked in between", () => {
  // Few letters, so that keys meet; runs of keys, so that pages split and join several levels deep.
  const key = fc.string({ unit: fc.constantFrom("a", "b", "c", "\u0000", "é"), maxLength: 4 });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), key, run: fc.integer({ min: 1, max: 150 }) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("delete" as const), key, run: fc.integer({ min: 1, max: 150 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("fork" as const), key, run: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const), key, run: fc.nat(5) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const pairs: [OrderedMap<number>, SortedArray][] = [[new OrderedMap(), new SortedArray()]];
      let current = 0;
      let value = 0;
      for (const { kind, key: name, run } of steps) {
        const [map, model] = pairs[current] as [OrderedMap<number>, SortedArray];
        if (kind === "fork") pairs.push([map.fork(), model.fork()]);
        else if (kind === "turn") current = run % pairs.length;
        else if (kind === "set") {
          for (let n = 0; n < run; n++) {
            const each = `${name}${String((n * 7919) % 1000)}`;
            map.set(each, ++value);
            model.set(each, value);
          }
        } else {
          for (let n = 0; n < run; n++) {
            const each = `${name}${String((n * 7919) % 1000)}`;
            assert.equal(map.delete(each), model.delete(each));
          }
        }
        for (const [eachMap, eachModel] of pairs) assert.equal(eachMap.size, eachModel.entries.length);
      }
      for (const [map, model] of pairs) for (const probe of ["", "a", "b1", "é5", steps[0]?.key ?? "c"]) assertSame(map, model, probe);
    }),
    { numRuns: 40 * testScale() },
  );
});

test("A map of many keys, emptied in any order, ends empty", () => {
  const map = new OrderedMap<number>();
  for (let n = 0; n < 20_000; n++) map.set(String((n * 7919) % 20_000).padStart(6, "0"), n);
  const full = map.fork();
  for (let n = 0; n < 20_000; n++) assert.equal(map.delete(String((n * 104_729) % 20_000).padStart(6, "0")), true);
  assert.equal(map.size, 0);
  assert.deepEqual([...map.range()], []);
  assert.equal(full.size, 20_000);
  assert.equal([...full.keys()].length, 20_000);
});

test("A fork takes the same time however large the map is", () => {
  const map = new OrderedMap<number>();
  for (let n = 0; n < 100_000; n++) map.set(String(n), n);
  const started = performance.now();
  for (let n = 0; n < 10_000; n++) map.fork();
  assert.ok(performance.now() - started < 1_000, "10,000 forks of 100,000 keys took over a second");
});
