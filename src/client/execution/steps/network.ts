/** A task begins when its allocation's network is whole; while that is made anew, here is where it waits. */
import { messageOf } from "#std";
import { taskEvents } from "#task";
import type { Step } from "../../step.ts";
import { EnterFailure } from "../failure.ts";
import type { ExecutionContext } from "../context.ts";

export const network: Step<ExecutionContext> = {
  name: "network",
  enter: async (context) => {
    const signal = context.interruption();
    try {
      await context.network.ready(context.task().Name, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const problem = `network: ${messageOf(thrown)}`;
      // The allocation has tried for long: another node may do better.
      throw new EnterFailure(taskEvents.setupFailure(context.world.clock.nowNs(), problem), { problem, hopeless: true });
    }
  },
};
