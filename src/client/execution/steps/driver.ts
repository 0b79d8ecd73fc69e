/** The driver the task names. */
import { NamedError } from "#std";
import { taskEvents } from "#task";
import type { Step } from "../../step.ts";
import { EnterFailure } from "../failure.ts";
import type { ExecutionContext } from "../context.ts";

export const driver: Step<ExecutionContext> = {
  name: "driver",
  enter: (context) => {
    try {
      context.driver = context.world.drivers.choose(context.task().Driver);
    } catch (thrown) {
      if (!(thrown instanceof NamedError)) throw thrown;
      throw new EnterFailure(taskEvents.driverFailure(context.world.clock.nowNs(), thrown.message), {
        problem: thrown.message,
        hopeless: true,
      });
    }
  },
};
