/** What the driver keeps of an ended process outside the task's directory (its exit status, cgroup, mounts) goes once it was read. */
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const remains: Step<ExecutionContext> = {
  name: "remains",
  exit: async (context) => {
    const { driver, handle, place } = context;
    if (driver !== undefined && handle !== undefined && place !== undefined) await driver.destroy(handle, place);
  },
};
