/** The allocation it replaces must have ended on this node: it may hold the same ports, and the data to be taken over. */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const awaitPrevious: Step<AllocationContext> = {
  name: "await-previous",
  enter: async ({ allocation, over, interruption }) => {
    const previous = allocation().PreviousAllocation;
    if (previous !== "") await Promise.race([over(previous), interruption]);
  },
};
