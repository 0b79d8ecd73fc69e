import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector, excess } from "../../../src/client/garbage/collector.ts";
import type { Herd } from "../../../src/client/herd.ts";
import type { ClientWorld } from "../../../src/client/world.ts";

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

/** A herd with one ended allocation too many; another ends so many turns after the first went. How many are left? */
async function leftOver(turns: number): Promise<number> {
  const runners = new Map<string, object>();
  const end = (id: string) => runners.set(id, { id, isOver: true, progress: { acknowledged: true, overAt: runners.size } });
  const remove = async (runner: { id: string }) => {
    runners.delete(runner.id);
    if (runner.id !== "0") return;
    await Promise.resolve();
    void later();
  };
  const later = async () => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    end("late");
    collector.nudge();
  };
  const usage = () => Promise.resolve({ totalBytes: 1000, availableBytes: 900, usedBytes: 100, totalInodes: 100, freeInodes: 90 });
  const settings = { allocationDirectory: "/alloc", garbage: { ...limits, intervalMs: 60_000, parallel: 2 } };
  const world = { disk: { usage }, settings, report: () => undefined } as unknown as ClientWorld;
  const collector = new Collector(world, { runners, remove } as unknown as Herd);
  for (const id of ["0", "1", "2", "3"]) end(id);
  collector.nudge();
  await new Promise(setImmediate);
  return runners.size;
}

test("one that ends as the last one has gone, in whatever turn, is not left until the next look", async () => {
  const left = await Promise.all(Array.from({ length: 24 }, (_, turns) => leftOver(turns)));
  assert.deepEqual(new Set(left), new Set([limits.allocationsMax]), left.join(" "));
});
