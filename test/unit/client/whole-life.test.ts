/** max_run_duration, restarts of whole groups, data taken over, nodes that are alone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientKillPoints } from "#client";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND, type Stage } from "./stage.ts";

const A = allocationId("a");
const B = allocationId("b");
const hook = (Hook: string, Sidecar = false) => ({ Hook, Sidecar });

describe("max_run_duration", () => {
  const group = (seconds: number) => ({ MaxRunDuration: seconds * NANOSECONDS });

  test("ends the allocation as complete with its description, and without poststop", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(
      anAllocation("a", {
        type: "batch",
        group: group(30),
        tasks: [{}, { Name: "after", Lifecycle: hook("poststop"), Config: { run_for: 1 } }],
      }),
    );
    await stage.clock.advance(29 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.equal(stage.told(A)?.ClientDescription, "allocation exceeded max_run_duration");
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`], "poststop never ran");
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"]);
    assert.equal(stage.told(A)?.TaskStates["main"]?.Failed, false);
  });

  test("says nothing of a job that ends earlier; one that failed stays failed", async () => {
    const stage = createStage();
    await stage.agent();
    const RestartPolicy = { Attempts: 0, Interval: 5 * NANOSECONDS, Delay: NANOSECONDS, Mode: "fail", RenderTemplates: false };
    stage.server.put(
      anAllocation("a", { type: "batch", group: group(30), tasks: [{ Config: { run_for: 5 * SECOND } }] }),
      anAllocation("b", { type: "batch", group: group(30), tasks: [{ RestartPolicy, Config: { run_for: 5 * SECOND, exit_code: 1 } }] }),
    );
    await stage.clock.advance(60 * SECOND);
    assert.equal(stage.told(A)?.ClientDescription, "All tasks have completed");
    assert.equal(stage.told(B)?.ClientStatus, "failed");
  });

  test("may be changed in place, longer and shorter", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", group: group(30) }));
    await stage.clock.advance(20 * SECOND);
    stage.server.put(anAllocation("a", { type: "batch", group: group(100) }));
    await stage.clock.advance(60 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    stage.server.put(anAllocation("a", { type: "batch", group: group(50) }));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });

  test("counts on while the agent is away, and what it decided is not forgotten", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", group: group(30), tasks: [{ Config: { stubborn: true } }] }));
    await stage.clock.advance(10 * SECOND);
    first.kill();
    await stage.clock.advance(60 * SECOND);
    const second = await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(stage.events(A).at(-1), "Killing");
    second.kill();
    await stage.agent();
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.told(A)?.ClientDescription, "allocation exceeded max_run_duration");
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
  });
});

describe("max_run_duration while nothing happens", () => {
  const RestartPolicy = { Attempts: 9, Interval: 9000 * NANOSECONDS, Delay: 1000 * NANOSECONDS, Mode: "fail", RenderTemplates: false };
  const waits = () =>
    anAllocation("a", {
      type: "batch",
      group: { MaxRunDuration: 30 * NANOSECONDS },
      tasks: [{ RestartPolicy, Config: { run_for: SECOND, exit_code: 1 } }],
    });

  test("is kept by an agent that came back, and found no server, while a task waits to be restarted", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(waits());
    await stage.clock.advance(10 * SECOND);
    first.kill();
    stage.server.refuse = true;
    await stage.agent();
    await stage.clock.advance(25 * SECOND);
    stage.server.refuse = false;
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.told(A)?.ClientDescription, "allocation exceeded max_run_duration");
    const killed = stage.told(A)?.TaskStates["main"]?.Events.find((event) => event.Type === "Killed");
    assert.equal(Math.round(((killed?.Time ?? 0) / 1e6 - Date.UTC(2026, 0, 1)) / SECOND), 30, "when it was due");
    assert.equal(stage.machine.everStarted.length, 1);
  });

  test("does not end what an older agent began, whose beginning nobody kept", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", group: { MaxRunDuration: 30 * NANOSECONDS } }));
    await stage.clock.advance(10 * SECOND);
    first.kill();
    const row = stage.memory.allocations.get(A);
    assert.ok(row?.progress !== undefined);
    stage.memory.allocations.set(A, { ...row, progress: row.progress.replace(/"begunAt":\d+,/, "") });
    assert.notEqual(stage.memory.allocations.get(A)?.progress, row.progress);
    await stage.agent();
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    assert.equal(stage.machine.processes.size, 1);
  });
});

describe("a restart of all tasks", () => {
  test("goes through the whole life again: prestart ends before main begins", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    stage.server.put(
      anAllocation("a", { tasks: [{ Name: "before", Lifecycle: hook("prestart"), Config: { run_for: 5 * SECOND } }, { Name: "main" }] }),
    );
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.before.0`, `${A}.main.0`]);
    await client.services.restartAllocation(A, "", true);
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(stage.machine.everStarted.slice(2), [`${A}.before.1`], "main waits for it");
    assert.equal(stage.machine.processes.has(`${A}.main.0`), false);
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(stage.machine.everStarted.slice(2), [`${A}.before.1`, `${A}.main.1`]);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("without all tasks only those that run are restarted, each at once", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    stage.server.put(
      anAllocation("a", { tasks: [{ Name: "before", Lifecycle: hook("prestart"), Config: { run_for: SECOND } }, { Name: "main" }] }),
    );
    await stage.clock.advance(5 * SECOND);
    await client.services.restartAllocation(A, "", false);
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.machine.everStarted.slice(2), [`${A}.main.1`]);
  });

  test("reaches a task whose end is still being said: it runs again, in whatever turn it is called back", async () => {
    for (let turns = 0; turns < 16; turns++) {
      const stage = createStage();
      const { client } = await stage.agent();
      const tasks = [{ Name: "main" }, { Name: "after", Lifecycle: hook("poststart"), Config: { run_for: SECOND } }];
      stage.server.put(anAllocation("a", { tasks }));
      await stage.clock.advance(SECOND / 2);
      const restarted = whenWritten(stage, /"after":\{"machine":\{[^}]*"phase":"dead"/, async () => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        await client.services.restartAllocation(A, "", true);
      });
      await stage.clock.advance(5 * SECOND);
      await restarted;
      await stage.clock.advance(5 * SECOND);
      assert.ok(stage.machine.everStarted.includes(`${A}.after.1`), `${turns} turns after its end: ${stage.machine.everStarted.join(" ")}`);
    }
  });

  test("a failed or ending allocation is not called back (F9)", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    const RestartPolicy = { Attempts: 0, Interval: 5 * NANOSECONDS, Delay: NANOSECONDS, Mode: "fail", RenderTemplates: false };
    stage.server.put(
      anAllocation("a", {
        tasks: [
          { Name: "bad", RestartPolicy, Config: { run_for: SECOND, exit_code: 1 } },
          { Name: "slow", KillTimeout: 20 * NANOSECONDS, Config: { stubborn: true } },
        ],
      }),
    );
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.events(A, "slow").at(-1), "Killing");
    await assert.rejects(client.services.restartAllocation(A, "", true), /Task not running/);
    await stage.clock.advance(60 * SECOND);
    await assert.rejects(client.services.restartAllocation(A, "", true), /Task not running/);
    await assert.rejects(client.services.restartAllocation(A, "bad", false), /Task not running/);
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.machine.everStarted.length, 2);
    assert.equal(stage.machine.processes.size, 0);
  });
});

describe("sticky data", () => {
  const sticky = { EphemeralDisk: { Sticky: true, Migrate: false, SizeMB: 10 } };

  test("moves to the next allocation when the one before has ended", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { group: sticky, tasks: [{ KillTimeout: 8 * NANOSECONDS, Config: { stubborn: true } }] }));
    await stage.clock.advance(SECOND);
    stage.server.put(
      {
        ...anAllocation("a", { group: sticky, tasks: [{ KillTimeout: 8 * NANOSECONDS, Config: { stubborn: true } }] }),
        DesiredStatus: "stop",
      },
      anAllocation("b", { group: sticky, PreviousAllocation: A }),
    );
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.machine.moved, [], "the one before still runs");
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(stage.machine.moved, [`/alloc/${A} → /alloc/${B}`]);
    assert.equal(stage.told(B)?.ClientStatus, "running");
  });

  test("a failed move is said, and the new one begins empty", async () => {
    const stage = createStage();
    await stage.agent();
    stage.machine.moveFails = true;
    stage.server.put(anAllocation("b", { group: sticky, PreviousAllocation: A }));
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.events(B), ["Received", "Task hook failed", "Task Setup", "Started"]);
    assert.match(stage.told(B)?.TaskStates["main"]?.Events[1]?.DisplayMessage ?? "", /begins with an empty disk.*EIO/);
  });

  test("nothing moves for a group that did not ask", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("b", { PreviousAllocation: A }));
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.machine.moved, []);
  });

  test("the move, the payload and the devices have kill points", () => {
    for (const step of ["allocation.take-over", "task.payload", "task.devices"])
      assert.ok(clientKillPoints().includes(`${step}.enter.before`), step);
  });
});

describe("a node that hears of no server", () => {
  const alone = { Disconnect: { LostAfter: null, StopOnClientAfter: 60 * NANOSECONDS, Replace: null, Reconcile: "" } };

  test("stops what asked for it when the time is over, nothing else, and says so when it is back", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { group: alone }), anAllocation("b"));
    await stage.clock.advance(20 * SECOND);
    stage.server.refuse = true;
    stage.server.lose();
    await stage.clock.advance(45 * SECOND);
    assert.equal(stage.machine.processes.size, 2);
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual([...stage.machine.processes.keys()], [`${B}.main.0`]);
    stage.server.refuse = false;
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.equal(stage.told(B)?.ClientStatus, "running");
  });

  test("with a server there it lives for ever", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { group: alone }));
    await stage.clock.advance(3600 * SECOND);
    assert.equal(stage.machine.processes.size, 1);
  });

  test("an agent that was away counts from when a server was last heard, after a moment to find one", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { group: alone }));
    await stage.clock.advance(20 * SECOND);
    first.kill();
    stage.server.refuse = true;
    await stage.clock.advance(600 * SECOND);
    await stage.agent();
    await stage.clock.advance(20 * SECOND);
    assert.equal(stage.machine.processes.size, 1);
    await stage.clock.advance(20 * SECOND);
    assert.equal(stage.machine.processes.size, 0);
  });

  test("an agent that was away gives a short limit no longer than itself to find a server", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { group: { Disconnect: { ...alone.Disconnect, StopOnClientAfter: 5 * NANOSECONDS } } }));
    await stage.clock.advance(3 * SECOND);
    first.kill();
    stage.server.refuse = true;
    await stage.clock.advance(600 * SECOND);
    await stage.agent();
    await stage.clock.advance(4 * SECOND);
    assert.equal(stage.machine.processes.size, 1);
    await stage.clock.advance(2 * SECOND);
    assert.equal(stage.machine.processes.size, 0);
  });

  test("what the servers took for unknown is told again when the node is back (F8)", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(5 * SECOND);
    stage.server.refuse = true;
    stage.server.lose();
    await stage.clock.advance(60 * SECOND);
    const known = stage.server.allocations.get(A);
    assert.ok(known !== undefined);
    stage.server.allocations.set(A, { ...known, ClientStatus: "unknown" });
    const told = stage.server.updates.length;
    stage.server.refuse = false;
    await stage.clock.advance(30 * SECOND);
    assert.ok(stage.server.updates.slice(told).some(({ update }) => update.ID === A && update.ClientStatus === "running"));
  });
});

/** `act` begins in the turn in which the node's memory of allocation A first says so. */
function whenWritten(stage: Stage, wanted: RegExp, act: () => Promise<void>): Promise<void> {
  const row = stage.memory.allocations.get(A);
  assert.ok(row !== undefined);
  const acted = Promise.withResolvers<void>();
  let progress = row.progress;
  let isDone = false;
  Object.defineProperty(row, "progress", {
    get: () => progress,
    set(text: string) {
      progress = text;
      if (isDone || !wanted.test(text)) return;
      isDone = true;
      act().then(acted.resolve, acted.reject);
    },
  });
  return acted.promise;
}
