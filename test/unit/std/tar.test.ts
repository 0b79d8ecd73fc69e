import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readTar, tarOf } from "#std";

const files = fc.array(
  fc.record(
    { name: fc.stringMatching(/^[a-z/.]{1,99}$/), content: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)) },
    { noNullPrototype: true },
  ),
  { maxLength: 5 },
);

test("readTar() gives back what tarOf() packed", () => {
  fc.assert(fc.property(files, (all) => assert.deepEqual(readTar(tarOf(all, 1_700_000_000_000)), all)));
});

test("readTar() refuses what is cut off and what is no archive", () => {
  const whole = tarOf([{ name: "a", content: Buffer.alloc(700) }], 0);
  for (const length of [0, 100, 512, 1000, 1536]) assert.throws(() => readTar(whole.subarray(0, length)), /cut off/);
  assert.throws(() => readTar(Buffer.alloc(1024, "x")), /not a tar archive/);
});
