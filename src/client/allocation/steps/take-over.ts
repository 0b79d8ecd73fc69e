/**
 * ephemeral_disk sticky or migrate: the data of the allocation it replaces moves to it, whole or not at all. If it cannot be moved the
 * new one begins empty, and its tasks say so. nomad.md §1.4, §2.5.
 */
import { messageOf } from "#std";
import { taskEvents } from "#task";
import { dirname, join } from "node:path";
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";
import { groupOf } from "../progress.ts";

export const takeOver: Step<AllocationContext> = {
  name: "take-over",
  enter: async ({ world, allocation, directory, tellTasks }) => {
    const group = groupOf(allocation());
    const previous = allocation().PreviousAllocation;
    const wanted = group?.EphemeralDisk?.Sticky === true || group?.EphemeralDisk?.Migrate === true;
    if (group === undefined || previous === "" || !wanted) return;
    try {
      await world.disk.takeOver(
        join(dirname(directory), previous),
        directory,
        group.Tasks.map((task) => task.Name),
      );
    } catch (thrown) {
      const problem = messageOf(thrown);
      world.report({ level: "warn", message: "data could not be taken over", fields: { alloc_id: allocation().ID, previous, problem } });
      tellTasks(taskEvents.hookFailed(world.clock.nowNs(), "migrate_disk", `it begins with an empty disk: ${problem}`));
    }
  },
};
