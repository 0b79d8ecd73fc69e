/** What stale reads must not do is found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHistory, historyFaults } from "./record.ts";
import { type StaleRead, staleFaults } from "./stale.ts";

const read = (server: string, beganAt: number, endedAt: number, value: string | null, index: number): StaleRead => ({
  server,
  register: "x",
  beganAt,
  endedAt,
  value,
  index,
});

async function written(): Promise<ReturnType<typeof createHistory>> {
  const history = createHistory();
  await history.run("p", "x", { kind: "write", value: "a" }, async () => ({ kind: "written", index: 5 }));
  await history.run("p", "x", { kind: "write", value: "b" }, async () => ({ kind: "written", index: 7 }));
  await history.run("p", "x", { kind: "write", value: "c" }, async () => "unknown");
  await history.run("p", "x", { kind: "write", value: "d" }, async () => "failed");
  return history;
}

test("A server may tell what is over, another one less than it, and reads at once in either order", async () => {
  const { operations } = await written();
  const reads = [
    read("s1", 1, 2, null, 0),
    read("s1", 3, 6, "b", 7),
    read("s1", 4, 5, "a", 5),
    read("s2", 7, 8, "a", 5),
    read("s1", 9, 10, "c", 8),
  ];
  assert.deepEqual(staleFaults(reads, operations), []);
});

test("A server that goes back is found, and one that tells what nobody wrote, what failed, or another index", async () => {
  const { operations } = await written();
  const faults = (reads: StaleRead[]): number => staleFaults(reads, operations).length;
  assert.equal(faults([read("s1", 1, 2, "b", 7), read("s1", 3, 4, "a", 5)]), 1);
  assert.equal(faults([read("s1", 1, 2, "a", 5), read("s1", 3, 4, null, 0)]), 1);
  assert.equal(faults([read("s1", 1, 9, "a", 5), read("s1", 2, 3, "b", 7), read("s1", 4, 5, "a", 5)]), 1);
  assert.equal(faults([read("s1", 1, 2, "x", 5)]), 1);
  assert.equal(faults([read("s1", 1, 2, "d", 9)]), 1);
  assert.equal(faults([read("s1", 1, 2, "b", 9)]), 1);
});

test("A recorded history that cannot be is told with what is around it", async () => {
  const history = await written();
  assert.deepEqual(historyFaults(history), []);
  await history.run("q", "x", { kind: "read" }, async () => ({ kind: "told", value: "a", index: 5 }));
  const [fault, ...others] = historyFaults(history);
  assert.deepEqual(others, []);
  assert.match(fault ?? "", /^x: no order of its 4 operations[^]*q: read: told a @5/);
});
