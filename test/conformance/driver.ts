/** What every maker of ports/driver has to keep. One suite; a maker says how it is opened and how it is told to behave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Driver, TaskPlace, TaskStart } from "#ports";
import { execConformance, type ExecCommands } from "./driver-exec.ts";
import { limitsConformance } from "./driver-limits.ts";

export interface DriverWorld {
  /** Again: the driver of the next agent on the same machine. */
  open(): Driver;
  readonly place: TaskPlace;
  /** Names of everything that is on the machine because of the driver: processes, groups, mounts, files outside the task's directory. */
  left(): Promise<readonly string[]>;
  /** The task started last has come so far that it behaves as its config says. */
  settled(): Promise<void>;
  remove(): Promise<void>;
}

export interface DriverMaker {
  readonly name: string;
  world(): Promise<DriverWorld>;
  /** `runs` and `stubborn` go on until they are ended, and let `settled` know. */
  readonly configs: {
    readonly exits: (code: number) => Record<string, unknown>;
    readonly runs: Record<string, unknown>;
    /** Goes on after the kill signal. */
    readonly stubborn: Record<string, unknown>;
    readonly impossible: Record<string, unknown>;
  };
  readonly commands: ExecCommands;
  /** Takes memory without end; undefined: it limits nothing. */
  readonly eats?: Record<string, unknown>;
}

export function taskStart(
  world: Pick<DriverWorld, "place">,
  id: string,
  config: Record<string, unknown>,
  more: Partial<TaskStart> = {},
): TaskStart {
  return {
    id,
    allocationId: "11111111-2222-3333-4444-555555555555",
    task: "web",
    place: world.place,
    config,
    environment: { PATH: "/usr/bin:/bin", NOMAD_ALLOC_ID: `alloc-${id}-${process.pid}`, NOMAD_TASK_NAME: "web" },
    user: "",
    cpuMHz: 100,
    memoryMB: 64,
    memoryMaxMB: 0,
    cpuShare: 0.1,
    cores: [],
    chroot: {},
    ...more,
  };
}

const ID = "11111111-2222-3333-4444-555555555555.web.0";

export function driverConformance(maker: DriverMaker): void {
  const check = (sentence: string, body: (world: DriverWorld) => Promise<void>) =>
    test(`${maker.name}: ${sentence}`, { timeout: 60_000 }, async () => {
      const world = await maker.world();
      try {
        await body(world);
        const driver = world.open();
        for (const id of await driver.list()) await driver.sweep(id);
        assert.deepEqual(await world.left(), [], "nothing is left after all ids are swept");
      } finally {
        const driver = world.open();
        for (const id of await driver.list()) await driver.sweep(id);
        await world.remove();
      }
    });

  check("is detected here", async (world) => {
    const info = await world.open().fingerprint();
    assert.equal(info.Detected && info.Healthy, true, info.HealthDescription);
  });

  for (const code of [0, 7, 137]) {
    check(`a task that exits with ${code} is told so, also later and again`, async (world) => {
      const driver = world.open();
      const handle = await driver.start(taskStart(world, ID, maker.configs.exits(code)));
      const exit = await driver.wait(handle, world.place);
      assert.deepEqual([exit.exitCode, exit.oomKilled, exit.error], [code, false, ""]);
      assert.ok(exit.finishedAt >= handle.startedAt);
      assert.deepEqual(await world.open().wait(handle, world.place), exit);
    });
  }

  check("an id is started once", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.runs));
    await assert.rejects(driver.start(taskStart(world, ID, maker.configs.runs)), { code: "DRIVER_TASK_EXISTS" });
    assert.deepEqual(await driver.find(ID, world.place), handle, "the first is unharmed");
  });

  check("the next agent finds the task, waits for it and stops it", async (world) => {
    const handle = await world.open().start(taskStart(world, ID, maker.configs.runs));
    await world.settled();
    const next = world.open();
    assert.deepEqual(await next.find(ID, world.place), handle);
    const waiting = next.wait(handle, world.place);
    await next.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 300 });
    const exit = await waiting;
    assert.equal(exit.error, "");
    assert.deepEqual(await next.find(ID, world.place), handle, "what has ended is found until it is destroyed");
  });

  check("find answers undefined for what does not exist", async (world) => {
    assert.equal(await world.open().find(ID, world.place), undefined);
  });

  check("a stubborn task is killed when its time is over", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.stubborn));
    await world.settled();
    const before = performance.now();
    await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 300 });
    assert.ok(performance.now() - before < 5000);
    const exit = await driver.wait(handle, world.place);
    assert.deepEqual([exit.exitCode, exit.signal], [137, 9]);
  });

  check("stop and destroy may be repeated, also on what has ended", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.exits(0)));
    await driver.wait(handle, world.place);
    for (let again = 0; again < 2; again++) await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 300 });
    for (let again = 0; again < 2; again++) await driver.destroy(handle, world.place);
    await driver.stop(handle, world.place, { signal: "SIGTERM", timeoutMs: 300 });
    assert.deepEqual(await world.left(), []);
    assert.equal(await driver.find(ID, world.place), undefined);
    assert.equal((await driver.wait(handle, world.place)).error.startsWith("exit status unknown"), true);
  });

  check("destroying a running task ends it", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.runs));
    await driver.destroy(handle, world.place);
    assert.deepEqual(await world.left(), []);
  });

  check("list names every task, sweep removes one by its id alone", async (world) => {
    const driver = world.open();
    const other = `${ID}0`;
    const handle = await driver.start(taskStart(world, ID, maker.configs.runs));
    await driver.start(taskStart(world, other, maker.configs.runs, { task: "other" }));
    assert.deepEqual((await world.open().list()).toSorted(), [ID, other].toSorted());
    await world.open().sweep(other);
    await world.open().sweep("no such task");
    assert.deepEqual(await driver.list(), [ID]);
    assert.deepEqual(await driver.find(ID, world.place), handle, "the other is unharmed");
  });

  check("a signal reaches a running task only", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.exits(0)));
    await driver.wait(handle, world.place);
    await assert.rejects(driver.signal(handle, "SIGTERM"), { code: "DRIVER_TASK_NOT_RUNNING" });
  });

  check("a start that fails leaves nothing", async (world) => {
    const driver = world.open();
    await assert.rejects(
      driver.start(taskStart(world, ID, maker.configs.impossible)),
      (error: Error & { code?: string }) => error.code?.startsWith("DRIVER_") === true,
    );
    assert.deepEqual(await driver.list(), []);
    assert.deepEqual(await world.left(), []);
  });

  execConformance(check, maker.configs.runs, maker.configs.exits(0), maker.commands);
  if (maker.eats !== undefined) limitsConformance(check, { eats: maker.eats, runs: maker.configs.runs });

  check("usage is told while it runs", async (world) => {
    const driver = world.open();
    const handle = await driver.start(taskStart(world, ID, maker.configs.runs));
    await sleep(50);
    const usage = await driver.usage(handle);
    assert.ok(usage.MemoryStats.Usage > 0, "some memory");
    assert.ok(usage.CpuStats.Percent >= 0 && Number.isFinite(usage.CpuStats.TotalTicks));
  });
}
