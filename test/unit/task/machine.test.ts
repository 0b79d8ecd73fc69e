import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { TASK_EVENTS_MAX } from "#model";
import { newTaskMachine, stepTask, taskEvents, type StepFacts, type TaskInput, type TaskMachine, type TaskPhase } from "#task";
import { testScale } from "../../scale.ts";

const FACTS: StepFacts = {
  nowNs: 1_767_225_600e9,
  jitter: 0,
  memoryLimitMB: 32,
  killTimeoutNs: 5e9,
  rules: { attempts: 2, intervalNs: 1800e9, delayNs: 15e9, mode: "fail", onSuccess: true },
};
const EXIT = { exitCode: 1, signal: 0, oomKilled: false, error: "", finishedAt: 0 };
const KILL: TaskInput = { type: "kill", order: { because: null, reason: "" } };
const FAILURE: TaskInput = { type: "enter-failed", event: taskEvents.driverFailure(1, "no"), failure: { problem: "no", hopeless: false } };
const INPUTS: readonly TaskInput[] = [
  { type: "begin" },
  FAILURE,
  { type: "interrupted" },
  { type: "started" },
  { type: "ended", exit: EXIT },
  { type: "exited" },
  { type: "cooled" },
  { type: "left" },
  KILL,
  { type: "restart", reason: "asked" },
  { type: "restart", reason: "asked with the whole group", fromStart: true },
  { type: "unwell", reason: "its check failed" },
  { type: "revive", reason: "asked" },
  { type: "doom", event: taskEvents.setupFailure(1, "no") },
];

const run = (...inputs: TaskInput[]): TaskMachine => inputs.reduce((machine, input) => stepTask(machine, input, FACTS), newTaskMachine(1));

/** The picture in machine.ts, as a table. */
const ARROWS: Readonly<Record<TaskPhase, Partial<Record<TaskInput["type"], TaskPhase>>>> = {
  waiting: { begin: "entering", kill: "leaving", doom: "leaving" },
  entering: { started: "running", "enter-failed": "exiting", interrupted: "exiting" },
  running: { ended: "exiting", kill: "exiting", restart: "exiting", unwell: "exiting" },
  exiting: { exited: "cooling" },
  cooling: { cooled: "entering", kill: "leaving" },
  leaving: { left: "dead" },
  dead: { revive: "waiting" },
};
const AT: Readonly<Record<TaskPhase, TaskMachine>> = {
  waiting: run(),
  entering: run({ type: "begin" }),
  running: run({ type: "begin" }, { type: "started" }),
  exiting: run({ type: "begin" }, { type: "started" }, { type: "ended", exit: EXIT }),
  cooling: run({ type: "begin" }, { type: "started" }, { type: "ended", exit: EXIT }, { type: "exited" }),
  leaving: run(KILL),
  dead: run(KILL, { type: "left" }),
};

