import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Namespace } from "#model";
import { NamedError } from "#std";
import { openItems, sealItems, sealingKeyOf } from "../../../../src/server/variables/seal.ts";

const place = { Namespace: "default" as Namespace, Path: "app/config" };
const ITEMS = { password: "hunter2-very-secret", empty: "", "with = sign": "ünïcode ${x}\n" };
const key = sealingKeyOf({ id: "key-1", sealSecret: createSecretKey(randomBytes(32)) });
const sealed = { ...place, ...sealItems(key, place, ITEMS) };
const refused = (thrown: unknown) =>
  thrown instanceof NamedError && thrown.code === "VARIABLE_UNREADABLE" && !thrown.message.includes("hunter2");

test("what is sealed opens to the same items, and says nothing of them", () => {
  assert.deepEqual(openItems(key, sealed), ITEMS);
  assert.ok(!Buffer.from(sealed.Data, "base64").toString("latin1").includes("hunter2"));
  assert.notEqual(sealItems(key, place, ITEMS).Data, sealed.Data);
});

for (const [what, moved] of [
  ["to another path", { Path: "app/other" }],
  ["to another namespace", { Namespace: "prod" as Namespace }],
  ["under another key's name", { KeyID: "key-2" }],
] as const) {
  test(`a record moved ${what} does not open`, () => assert.throws(() => openItems(key, { ...sealed, ...moved }), refused));
}

test("no single changed byte opens, nor less than there was", () => {
  const bytes = Buffer.from(sealed.Data, "base64");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    assert.throws(() => openItems(key, { ...sealed, Data: changed.toString("base64") }), refused);
  }
  for (const length of [0, 5, 12, 28, bytes.length - 1])
    assert.throws(() => openItems(key, { ...sealed, Data: bytes.subarray(0, length).toString("base64") }), refused);
  const other = sealingKeyOf({ id: "key-1", sealSecret: createSecretKey(randomBytes(32)) });
  assert.throws(() => openItems(other, sealed), refused);
});
