/** One test of a real driver in a world of its own, which must be as it was when the test is over; shared by raw_exec's and exec's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Driver, TaskExit, TaskStart } from "#ports";
import { taskStart } from "../conformance/driver.ts";
import { hostWorld, type HostWorld } from "../conformance/host-world.ts";

export type DriverCheck = (world: HostWorld, driver: Driver) => Promise<void>;

export function checkDriver(
  sentence: string,
  isolation: "none" | "chroot",
  make: (stateDirectory: string) => Driver,
  body: DriverCheck,
): void {
  test(sentence, { timeout: 60_000 }, async () => {
    const world = await hostWorld(isolation, make);
    const driver = world.open();
    try {
      await body(world, driver);
    } finally {
      for (const id of await driver.list()) await driver.sweep(id);
      const left = await world.left();
      await world.remove();
      assert.deepEqual(left, []);
    }
  });
}

/** Runs a task with this id to its end: how it ended and what it printed. */
export function runOnce(id: string) {
  return async (
    world: HostWorld,
    driver: Driver,
    config: Record<string, unknown>,
    more: Partial<TaskStart> = {},
  ): Promise<{ exit: TaskExit; text: string }> => {
    const handle = await driver.start(taskStart(world, id, config, more));
    const exit = await driver.wait(handle, world.place);
    const text = world.printed();
    await driver.destroy(handle, world.place);
    return { exit, text };
  };
}
