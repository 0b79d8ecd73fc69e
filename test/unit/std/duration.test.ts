import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "#std";

test("parseDuration() reads Go durations", () => {
  const table: [string, number | undefined][] = [
    ["0", 0],
    ["30s", 30e9],
    ["1h15m", 4500e9],
    ["1.5h", 5400e9],
    [".5s", 0.5e9],
    ["100ms", 1e8],
    ["-2m", -120e9],
    ["1us", 1e3],
    ["1µs", 1e3],
    ["", undefined],
    ["5", undefined],
    ["5 s", undefined],
    ["1h-5m", undefined],
    ["abc", undefined],
    ["s", undefined],
  ];
  for (const [text, ns] of table) assert.equal(parseDuration(text), ns, text);
});

test("formatDuration() writes what parseDuration() reads", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e15, max: 1e15 }), (us) => {
      const ns = us * 1000;
      const back = parseDuration(formatDuration(ns)) as number;
      assert.ok(Math.abs(back - ns) <= 1, `${ns} → ${formatDuration(ns)} → ${back}`);
    }),
  );
  assert.deepEqual([0, 90e9, 3600e9, 1.5e6, 5400e9].map(formatDuration), ["0s", "1m30s", "1h0m0s", "1.5ms", "1h30m0s"]);
});
