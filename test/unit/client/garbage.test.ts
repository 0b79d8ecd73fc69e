import assert from "node:assert/strict";
import { test } from "node:test";
import { excess } from "../../../src/client/garbage/collector.ts";

const limits = { diskUsagePercent: 80, inodeUsagePercent: 70, allocationsMax: 3 };
const calm = { diskUsedPercent: 80, inodesUsedPercent: 70 };

test("ended allocations go when there are too many, never more than have ended", () => {
  assert.equal(excess(3, 2, calm, limits), 0);
  assert.equal(excess(5, 4, calm, limits), 2);
  assert.equal(excess(9, 1, calm, limits), 1);
  assert.equal(excess(9, 0, calm, limits), 0);
});

test("under pressure of space or inodes they go one at a time, also when there are few", () => {
  for (const tight of [
    { ...calm, diskUsedPercent: 80.1 },
    { ...calm, inodesUsedPercent: 70.1 },
  ]) {
    assert.equal(excess(2, 2, tight, limits), 1);
    assert.equal(excess(5, 4, tight, limits), 2);
    assert.equal(excess(2, 0, tight, limits), 0);
  }
});
