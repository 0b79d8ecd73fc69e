/** What the agent's log says of a disk that takes nothing any more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toldLog } from "../../../src/agent/told-log.ts";

test("A full disk is told once when it begins and once when it is over; whoever writes is refused each time", async () => {
  let full = false;
  const told: string[] = [];
  const log = toldLog(
    {
      append: async (_entries: readonly Uint8Array[]) =>
        full ? Promise.reject(new Error("Cannot append to log: database or disk is full")) : 7,
    },
    (level, message) => void told.push(`${level} ${message}`),
  );
  assert.equal(await log.append([]), 7);
  assert.deepEqual(told, []);
  full = true;
  await assert.rejects(log.append([]), /disk is full/);
  await assert.rejects(log.append([]), /disk is full/);
  assert.deepEqual(told, ["ERROR Cannot append to log: database or disk is full; nothing is changed until it can be written again"]);
  full = false;
  await log.append([]);
  await log.append([]);
  assert.deepEqual(told.slice(1), ["INFO the log on disk takes writes again"]);
});
