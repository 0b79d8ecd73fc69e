import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { headerOf, openBatch, sealBatch } from "../../../../../integrations/consul/log/envelope.ts";

const key = randomBytes(32);
const at = { ClusterId: "c-1", FirstIndex: 7, EpochId: "e-2", PreviousEpochId: "e-1" };
const limits = { valueBytesMax: 1_000 * 1_024, partsId: "p" };
const none = () => Promise.reject(new Error("no parts were announced"));

test("a batch opens as what was sealed: empty entries, small and large ones", async () => {
  for (const Entries of [
    [new Uint8Array(0)],
    [randomBytes(10), new Uint8Array(0)],
    [new Uint8Array(200_000).fill(7), randomBytes(100_000)],
  ]) {
    const { value, parts } = await sealBatch(key, { ...at, Entries }, limits);
    assert.equal(parts.length, 0);
    const opened = await openBatch(key, value, none);
    assert.deepEqual({ ...opened, Entries: opened.Entries.map((each) => [...each]) }, { ...at, Entries: Entries.map((each) => [...each]) });
  }
});

test("what repeats itself becomes small", async () => {
  const { value } = await sealBatch(key, { ...at, Entries: [new Uint8Array(100_000).fill(7)] }, limits);
  assert.ok(value.length < 1_000, String(value.length));
});

test("a batch too large for one value lies in parts, each no larger than that", async () => {
  const Entries = [randomBytes(10_000)];
  const { value, parts, header } = await sealBatch(key, { ...at, Entries }, { valueBytesMax: 3_000, partsId: "p-1" });
  assert.deepEqual(header.Parts, { Id: "p-1", Count: parts.length });
  assert.deepEqual(headerOf(value), header);
  assert.ok(parts.length === 4 && parts.every(({ length }) => length <= 3_000));
  const opened = await openBatch(key, value, () => Promise.resolve(parts));
  assert.ok(Buffer.from(opened.Entries[0] as Uint8Array).equals(Entries[0] as Buffer));
  await assert.rejects(
    openBatch(key, value, () => Promise.resolve(parts.toReversed())),
    { code: "SHARED_LOG_UNREADABLE" },
  );
});

test("any changed byte is noticed, the clear ones too; another key opens nothing", async () => {
  const { value } = await sealBatch(key, { ...at, Entries: [randomBytes(20)] }, limits);
  for (let n = 0; n < value.length; n++) {
    const changed = Buffer.from(value);
    changed[n] = (changed[n] ?? 0) ^ 1;
    await assert.rejects(async () => openBatch(key, changed, none), `byte ${n}`);
  }
  await assert.rejects(openBatch(randomBytes(32), value, none), { code: "SHARED_LOG_UNREADABLE" });
  await assert.rejects(async () => openBatch(key, value.subarray(0, 30), none), { code: "SHARED_LOG_UNREADABLE" });
});
