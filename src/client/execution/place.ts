/** Where a task lives, from its names alone: nothing is looked up, so it is the same before and after a restart. nomad.md §2.4. */
import type { DriverCapabilities, TaskPlace } from "#ports";
import { join } from "node:path";

export function taskPlace(
  allocationDirectory: string,
  task: string,
  pipes: { readonly stdoutPath: string; readonly stderrPath: string },
): TaskPlace {
  const taskDirectory = join(allocationDirectory, task);
  return {
    allocationDirectory,
    sharedDirectory: join(allocationDirectory, "alloc"),
    taskDirectory,
    secretsDirectory: join(taskDirectory, "secrets"),
    privateDirectory: join(taskDirectory, "private"),
    ...pipes,
  };
}

/** NOMAD_ALLOC_DIR, NOMAD_TASK_DIR, NOMAD_SECRETS_DIR as the task sees them. */
export function visiblePaths(allocationDirectory: string, task: string, isolation: DriverCapabilities["isolation"]) {
  if (isolation !== "none") return { shared: "/alloc", local: "/local", secrets: "/secrets" };
  return {
    shared: join(allocationDirectory, "alloc"),
    local: join(allocationDirectory, task, "local"),
    secrets: join(allocationDirectory, task, "secrets"),
  };
}
