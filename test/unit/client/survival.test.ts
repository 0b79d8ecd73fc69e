import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientKillPoints } from "#client";
import type { Allocation, AllocationId } from "#model";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND, type Stage } from "./stage.ts";

const A = allocationId("a");
const B = allocationId("b");

/** What is left of anything. */
function remains(stage: Stage): unknown[] {
  return [
    ...stage.machine.processes.keys(),
    ...stage.machine.directories,
    ...stage.machine.secrets,
    ...stage.machine.pipes,
    ...stage.memory.allocations.keys(),
  ];
}

describe("an agent that is killed and started again", () => {
  test("finds a running task: same process, no new event, no restart", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    const before = stage.events(A);
    first.kill();
    await stage.clock.advance(60 * SECOND);
    await stage.agent();
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.events(A), before);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("collects the exit of a task that ended while nobody watched", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", tasks: [{ Config: { run_for: 10 * SECOND, exit_code: 7 } }] }));
    await stage.clock.advance(SECOND);
    first.kill();
    await stage.clock.advance(60 * SECOND);
    await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.TaskStates["main"]?.Events.find((event) => event.Type === "Terminated")?.ExitCode, 7);
  });

  test("hears that it was stopped meanwhile, and stops it (F9)", async () => {
    const stage = createStage();
    const first = await stage.agent();
    const allocation = anAllocation("a");
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    first.kill();
    stage.server.put({ ...allocation, DesiredStatus: "stop" });
    await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.equal(stage.machine.processes.size, 0);
    (await stage.agent()).kill();
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`], "it does not come back");
  });

  test("tells what it could not tell before", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a", { type: "batch", tasks: [{ Config: { run_for: 5 * SECOND } }] }));
    await stage.clock.advance(SECOND);
    stage.server.refuseUpdates = true;
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    first.kill();
    stage.server.refuseUpdates = false;
    await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    const told = stage.server.updates.length;
    const third = await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(stage.server.updates.length, told, "what was acknowledged is not told again");
    third.kill();
  });

  test("after a power loss nothing is believed: the task is run again by its policy, not called running (F46)", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.machine.reboot();
    await stage.agent();
    await stage.clock.advance(20 * SECOND);
    const state = stage.told(A)?.TaskStates["main"];
    assert.deepEqual(
      state?.Events.map((event) => event.Type),
      ["Received", "Task Setup", "Started", "Terminated", "Restarting", "Started"],
    );
    assert.match(state?.Events[3]?.DisplayMessage ?? "", /exit status unknown/);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`, `${A}.main.1`]);
  });

  test("that lost its memory adopts what runs and is wanted, and never starts a second copy", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"), anAllocation("b"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.memory.allocations.clear();
    stage.memory.facts.clear();
    stage.server.allocations.delete(B);
    await stage.agent();
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual([...stage.machine.processes.keys()], [`${A}.main.0`], "what nobody wants is gone");
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`, `${B}.main.0`]);
    assert.deepEqual([...stage.machine.directories], [`/alloc/${A}`]);
    assert.equal(stage.machine.soughtAt.get(`${A}.main.0`), `/pipes/${A}.main.stdout.fifo`, "its output goes on into its own pipes");
    assert.equal(stage.told(A)?.ClientStatus, "running");
    stage.server.put({ ...(stage.server.allocations.get(A) as Allocation), DesiredStatus: "stop" });
    await stage.clock.advance(SECOND);
    assert.equal(stage.machine.processes.size, 0);
  });

  test("that lost its memory ends a stranger that was stopped meanwhile, and does not call it running (F9)", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.memory.allocations.clear();
    stage.memory.facts.clear();
    stage.server.put({ ...(stage.server.allocations.get(A) as Allocation), DesiredStatus: "stop" });
    const toldBefore = stage.told(A);
    await stage.agent();
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.machine.processes.size, 0);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    assert.equal(toldBefore?.ClientStatus, "running");
    assert.notEqual(stage.told(A)?.ClientStatus, "running");
  });

  test("that lost its memory touches no stranger before the servers have spoken", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.memory.allocations.clear();
    stage.server.refuse = true;
    await stage.agent();
    await stage.clock.advance(600 * SECOND);
    assert.equal(stage.machine.processes.get(`${A}.main.0`)?.exit, undefined);
  });

  test("removes directories, pipes and processes nobody knows, once the whole set is known", async () => {
    const stage = createStage();
    stage.machine.directories.add(`/alloc/${B}`);
    stage.machine.directories.add("/alloc/of-the-operator");
    stage.machine.pipes.add(`${B}.main`);
    await stage.agent();
    await stage.clock.advance(SECOND);
    assert.deepEqual([...stage.machine.directories], ["/alloc/of-the-operator"]);
    assert.equal(stage.machine.pipes.size, 0);
  });

  test("closing without stopping leaves tasks alone; closing a dev agent leaves nothing", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    await first.client.close({ stopTasks: false });
    await stage.clock.advance(SECOND);
    assert.equal(stage.machine.processes.get(`${A}.main.0`)?.exit, undefined);
    const second = await stage.agent();
    await stage.clock.advance(SECOND);
    const closed = second.client.close({ stopTasks: true });
    // The servers place again what ended: not here any more.
    stage.server.put(anAllocation("b"));
    await stage.clock.advance(SECOND);
    await closed;
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    assert.deepEqual(remains(stage), []);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });
});

describe("kill -9 at every named point", () => {
  const points = clientKillPoints();

  test("there are points before and after every step of both pipelines", () => {
    assert.ok(points.length >= 30, `only ${points.length} points`);
    assert.equal(new Set(points).size, points.length, "each has a name of its own");
    for (const point of points) assert.match(point, /^(allocation|task)\.[a-z-]+\.(enter|exit|leave)\.(before|after)$/);
  });

  for (const point of points) test(`${point}: the right state after a restart, nothing twice, nothing left`, () => story({ dieAt: point }));
});

describe("an agent that is closed in good order at every named point", () => {
  for (const point of clientKillPoints()) test(`${point}: as if it had been killed`, () => story({ closeAt: point }));
});

/** Three allocations, an agent that goes somewhere in the middle, and another that takes over. */
async function story(how: { readonly dieAt?: string; readonly closeAt?: string }): Promise<void> {
  const stage = createStage();
  const first = await stage.agent(how);
  // A task that ends, fails once and is run again; one that is stopped after its delay; a replacement that waits.
  const RestartPolicy = { Attempts: 1, Interval: 600 * NANOSECONDS, Delay: 2 * NANOSECONDS, Mode: "fail", RenderTemplates: false };
  const crash = anAllocation("a", { type: "batch", tasks: [{ RestartPolicy, Config: { run_for: 2 * SECOND, exit_code: 9 } }] });
  const serve = anAllocation("b", { tasks: [{ ShutdownDelay: 3 * NANOSECONDS }, { Name: "lead", Leader: true }] });
  const next = anAllocation("c", { PreviousAllocation: B });
  stage.server.put(crash, serve, next);
  await stage.clock.advance(4 * SECOND);
  stage.server.put({ ...(stage.server.allocations.get(B) as Allocation), DesiredStatus: "stop" });
  await stage.clock.advance(10 * SECOND);
  if (!first.dead()) stage.server.forget(A, B, allocationId("c"));
  await stage.clock.advance(10 * SECOND);
  assert.ok(first.dead(), "the point was never reached: the story lacks something");

  await stage.agent();
  await stage.clock.advance(60 * SECOND);
  // `start` itself refuses an id that was started before (the stage asserts it); here: who runs now?
  const running = [...stage.machine.processes.values()]
    .filter((each) => each.exit === undefined)
    .map((each) => each.id.split(".").slice(0, 2).join("."));
  const wantsC = stage.server.allocations.has(allocationId("c"));
  assert.deepEqual(running, wantsC ? [`${allocationId("c")}.main`] : []);
  if (wantsC) {
    assert.equal(stage.told(A)?.ClientStatus, "failed");
    const codes = stage
      .told(A)
      ?.TaskStates["main"]?.Events.filter((event) => event.Type === "Terminated")
      .map((event) => event.ExitCode);
    assert.deepEqual(codes, [9, 9], "no exit code is lost");
    assert.equal(stage.told(A)?.TaskStates["main"]?.Restarts, 1);
    assert.equal(stage.told(B)?.ClientStatus, "complete");
    assert.equal(stage.told(allocationId("c"))?.ClientStatus, "running");
  }
  stage.server.forget(...([...stage.server.allocations.keys()] as AllocationId[]));
  await stage.clock.advance(30 * SECOND);
  assert.deepEqual(remains(stage), []);
}
