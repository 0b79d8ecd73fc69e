/** The node's memory of the allocation: written before anything is made, forgotten after everything is gone. */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const record: Step<AllocationContext> = {
  name: "record",
  enter: ({ world, allocation }) => world.store.saveAllocation(allocation()),
  leave: ({ world, allocation }) => world.store.removeAllocation(allocation().ID),
};
