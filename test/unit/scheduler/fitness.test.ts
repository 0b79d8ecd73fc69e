import assert from "node:assert/strict";
import { test } from "node:test";
import { fitness } from "../../../src/scheduler/rank/fitness.ts";

test("bin packing wants full machines, spreading empty ones, each from 0 to 1 and both at a half in the middle", () => {
  assert.equal(fitness("binpack", 1000, 1000, 512, 512), 1);
  assert.equal(fitness("binpack", 0, 1000, 0, 512), 0);
  assert.equal(fitness("spread", 0, 1000, 0, 512), 1);
  assert.equal(fitness("spread", 1000, 1000, 512, 512), 0);
  const half = fitness("binpack", 500, 1000, 256, 512);
  assert.ok(Math.abs(half - (20 - 2 * Math.sqrt(10)) / 18) < 1e-12);
});

test("a machine booked beyond what it has, or that has nothing, is no better than a full one", () => {
  assert.equal(fitness("binpack", 2000, 1000, 1024, 512), 1);
  assert.equal(fitness("spread", 2000, 1000, 1024, 512), 0);
  assert.equal(fitness("binpack", 0, 0, 0, 0), 1);
});
