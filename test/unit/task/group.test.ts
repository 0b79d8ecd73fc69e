import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TaskState } from "#model";
import { groupWishes, rollUp, stopOrder, taskEvents, type GroupMember } from "#task";
import { aTask } from "../scheduler/nouns.ts";

function state(word: string): TaskState {
  const [State, how] = word.split(" ") as [TaskState["State"], string | undefined];
  const ran = State !== "pending" && how !== "unborn";
  return {
    State,
    Failed: how === "failed",
    Restarts: 0,
    LastRestart: null,
    StartedAt: ran ? "2026-01-01T00:00:00Z" : null,
    FinishedAt: null,
    Events: [],
  };
}
/** `name:role[!]` → state; `!` leads; "pending" waits. */
function members(shape: Readonly<Record<string, string>>): GroupMember[] {
  return Object.entries(shape).map(([key, word]) => {
    const [Name, role] = key.replace("!", "").split(":") as [string, string];
    const Lifecycle = role === "main" ? null : { Hook: role === "sidecar" ? "prestart" : role, Sidecar: role === "sidecar" };
    return { task: aTask({ Name, Lifecycle, Leader: key.endsWith("!") }), state: state(word), waiting: word === "pending" };
  });
}

describe("groupWishes()", () => {
  const table: readonly [string, Record<string, string>, boolean, { begin?: string[]; forgo?: string[]; stop?: string[] }][] = [
    ["main tasks begin together", { "a:main": "pending", "b:main": "pending" }, false, { begin: ["a", "b"] }],
    ["main waits for an ephemeral prestart", { "p:prestart": "running", "a:main": "pending" }, false, {}],
    ["prestart is done", { "p:prestart": "dead", "a:main": "pending" }, false, { begin: ["a"] }],
    ["prestart failed", { "p:prestart": "dead failed", "a:main": "pending" }, false, { forgo: ["a"] }],
    ["a sidecar need only run", { "s:sidecar": "running", "a:main": "pending" }, false, { begin: ["a"] }],
    ["poststart waits for main", { "a:main": "pending", "p:poststart": "pending" }, false, { begin: ["a"] }],
    ["poststart begins", { "a:main": "running", "p:poststart": "pending" }, false, { begin: ["p"] }],
    ["poststop waits", { "a:main": "running", "z:poststop": "pending" }, false, {}],
    ["poststop begins", { "a:main": "dead", "z:poststop": "pending" }, false, { begin: ["z"] }],
    ["poststop begins after a kill too", { "a:main": "dead", "z:poststop": "pending" }, true, { begin: ["z"] }],
    ["poststop is forgone when no main task ever ran", { "a:main": "dead unborn", "z:poststop": "pending" }, true, { forgo: ["z"] }],
    ["a failed task stops its sibling", { "a:main": "dead failed", "b:main": "running" }, false, { stop: ["b sibling"] }],
    ["a failed poststop stops nobody", { "a:main": "dead", "z:poststop": "dead failed" }, false, {}],
    [
      "a dead leader stops the rest",
      { "a:main!": "dead", "b:main": "running", "s:sidecar": "running" },
      false,
      { stop: ["b leader", "s leader"] },
    ],
    ["a dead follower stops nobody", { "a:main!": "running", "b:main": "dead" }, false, {}],
    ["only sidecars are left", { "a:main": "dead", "s:sidecar": "running" }, false, { stop: ["s main"] }],
    ["nothing begins once killed", { "a:main": "pending", "p:poststart": "pending" }, true, { forgo: ["a", "p"] }],
  ];
  for (const [name, shape, killed, expected] of table) {
    test(name, () => {
      const wishes = groupWishes(members(shape), killed);
      const stop = wishes.stop.map((each) => `${each.task} ${each.cause.what}`);
      assert.deepEqual({ begin: wishes.begin, forgo: wishes.forgo, stop }, { begin: [], forgo: [], stop: [], ...expected });
    });
  }
});

test("stopOrder(): the leader alone, the others together, sidecars last, poststop never", () => {
  const tasks = members({ "s:sidecar": "running", "a:main": "running", "l:main!": "running", "z:poststop": "pending" }).map(
    (each) => each.task,
  );
  assert.deepEqual(stopOrder(tasks), [["l"], ["a"], ["s"]]);
});

describe("rollUp()", () => {
  const table: readonly [string[], string, string][] = [
    [["pending"], "pending", "No tasks have started"],
    [["running", "pending"], "running", "Tasks are running"],
    [["dead", "running"], "running", "Tasks are running"],
    [["dead failed", "running"], "failed", "Failed tasks"],
    [["dead", "dead"], "complete", "All tasks have completed"],
    [["dead", "pending"], "pending", "No tasks have started"],
    [[], "pending", "No tasks have started"],
  ];
  for (const [states, ClientStatus, ClientDescription] of table) {
    test(`${states.join(" + ") || "nothing"} → ${ClientStatus}`, () => {
      assert.deepEqual(rollUp(Object.fromEntries(states.map((word, index) => [String(index), state(word)]))), {
        ClientStatus,
        ClientDescription,
      });
    });
  }
});

describe("what a task says", () => {
  const exit = { exitCode: 0, signal: 0, oomKilled: false, error: "", finishedAt: 0 };
  const table: readonly [string, { DisplayMessage: string }, string][] = [
    ["received", taskEvents.received(1), "Task received by client"],
    ["setup", taskEvents.taskSetup(1), "Building Task Directory"],
    ["started", taskEvents.started(1), "Task started by client"],
    ["ended", taskEvents.terminated(1, exit, 1), "Exit Code: 0"],
    ["ended by a signal", taskEvents.terminated(1, { ...exit, exitCode: 137, signal: 9 }, 1), "Exit Code: 137, Signal: 9"],
    [
      "ended unseen",
      taskEvents.terminated(1, { ...exit, error: "exit status unknown: gone" }, 1),
      'Exit Code: 0, Exit Message: "exit status unknown: gone"',
    ],
    ["restarting", taskEvents.restarting(1, "Restart within policy", 15.2e9), "Task restarting in 15.2s"],
    ["restarting for a reason", taskEvents.restarting(1, "why", 0), "why - Task restarting in 0s"],
    ["not restarting", taskEvents.notRestarting(1, ""), "Task exceeded restart policy"],
    ["killing", taskEvents.killing(1, 5e9, ""), "Sent interrupt. Waiting 5s before force killing"],
    ["killed", taskEvents.killed(1), "Task successfully killed"],
    ["sibling", taskEvents.siblingFailed(1, "web"), `Task's sibling "web" failed`],
    ["leader", taskEvents.leaderDead(1), "Leader Task in Group dead"],
    ["delay", taskEvents.waitingForShutdownDelay(1, 5e9), "Waiting for shutdown_delay of 5s before killing the task."],
    ["signal", taskEvents.signaling(1, "SIGHUP"), "Task being sent signal SIGHUP"],
  ];
  for (const [name, event, text] of table) test(name, () => assert.equal(event.DisplayMessage, text));

  test("an end nobody saw and an OOM kill are no success, even with code 0", () => {
    assert.ok(taskEvents.succeeded(exit));
    assert.ok(!taskEvents.succeeded({ ...exit, error: "unknown" }));
    assert.ok(!taskEvents.succeeded({ ...exit, oomKilled: true }));
  });
});
