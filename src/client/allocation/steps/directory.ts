/** `<alloc_dir>/<id>` with the shared directory in it. Stays readable after the end; removed when the remains are collected. */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const directory: Step<AllocationContext> = {
  name: "directory",
  enter: async (context) => {
    await context.world.disk.makeAllocation(context.directory);
  },
  leave: (context) => context.world.disk.removeAllocation(context.directory),
};