describe("the machine of a task", () => {
  test("that its check restarted once is well in its next life: an end that is one is no failure", () => {
    const batch: StepFacts = { ...FACTS, rules: { ...FACTS.rules, onSuccess: false } };
    const well: TaskInput[] = [{ type: "ended", exit: { ...EXIT, exitCode: 0 } }, { type: "exited" }];
    const inputs: TaskInput[] = [
      { type: "begin" },
      { type: "started" },
      { type: "unwell", reason: "its check failed" },
      ...well,
      { type: "cooled" },
      { type: "started" },
      ...well,
    ];
    const { phase, state } = inputs.reduce((machine, input) => stepTask(machine, input, batch), newTaskMachine(1));
    assert.deepEqual([phase, state.Failed, state.Restarts], ["leaving", false, 1]);
  });

  for (const [phase, machine] of Object.entries(AT)) {
    for (const input of INPUTS) {
      const to = ARROWS[phase as TaskPhase][input.type] ?? (phase as TaskPhase);
      test(`${phase} + ${input.type}${"fromStart" in input ? " with its group" : ""} → ${to}`, () => {
        assert.equal(machine.phase, phase);
        assert.equal(stepTask(machine, input, FACTS).phase, to);
      });
    }
  }

  test("killed while it was being started: it is announced, then stopped, and not restarted", () => {
    const machine = run({ type: "begin" }, KILL, { type: "started" });
    assert.equal(machine.phase, "exiting");
    const after = [{ type: "ended", exit: EXIT }, { type: "exited" }, { type: "left" }].reduce(
      (each, input) => stepTask(each, input as TaskInput, FACTS),
      machine,
    );
    assert.deepEqual(
      after.state.Events.map((event) => event.Type),
      ["Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"],
    );
    assert.equal(after.state.Failed, false);
  });

  test("a kill in the middle of a restart somebody asked for wins", () => {
    const machine = run(
      { type: "begin" },
      { type: "started" },
      { type: "restart", reason: "asked" },
      KILL,
      { type: "ended", exit: EXIT },
      { type: "exited" },
    );
    assert.equal(machine.phase, "leaving");
  });

  test("one that is not well is restarted as a failure, however it ends, until its policy gives up", () => {
    const unwell: TaskInput[] = [
      { type: "unwell", reason: "its check failed" },
      { type: "ended", exit: { ...EXIT, exitCode: 0 } },
      { type: "exited" },
    ];
    const again: TaskInput[] = [{ type: "cooled" }, { type: "started" }];
    const batch = { ...FACTS, rules: { ...FACTS.rules, onSuccess: false } };
    const from = (machine: TaskMachine, inputs: readonly TaskInput[]) =>
      inputs.reduce((each, input) => stepTask(each, input, batch), machine);
    const first = from(newTaskMachine(1), [{ type: "begin" }, { type: "started" }, ...unwell]);
    assert.deepEqual([first.phase, first.count.count, first.coolUntil], ["cooling", 1, FACTS.nowNs + 15e9]);
    assert.equal(
      from(first, [...again, { type: "ended", exit: { ...EXIT, exitCode: 0 } }, { type: "exited" }]).state.Failed,
      false,
      "the next life is its own",
    );
    const last = from(first, [...again, ...unwell, ...again, ...unwell]);
    assert.deepEqual([last.phase, last.state.Failed], ["leaving", true]);
  });

  test("restarted with its whole group it waits for its turn, and has not been started for those who wait for it", () => {
    const machine = run(
      { type: "begin" },
      { type: "started" },
      { type: "restart", reason: "asked", fromStart: true },
      { type: "ended", exit: EXIT },
      { type: "exited" },
    );
    assert.deepEqual([machine.phase, machine.attempt, machine.state.State, machine.state.StartedAt], ["waiting", 1, "pending", null]);
    assert.equal(stepTask(machine, { type: "begin" }, FACTS).phase, "entering");
  });

  test("laws that hold after any inputs in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...INPUTS), { maxLength: 60 }), (inputs) => {
        let machine = newTaskMachine(1);
        const startedAttempts = new Set<number>();
        for (const input of inputs) {
          const next = stepTask(machine, input, FACTS);
          assert.ok(next.attempt >= machine.attempt && next.attempt <= machine.attempt + 1, "attempts only grow, one at a time");
          if (next.attempt > machine.attempt)
            assert.ok(["entering", "waiting"].includes(next.phase), "a new attempt is stored before it starts");
          if (next.started && !machine.started) {
            assert.ok(!startedAttempts.has(next.attempt), "one attempt is started once");
            startedAttempts.add(next.attempt);
          }
          if (next.exit !== null) assert.ok(next.started, "what ended was started");
          if (next.phase === "dead") assert.equal(next.state.State, "dead");
          if (next.phase === "running") assert.equal(next.state.State, "running");
          assert.ok(next.state.Events.length <= TASK_EVENTS_MAX);
          assert.deepEqual(next, JSON.parse(JSON.stringify(next)), "it survives being stored");
          machine = next;
        }
      }),
      { numRuns: 500 * testScale() },
    );
  });
});
