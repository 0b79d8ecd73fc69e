/**
 * The allocation's own network: there before anything of it is offered or runs, gone after everything of it is. What it is made of and when it
 * is renewed: network/own-network.ts. nomad.md §2.5 "network", §2.9.
 */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const network: Step<AllocationContext> = {
  name: "network",
  enter: (context) => context.network.enter(),
  exit: (context) => context.network.exit(),
  // Again: an exit that failed too often was let go.
  leave: (context) => context.network.exit(),
};
