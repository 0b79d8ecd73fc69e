import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, spell } from "../../../../src/cli/render/time.ts";

test("spell() gives the two largest units", () => {
  const second = 1000;
  const table: [number, string][] = [
    [0, "0s"],
    [999, "0s"],
    [45 * second, "45s"],
    [62 * second, "1m2s"],
    [3600 * second, "1h"],
    [3723 * second, "1h2m"],
    [90_061 * second, "1d1h"],
    [86_400 * 40 * second, "1mo10d"],
    [86_400 * 366 * second, "1y1d"],
  ];
  for (const [ms, text] of table) assert.equal(spell(ms), text);
});

test("ago() never speaks of the future", () => {
  assert.equal(ago(2_000_000_000_000 * 1e6, 1_000_000_000_000), "0s ago");
  assert.equal(ago(0, 5), "N/A");
});

test("bytes() uses binary units", () => {
  assert.deepEqual([0, 512, 1024, 1536, 300 * 1024 * 1024, 10.5 * 1024].map(bytes), [
    "0 B",
    "512 B",
    "1 KiB",
    "1.5 KiB",
    "300 MiB",
    "11 KiB",
  ]);
});
