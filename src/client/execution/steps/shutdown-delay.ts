/**
 * Between the order to stop (and the end of what was offered) and the signal: time for load balancers to look away. Counted from when it
 * was said, so a restarted agent waits only the rest. Skipped when the process ended by itself, or the operator says -no-shutdown-delay, also in the middle.
 */
import { taskEvents } from "#task";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const shutdownDelay: Step<ExecutionContext> = {
  name: "shutdown-delay",
  exit: async (context) => {
    const { world, task, allocation, machine } = context;
    const delayNs = task().ShutdownDelay + (context.stoppedFirst() ? (context.group().ShutdownDelay ?? 0) : 0);
    const orderedAt = machine().killedAt;
    if (delayNs <= 0 || orderedAt === null || !machine().started || machine().exit !== null) return;
    const skip = () => allocation().DesiredTransition.NoShutdownDelay === true;
    if (skip()) {
      context.tell(taskEvents.skippingShutdownDelay(world.clock.nowNs(), delayNs));
      return;
    }
    const nowNs = world.clock.nowNs();
    // Of this order: a task that was called back from the dead was stopped before.
    const said = machine().state.Events.find((event) => event.Type === "Waiting for shutdown delay" && event.Time >= orderedAt);
    if (said === undefined) context.tell(taskEvents.waitingForShutdownDelay(nowNs, delayNs));
    // Never longer than the delay, though the clock was set back while the agent was away.
    const until = Math.min(said?.Time ?? Math.max(orderedAt, context.withdrawnAt), nowNs) + delayNs;
    while (world.clock.nowNs() < until && machine().exit === null && !skip()) {
      const timed = Promise.withResolvers<void>();
      const timer = world.clock.after((until - world.clock.nowNs()) / 1e6, timed.resolve);
      await Promise.race([timed.promise, context.change()]);
      timer.cancel();
    }
  },
};
