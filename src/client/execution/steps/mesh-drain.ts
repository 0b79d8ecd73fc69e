/**
 * Between the end of what a task offered and its signal, when its allocation goes: the proxies of the group turn new connections away, and finish those
 * under way. What others' proxies hear from Consul takes a moment to reach them all: the task serves on for that long (SEEN_MS), so that a stop under
 * load loses nothing. Its own shutdown_delay comes on top. Skipped as that is.
 */
import { roleOf } from "#task";
import { HELD_BACK } from "../../mesh/moments.ts";
import { proxyTasks } from "../../mesh/proxy-of.ts";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { socketOnHost } from "./proxy-bootstrap.ts";

export const meshDrain: Step<ExecutionContext> = {
  name: "mesh-drain",
  exit: async (context) => {
    const { world, task, allocation, machine } = context;
    const proxies = proxyTasks(context.group());
    if (proxies.length === 0 || proxies.some((each) => each.Name === task().Name) || roleOf(task()) !== "main") return;
    const orderedAt = machine().killedAt;
    if (orderedAt === null || !machine().started || machine().exit !== null || world.proxies === undefined) return;
    const skip = () => allocation().DesiredTransition.NoShutdownDelay === true;
    const until = Math.min(Math.max(orderedAt, context.withdrawnAt), world.clock.nowNs()) + HELD_BACK.seenMs * 1e6;
    while (world.clock.nowNs() < until && machine().exit === null && !skip()) {
      const timed = Promise.withResolvers<void>();
      const timer = world.clock.after((until - world.clock.nowNs()) / 1e6, timed.resolve);
      await Promise.race([timed.promise, context.change()]);
      timer.cancel();
    }
    if (machine().exit !== null || skip()) return;
    const ended = new AbortController();
    const timer = world.clock.after(HELD_BACK.drainWaitMs, () => ended.abort());
    await Promise.allSettled(
      proxies.map(async (each) => {
        // The allocation's end: nobody is to bring it back for being DRAINING.
        world.proxyBoard.forget(allocation().ID, each.Name);
        await world.proxies?.drain(socketOnHost({ allocationDirectory: context.allocationDirectory, task: () => each }), ended.signal);
      }),
    );
    timer.cancel();
  },
};
