/**
 * A task of a group with proxies begins when every one of them is ready: certificate there, listeners up, so that its first connection works. So do
 * ephemeral prestart tasks (a migration talks to its database through the mesh as well); other sidecars do not: a proxy may depend on them. Says what it
 * waits for. One that ran here before waits for a while only: its proxies may serve with what they last had (F37). nomad.md §2.5.
 */
import { roleOf, taskEvents } from "#task";
import { proxyTasks } from "../../mesh/proxy-of.ts";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { WaitTeller, waitsFor } from "../../templates/waiting.ts";
import type { ExecutionContext } from "../context.ts";

const AGAIN_WAIT_MS = 20_000;

export const meshReady: Step<ExecutionContext> = {
  name: "mesh-ready",
  enter: async (context) => {
    const { world, allocation, task } = context;
    const role = roleOf(task());
    const proxies = proxyTasks(context.group()).filter((each) => each.Name !== task().Name);
    const waits = role === "main" || role === "prestart" || role === "poststart";
    if (!waits || proxies.length === 0 || proxies.length === context.group().Tasks.length) return;
    if (proxyTasks(context.group()).some((each) => each.Name === task().Name)) return;
    const id = allocation().ID;
    const signal = context.interruption();
    const teller = new WaitTeller(world.clock, (message, details) => {
      if (!signal.aborted) context.tell(taskEvents.mesh(world.clock.nowNs(), message, details));
    });
    let changed = Promise.withResolvers<void>();
    let late = false;
    const unsubscribe = world.proxyBoard.subscribe((changedId) => {
      if (changedId === id) changed.resolve();
    });
    const timer = world.clock.after(AGAIN_WAIT_MS, () => {
      late = context.machine().attempt > 0 || context.machine().started;
      changed.resolve();
    });
    try {
      for (;;) {
        const missing = proxies.find((each) => !world.proxyBoard.ready(id, each.Name));
        if (missing === undefined || late) return;
        const standing = world.proxyBoard.standing(id, missing.Name);
        const problem = standing === undefined ? "it does not run yet" : standing.problem || `it is coming up (${standing.step})`;
        teller.say(waitsFor(`proxy "${missing.Name}"`, problem));
        await orAborted(changed.promise, signal);
        changed = Promise.withResolvers<void>();
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      unsubscribe();
      timer.cancel();
      teller.stop();
    }
  },
};
