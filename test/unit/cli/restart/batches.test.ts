import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../../../src/cli/flags.ts";
import { batchSize, inBatches, ordinal, restartable, tasksToRestart } from "../../../../src/cli/restart/batches.ts";

for (const [text, count, size] of [
  ["1", 10, 1],
  ["3", 10, 3],
  ["99", 10, 99],
  ["25%", 10, 3],
  ["1%", 10, 1],
  ["100%", 10, 10],
  ["50%", 0, 1],
] as const) {
  test(`batchSize() of ${text} of ${count} is ${size}`, () => assert.equal(batchSize(text, count), size));
}

for (const text of ["0", "0%", "101%", "-1", "", "x", "1.5", "5 %"]) {
  test(`batchSize() refuses ${JSON.stringify(text)}`, () => assert.throws(() => batchSize(text, 10), UsageError));
}

test("ordinal() counts as people do", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111].map(ordinal).join(" "),
    "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 101st 111th",
  );
});

test("inBatches() leaves nobody out, changes no order, and no batch is larger than asked or empty", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 9 }), (all, size) => {
      const batches = inBatches(all, size);
      assert.deepEqual(batches.flat(), all);
      for (const batch of batches) assert.ok(batch.length > 0 && batch.length <= size);
    }),
  );
});

const allocation = (Name: string, of: object = {}) => ({
  ID: Name,
  Name,
  TaskGroup: "web",
  ClientStatus: "running",
  DesiredStatus: "run",
  TaskStates: { main: { State: "running" }, before: { State: "dead" } },
  ...of,
});
const ALL = { groups: [], tasks: [], anyTask: false } as const;

test("restartable() takes what runs and should, by name", () => {
  const all = [
    allocation("c"),
    allocation("a"),
    allocation("gone", { DesiredStatus: "stop" }),
    allocation("waits", { ClientStatus: "pending" }),
    allocation("other", { TaskGroup: "db" }),
  ];
  assert.deepEqual(
    restartable(all, ALL).map((each) => each.Name),
    ["a", "c", "other"],
  );
  assert.deepEqual(
    restartable(all, { ...ALL, groups: ["db"] }).map((each) => each.Name),
    ["other"],
  );
});

test("a task that has ended is restarted only when all are", () => {
  assert.deepEqual(restartable([allocation("a")], { ...ALL, tasks: ["before"] }), []);
  assert.deepEqual(tasksToRestart(allocation("a"), { tasks: ["before", "main"], anyTask: false }), ["main"]);
  assert.deepEqual(tasksToRestart(allocation("a"), { tasks: ["before"], anyTask: true }), ["before"]);
  assert.deepEqual(tasksToRestart(allocation("a", { TaskStates: null }), { tasks: ["main"], anyTask: true }), []);
});
