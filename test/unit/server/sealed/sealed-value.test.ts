import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { NamedError } from "#std";
import { jobSealingKeyOf, keyIdOf, openValue, sealValue } from "../../../../src/server/sealed/sealed-value.ts";
import { testScale } from "../../../scale.ts";

const keyOf = (id: string, byte: number) => jobSealingKeyOf({ id, sealSecret: createSecretKey(Buffer.alloc(32, byte)) });
const KEY = keyOf("8f14e45f-ea4c-4b5c-9f0e-2b7d0a3c5e11", 1);
const OWNER = { Namespace: "default", JobID: "web" };
const unreadable = (thrown: unknown) => thrown instanceof NamedError && thrown.code === "SEALED_UNREADABLE";

test("A value comes back as it was, and is the same text each time (property)", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      const name = sealValue(KEY, OWNER, value);
      assert.match(name, /^sealed\.8f14e45f-ea4c-4b5c-9f0e-2b7d0a3c5e11\.[A-Za-z0-9_-]+$/);
      assert.equal(keyIdOf(name), KEY.id);
      assert.equal(openValue(KEY, OWNER, name), value);
      assert.equal(sealValue(KEY, OWNER, value), name);
      if (value !== "") assert.notEqual(sealValue(KEY, OWNER, `${value}x`), name);
    }),
    { numRuns: 100 * testScale() },
  );
});

test("It opens for its job, its namespace and its key alone, and only whole", () => {
  const name = sealValue(KEY, OWNER, "s3cret");
  for (const owner of [
    { ...OWNER, JobID: "web2" },
    { ...OWNER, Namespace: "other" },
  ])
    assert.throws(() => openValue(KEY, owner, name), unreadable);
  assert.throws(() => openValue(keyOf(KEY.id, 2), OWNER, name), unreadable);
  assert.throws(() => openValue(keyOf("00000000-ea4c-4b5c-9f0e-2b7d0a3c5e11", 1), OWNER, name), unreadable);
  const changed = name.slice(0, -4) + (name.endsWith("AAAA") ? "BBBB" : "AAAA");
  for (const bad of [changed, name.slice(0, -1), "sealed.x.AA", "", `sealed.${KEY.id}.`])
    assert.throws(() => openValue(KEY, OWNER, bad), unreadable);
  assert.notEqual(sealValue(KEY, { ...OWNER, JobID: "web2" }, "s3cret"), name);
});
