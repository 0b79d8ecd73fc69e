/** The log keeper lets go of every pipe of this allocation before its directory goes, whatever became of the tasks. */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";
import { groupOf } from "../progress.ts";

export const logPipes: Step<AllocationContext> = {
  name: "log-pipes",
  leave: async ({ world, allocation }) => {
    for (const task of groupOf(allocation())?.Tasks ?? []) await world.taskLogs.close(`${allocation().ID}.${task.Name}`);
  },
};
