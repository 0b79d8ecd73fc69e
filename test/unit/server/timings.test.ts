import assert from "node:assert/strict";
import { test } from "node:test";
import { createTimings } from "../../../src/server/timings.ts";

function watched() {
  let nowMs = 1_000_000;
  const timings = createTimings({ nowMs: () => nowMs });
  return {
    pass: (ms: number) => void (nowMs += ms),
    take: (name: string, ms: number) => {
      const stop = timings.start(name);
      nowMs += ms;
      stop();
    },
    read: (name: string) => timings.read().find(({ Name }) => Name === name),
  };
}

test("A window is shown when it is over, until the next one is", () => {
  const { pass, take, read } = watched();
  for (const ms of [2, 4, 9]) take("plan.apply", ms);
  assert.deepEqual([read("plan.apply")?.Count, read("plan.apply")?.TotalCount], [0, 3], "not over yet");
  pass(10_000);
  take("plan.apply", 100);
  const { Count, Sum, Min, Max, Mean, Rate, Stddev, Quantiles, TotalCount, TotalSum } = read("plan.apply") ?? assert.fail();
  assert.deepEqual([Count, Sum, Min, Max, Mean, Rate], [3, 15, 2, 9, 5, 1.5]);
  assert.equal(Stddev.toFixed(4), Math.sqrt(13).toFixed(4));
  assert.deepEqual(Quantiles, [
    [0.5, 4],
    [0.9, 9],
    [0.99, 9],
  ]);
  assert.deepEqual([TotalCount, TotalSum], [4, 115]);
  pass(10_000);
  assert.equal(read("plan.apply")?.Max, 100);
});

test("After a window in which nothing was timed there is nothing to show but the totals", () => {
  const { pass, take, read } = watched();
  take("plan.submit", 7);
  pass(20_000);
  const { Count, Min, Max, Mean, Stddev, Quantiles, TotalCount, TotalSum } = read("plan.submit") ?? assert.fail();
  assert.deepEqual([Count, Min, Max, Mean, Stddev, TotalCount, TotalSum], [0, 0, 0, 0, 0, 1, 7]);
  assert.ok(Quantiles.every(([, value]) => Number.isNaN(value)));
});

test("A window of a hundred thousand is counted whole and kept in part", () => {
  const { pass, read, take } = watched();
  for (let each = 0; each < 100_000; each++) take("plan.evaluate", 0);
  pass(10_000);
  assert.equal(read("plan.evaluate")?.Count, 100_000);
});
