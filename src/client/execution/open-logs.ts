/** Opens the task's pipes, or finds them open, and says where it lives. */
import { join } from "node:path";
import type { AllocationId, Task } from "#model";
import type { TaskLogs } from "#ports";
import type { ExecutionContext } from "./context.ts";
import { taskPlace } from "./place.ts";

export async function openLogs(context: ExecutionContext): Promise<void> {
  const { world, allocation, allocationDirectory } = context;
  const task = context.task();
  const pipes = await taskPipes(world.taskLogs, allocation().ID, allocationDirectory, task);
  context.placed(taskPlace(allocationDirectory, task.Name, pipes));
}

/** `directory`: the allocation's. */
export async function taskPipes(
  logs: TaskLogs,
  id: AllocationId,
  directory: string,
  task: Task,
): Promise<{ readonly stdoutPath: string; readonly stderrPath: string }> {
  if (task.LogConfig?.Disabled === true) return { stdoutPath: "/dev/null", stderrPath: "/dev/null" };
  return await logs.open({
    id: `${id}.${task.Name}`,
    directory: join(directory, "alloc", "logs"),
    task: task.Name,
    maxFiles: task.LogConfig?.MaxFiles ?? 10,
    maxFileSizeMB: task.LogConfig?.MaxFileSizeMB ?? 10,
  });
}
