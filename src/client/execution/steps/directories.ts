/** local/, secrets/ (in memory), private/ and tmp/ of the task. They stay when it ends; its allocation removes them. */
import assert from "node:assert";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const directories: Step<ExecutionContext> = {
  name: "directories",
  enter: async ({ driver, world, allocationDirectory, task, user }) => {
    assert(driver !== undefined, "the driver step comes before");
    await world.disk.makeTask(allocationDirectory, {
      task: task().Name,
      isolation: driver.capabilities.isolation,
      user: user === "" ? driver.capabilities.defaultUser : user,
      secretsMB: task().Resources?.SecretsMB ?? 0,
    });
  },
};
