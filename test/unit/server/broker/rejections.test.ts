import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "#model";
import { blamesNode, createRejections, DEFAULT_REJECTION_POLICY } from "../../../../src/server/broker/rejections.ts";

const id = (name: string) => name as NodeId;
const policy = { enabled: true, nodeThreshold: 3, nodeWindowMs: 60_000 };

test("by default no node is ever closed for refusing plans", () => {
  const rejections = createRejections({ ...DEFAULT_REJECTION_POLICY, nodeThreshold: 1 });
  for (let index = 0; index < 200; index++) assert.equal(rejections.refused(id("n"), 0), false);
});

test("a node that refuses often enough within the window is closed, once (F6)", () => {
  const rejections = createRejections(policy);
  assert.deepEqual(
    [0, 10, 20, 30].map((ms) => rejections.refused(id("n"), ms)),
    [false, false, true, false],
  );
  const slow = createRejections(policy);
  assert.deepEqual(
    [0, 40_000, 80_000, 120_000].map((ms) => slow.refused(id("n"), ms)),
    [false, false, false, false],
  );
});

test("no more than ten nodes are closed at once, then five per half hour", () => {
  const rejections = createRejections({ ...policy, nodeThreshold: 1 });
  const closed = (from: number, nowMs: number) =>
    Array.from({ length: 30 }, (_, index) => rejections.refused(id(`n${from + index}`), nowMs)).filter(Boolean).length;
  assert.equal(closed(0, 0), 10);
  assert.equal(closed(100, 1_000), 0);
  assert.equal(closed(200, 30 * 60_000), 5);
});

test("what a job or a name is to blame for is not counted against the node", () => {
  assert.deepEqual(["job was changed", 'allocation name "a[0]" is taken', "memory", "node is not ready"].map(blamesNode), [
    false,
    false,
    true,
    true,
  ]);
});
