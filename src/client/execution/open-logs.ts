/** Opens the task's pipes, or finds them open, and says where it lives. */
import { join } from "node:path";
import type { ExecutionContext } from "./context.ts";
import { taskPlace } from "./place.ts";

export async function openLogs(context: ExecutionContext): Promise<void> {
  const { world, allocation, allocationDirectory } = context;
  const task = context.task();
  const pipes =
    task.LogConfig?.Disabled === true
      ? { stdoutPath: "/dev/null", stderrPath: "/dev/null" }
      : await world.taskLogs.open({
          id: `${allocation().ID}.${task.Name}`,
          directory: join(allocationDirectory, "alloc", "logs"),
          task: task.Name,
          maxFiles: task.LogConfig?.MaxFiles ?? 10,
          maxFileSizeMB: task.LogConfig?.MaxFileSizeMB ?? 10,
        });
  context.placed(taskPlace(allocationDirectory, task.Name, pipes));
}
