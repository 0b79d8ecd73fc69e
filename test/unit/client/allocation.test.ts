import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND } from "./stage.ts";

const A = allocationId("a");
const B = allocationId("b");

describe("an allocation on its node", () => {
  test("runs, and its batch task ends well: the events a Nomad user knows, in their order", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", tasks: [{ Config: { run_for: 5 * SECOND } }] }));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    assert.equal(stage.told(A)?.ClientDescription, "Tasks are running");
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Started", "Terminated"]);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.equal(stage.told(A)?.ClientDescription, "All tasks have completed");
    const state = stage.told(A)?.TaskStates["main"];
    assert.equal(state?.State, "dead");
    assert.equal(state?.Failed, false);
    assert.equal(state?.Events.at(-1)?.DisplayMessage, "Exit Code: 0");
    assert.equal(stage.machine.processes.size, 0, "the driver's remains are gone");
    assert.equal(stage.machine.secrets.size, 0, "a dead task keeps no secrets");
    assert.equal(stage.machine.pipes.size, 0, "nobody reads for it any more");
    assert.equal(stage.machine.directories.size, 1, "its files can be read");
  });

  test("a driver that cannot start it fails it: Driver Failure, Not Restarting", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", tasks: [{ Config: { start_error: "no such command", hopeless: true } }] }));
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Driver Failure", "Not Restarting"]);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
    assert.equal(stage.told(A)?.ClientDescription, "Failed tasks");
    assert.equal(stage.told(A)?.TaskStates["main"]?.Events.at(-1)?.FailsTask, true);
  });

  test("an unknown key of config is refused with a suggestion, before anything is made", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { tasks: [{ Config: { runfor: 3 } as never }] }));
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Failed Validation", "Not Restarting"]);
    assert.match(stage.told(A)?.TaskStates["main"]?.Events[2]?.DisplayMessage ?? "", /"config.runfor".*did you mean "run_for"\?/);
    assert.deepEqual(stage.machine.everStarted, []);
  });

  test("a user the operator denies is refused, by name, by number and after interpolation", async () => {
    for (const User of ["root", "0", "${meta.who}"]) {
      const stage = createStage();
      await stage.agent({ settings: { userCheckedDrivers: ["mock"], meta: { who: "root" } } });
      stage.server.put(anAllocation("a", { tasks: [{ User }] }));
      await stage.clock.advance(SECOND);
      assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Failed Validation", "Not Restarting"], User);
    }
  });

  test("the leader's end stops the others: Leader Task Dead, Killing, Terminated, Killed", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(
      anAllocation("a", { type: "batch", tasks: [{ Name: "lead", Leader: true, Config: { run_for: SECOND } }, { Name: "side" }] }),
    );
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.events(A, "side"), ["Received", "Task Setup", "Started", "Leader Task Dead", "Killing", "Terminated", "Killed"]);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });

  test("a failed task takes its sibling with it, which itself has not failed", async () => {
    const stage = createStage();
    await stage.agent();
    const RestartPolicy = { Attempts: 0, Interval: 5 * NANOSECONDS, Delay: NANOSECONDS, Mode: "fail", RenderTemplates: false };
    stage.server.put(
      anAllocation("a", { tasks: [{ Name: "bad", RestartPolicy, Config: { run_for: SECOND, exit_code: 3 } }, { Name: "good" }] }),
    );
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.events(A, "good"), [
      "Received",
      "Task Setup",
      "Started",
      "Sibling Task Failed",
      "Killing",
      "Terminated",
      "Killed",
    ]);
    assert.deepEqual(stage.events(A, "bad"), ["Received", "Task Setup", "Started", "Terminated", "Not Restarting"]);
    assert.equal(stage.told(A)?.TaskStates["good"]?.Failed, false);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
  });

  test("stopped by the servers: signal, exit, complete; its ports' holder was dead before it said so", async () => {
    const stage = createStage();
    await stage.agent();
    const allocation = anAllocation("a", { tasks: [{ KillTimeout: 20 * NANOSECONDS, Config: { stubborn: true } }] });
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    stage.server.put({ ...allocation, DesiredStatus: "stop" });
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running", "it still holds on");
    const killing = stage.told(A)?.TaskStates["main"]?.Events.at(-1);
    assert.equal(killing?.DisplayMessage, "Sent interrupt. Waiting 20s before force killing");
    await stage.clock.advance(15 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"]);
  });

  test("kill_timeout is capped by the node's", async () => {
    const stage = createStage();
    await stage.agent({ settings: { maxKillTimeoutMs: 2 * SECOND } });
    const allocation = anAllocation("a", { tasks: [{ KillTimeout: 3600 * NANOSECONDS, Config: { stubborn: true } }] });
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    stage.server.put({ ...allocation, DesiredStatus: "stop" });
    await stage.clock.advance(3 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });

  test("shutdown_delay is waited for before the signal, and cut short when the operator says so", async () => {
    const stage = createStage();
    await stage.agent();
    const allocation = anAllocation("a", { tasks: [{ ShutdownDelay: 60 * NANOSECONDS, KillSignal: "SIGQUIT" }] });
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    stage.server.put({ ...allocation, DesiredStatus: "stop" });
    await stage.clock.advance(30 * SECOND);
    const [process] = [...stage.machine.processes.values()];
    assert.deepEqual(process?.signals, []);
    assert.ok(stage.events(A).includes("Waiting for shutdown delay"));
    stage.server.put({ ...allocation, DesiredStatus: "stop", DesiredTransition: { NoShutdownDelay: true } });
    await stage.clock.advance(SECOND);
    assert.deepEqual(process?.signals, ["SIGQUIT"]);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });

  test("an agent that restarts waits for the rest of a shutdown_delay, also of a task that was called back before", async () => {
    const stage = createStage();
    const first = await stage.agent();
    const allocation = anAllocation("a", { tasks: [{ ShutdownDelay: 60 * NANOSECONDS }] });
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    stage.server.put({ ...allocation, DesiredStatus: "stop" });
    await stage.clock.advance(40 * SECOND);
    first.kill();
    await stage.agent();
    await stage.clock.advance(15 * SECOND);
    const [process] = [...stage.machine.processes.values()];
    assert.deepEqual(process?.signals, []);
    await stage.clock.advance(6 * SECOND);
    assert.deepEqual(process?.signals, ["SIGINT"]);
    assert.equal(stage.events(A).filter((type) => type === "Waiting for shutdown delay").length, 1);
  });

  test("a crashing service is restarted by its policy, and fails with the policy's words", async () => {
    const stage = createStage();
    await stage.agent();
    const RestartPolicy = { Attempts: 2, Interval: 1800 * NANOSECONDS, Delay: 15 * NANOSECONDS, Mode: "fail", RenderTemplates: false };
    stage.server.put(anAllocation("a", { tasks: [{ RestartPolicy, Config: { run_for: SECOND, exit_code: 1 } }] }));
    await stage.clock.advance(60 * SECOND);
    const state = stage.told(A)?.TaskStates["main"];
    assert.equal(state?.Restarts, 2);
    assert.equal(state?.Failed, true);
    assert.equal(state?.Events.at(-1)?.DisplayMessage, 'Exceeded allowed attempts 2 in interval 30m0s and mode is "fail"');
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`, `${A}.main.1`, `${A}.main.2`]);
  });

  test("an OOM kill is failed and says so, though it looks like any 137 (F47)", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { tasks: [{ Config: { run_for: SECOND, oom: true } }] }));
    await stage.clock.advance(2 * SECOND);
    const event = stage.told(A)?.TaskStates["main"]?.Events.find((each) => each.Type === "Terminated");
    assert.equal(
      event?.DisplayMessage,
      'Exit Code: 137, Signal: 9, Exit Message: "OOM Killed: the task went over its memory limit of 32 MiB"',
    );
    assert.equal(event?.Details["oom_killed"], "true");
  });

  test("prestart, main, poststart and poststop run in their order, each as it may", async () => {
    const stage = createStage();
    await stage.agent();
    const hook = (Hook: string, Sidecar = false) => ({ Hook, Sidecar });
    const allocation = anAllocation("a", {
      type: "batch",
      tasks: [
        { Name: "after", Lifecycle: hook("poststop"), Config: { run_for: SECOND } },
        { Name: "main", Config: { run_for: 10 * SECOND } },
        { Name: "before", Lifecycle: hook("prestart"), Config: { run_for: SECOND } },
        { Name: "beside", Lifecycle: hook("prestart", true) },
        { Name: "post", Lifecycle: hook("poststart"), Config: { run_for: SECOND } },
      ],
    });
    stage.server.put(allocation);
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual(
      stage.machine.everStarted.map((id) => id.split(".")[1]),
      ["before", "beside", "main", "post", "after"],
    );
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.ok(stage.events(A, "beside").includes("Main Tasks Dead"));
  });

  test("waits until the allocation it replaces has ended here", async () => {
    const stage = createStage();
    await stage.agent();
    const old = anAllocation("a", { tasks: [{ KillTimeout: 10 * NANOSECONDS, Config: { stubborn: true } }] });
    stage.server.put(old);
    await stage.clock.advance(SECOND);
    stage.server.put({ ...old, DesiredStatus: "stop" }, anAllocation("b", { PreviousAllocation: A }));
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    await stage.clock.advance(6 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`, `${B}.main.0`]);
  });

  test("a full disk fails the allocation and says why", async () => {
    const stage = createStage();
    await stage.agent();
    stage.machine.diskFull = true;
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
    assert.match(stage.told(A)?.TaskStates["main"]?.Events.at(-1)?.DisplayMessage ?? "", /directory: ENOSPC/);
  });

  test("is restarted on request without counting; a task that does not run refuses", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    stage.server.put(anAllocation("a"), anAllocation("b", { type: "batch", tasks: [{ Config: { run_for: 0 } }] }));
    await stage.clock.advance(SECOND);
    await client.services.restartAllocation(A, "main", false);
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.events(A), ["Received", "Task Setup", "Started", "Restart Signaled", "Terminated", "Restarting", "Started"]);
    assert.equal(stage.told(A)?.TaskStates["main"]?.Restarts, 1);
    await assert.rejects(client.services.restartAllocation(B, "", false), /Task not running/);
    await assert.rejects(client.services.restartAllocation(A, "nobody", false), /unknown task name "nobody"/);
    await client.services.signalAllocation(A, "main", "SIGHUP");
    assert.deepEqual([...stage.machine.processes.values()].at(-1)?.signals, ["SIGHUP"]);
    await assert.rejects(client.services.signalAllocation(B, "main", "SIGHUP"), /Task not running/);
    await assert.rejects(client.services.signalAllocation(B, "", "SIGHUP"), /Task not running/, "all of none");
    assert.equal((await client.services.allocationUsage(A)).ResourceUsage.MemoryStats.RSS, 10);
  });

  test("status travels: the first running word at once, the rest in batches", async () => {
    const stage = createStage();
    await stage.agent();
    await stage.clock.advance(SECOND);
    const atMs = stage.clock.nowMs();
    stage.server.put(anAllocation("a"));
    await stage.clock.settle();
    await stage.clock.advance(1);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    assert.equal((stage.server.updates.at(-1)?.atMs ?? 0) - atMs, 0);
  });
});

