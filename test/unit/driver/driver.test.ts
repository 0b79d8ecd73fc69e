import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import Type from "typebox";
import { checkConfig, driverRegistry, parseTaskId, reattach, taskId } from "#driver";
import type { AllocationId } from "#model";
import type { Driver, TaskHandle, TaskId, TaskPlace } from "#ports";
import type { TaskMachine } from "#task";
import { testScale } from "../../scale.ts";

const schema = Type.Object({
  command: Type.String({ minLength: 1 }),
  args: Type.Array(Type.String(), { default: [] }),
  retries: Type.Integer({ default: 3, minimum: 0 }),
  tty: Type.Boolean({ default: false }),
  mode: Type.Union([Type.Literal("host"), Type.Literal("private")], { default: "private" }),
  labels: Type.Record(Type.String(), Type.String(), { default: {} }),
  auth: Type.Optional(Type.Object({ user: Type.String(), password: Type.String() })),
  adjust: Type.Union([Type.Integer(), Type.Null()], { default: null }),
});

describe("checkConfig()", () => {
  const defaults = { args: [], retries: 3, tty: false, mode: "private", labels: {}, adjust: null };
  const good: readonly [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["defaults are filled in", { command: "x" }, { command: "x" }],
    ["a number stands for text", { command: "x", args: ["-p", 80, true] }, { command: "x", args: ["-p", "80", "true"] }],
    ["text stands for a number", { command: "x", retries: "5" }, { command: "x", retries: 5 }],
    ["text stands for a truth", { command: "x", tty: "true" }, { command: "x", tty: true }],
    ["a block of one is a map", { command: "x", labels: [{ a: 1 }] }, { command: "x", labels: { a: "1" } }],
    ["a nested block", { command: "x", auth: [{ user: "u", password: "p" }] }, { command: "x", auth: { user: "u", password: "p" } }],
    ["one of several words", { command: "x", mode: "host" }, { command: "x", mode: "host" }],
    ["nothing given is the default", { command: "x", adjust: null }, { command: "x" }],
  ];
  for (const [name, given, expected] of good)
    test(name, () => assert.deepEqual(checkConfig("d", schema, given), { ...defaults, ...expected }));

  const bad: readonly [string, Record<string, unknown>, RegExp][] = [
    ["a slip", { comand: "x" }, /"config.comand".*did you mean "command"\?/],
    ["a stranger", { command: "x", colour: 1 }, /not an option of this driver; known are command, args/],
    ["something missing", {}, /"config.command".*is required/],
    ["something empty", { command: "" }, /must not be empty/],
    ["a map for text", { command: {} }, /is a map, must be text/],
    ["text for a list", { command: "x", args: "y" }, /"config.args".*must be a list/],
    ["words for a number", { command: "x", retries: "many" }, /is "many", must be a whole number/],
    ["a fraction", { command: "x", retries: 1.5 }, /must be a whole number/],
    ["too small", { command: "x", retries: -1 }, /must be at least 0/],
    ["an unknown word", { command: "x", mode: "bridge" }, /"config.mode"/],
    ["a slip inside a block", { command: "x", auth: { usr: "u", password: "p" } }, /"config.auth.usr".*did you mean "user"\?/],
  ];
  for (const [name, given, message] of bad)
    test(`refuses ${name}`, () => assert.throws(() => checkConfig("d", schema, given), { code: "TASK_CONFIG_INVALID", message }));
});

describe("task ids", () => {
  test("come apart as they were put together, whatever a task is called", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.string({ minLength: 1 }), fc.nat(), (id, task, attempt) => {
        const parts = { allocationId: id as AllocationId, task, attempt };
        assert.deepEqual(parseTaskId(taskId(parts)), parts);
      }),
      { numRuns: 300 * testScale() },
    );
  });
  for (const foreign of ["", "x", "a.b", "a.b.c", ".b.1"])
    test(`${JSON.stringify(foreign)} is none of ours`, () => assert.equal(parseTaskId(foreign), undefined));
});

test("an unknown driver is named, with the nearest", () => {
  const registry = driverRegistry([{ name: "raw_exec" } as Driver, { name: "exec" } as Driver]);
  assert.throws(() => registry.choose("rawexec"), {
    code: "DRIVER_UNKNOWN",
    message: /this node has raw_exec, exec; did you mean "raw_exec"\?/,
  });
});

test("a key every object inherits is no option of a driver", () => {
  assert.throws(() => checkConfig("raw_exec", Type.Object({}), { constructor: 1 }), { code: "TASK_CONFIG_INVALID" });
});

test("what becomes of a task after the agent was away: found, it is adopted; gone, it is started, unknown, or its end is known already", async () => {
  const handle = { id: "a.web.0" } as unknown as TaskHandle;
  const after = async (machine: Partial<TaskMachine>, found?: TaskHandle) => {
    const driver = { find: () => Promise.resolve(found) } as unknown as Driver;
    return (await reattach(driver, "a.web.0" as TaskId, {} as TaskPlace, machine as TaskMachine, 7)).what;
  };
  const exit = { exitCode: 0, signal: 0, oomKilled: false, error: "", finishedAt: 1 };
  for (const phase of ["entering", "running", "exiting"] as const)
    assert.equal(await after({ phase, started: true, exit: null }, handle), "adopt", phase);
  assert.equal(await after({ phase: "entering", started: false, exit: null }), "start");
  assert.equal(await after({ phase: "running", started: true, exit: null }), "unknown", "an end nobody saw");
  assert.equal(await after({ phase: "exiting", started: true, exit: null }), "unknown");
  assert.equal(await after({ phase: "exiting", started: false, exit: null }), "go-on", "it never ran, so nothing about it is unknown");
  assert.equal(await after({ phase: "exiting", started: true, exit }), "go-on", "its end was seen");
  assert.equal(await after({ phase: "dead", started: true, exit }, handle), "go-on", "a dead task is not looked for");
});
