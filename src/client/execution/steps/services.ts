/**
 * Before anything else of an end: what the task offers is made known no more, so that nobody is sent to what is about to go. When it
 * has ended by itself nobody waits for that. nomad.md §2.5 "Single kill".
 */
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const services: Step<ExecutionContext> = {
  name: "services",
  exit: async (context) => {
    const withdrawn = context.withdrawServices();
    if (!context.machine().started || context.machine().exit !== null) return;
    await withdrawn;
    context.withdrawnAt = context.world.clock.nowNs();
  },
};