describe("garbage", () => {
  test("goes when the servers forget the allocation, running or not", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a"), anAllocation("b", { type: "batch", tasks: [{ Config: { run_for: 0 } }] }));
    await stage.clock.advance(SECOND);
    stage.server.forget(A, B);
    await stage.clock.advance(SECOND);
    assert.equal(
      stage.machine.processes.size + stage.machine.directories.size + stage.machine.pipes.size + stage.memory.allocations.size,
      0,
    );
  });

  test("the oldest ended allocations go when there are too many; those that run stay", async () => {
    const stage = createStage();
    await stage.agent({
      settings: { garbage: { intervalMs: 60_000, diskUsagePercent: 80, inodeUsagePercent: 70, allocationsMax: 3, parallel: 2 } },
    });
    stage.server.put(anAllocation("f"));
    for (const letter of ["a", "b", "c", "d"]) {
      stage.server.put(anAllocation(letter, { type: "batch", tasks: [{ Config: { run_for: 0 } }] }));
      await stage.clock.advance(SECOND);
    }
    await stage.clock.advance(61 * SECOND);
    assert.deepEqual([...stage.machine.directories].map((each) => each.charAt(7)).toSorted(), ["c", "d", "f"]);
  });

  test("is collected on request, and a running allocation refuses", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    stage.server.put(anAllocation("a"), anAllocation("b", { type: "batch", tasks: [{ Config: { run_for: 0 } }] }));
    await stage.clock.advance(SECOND);
    await assert.rejects(client.services.collectAllocation(A), /still running/);
    await client.services.collectAll();
    assert.deepEqual([...stage.machine.directories], [`/alloc/${A}`]);
    // The servers still have it, ended: it does not come back (F9).
    stage.server.lose();
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.machine.everStarted.length, 2);
  });
});
