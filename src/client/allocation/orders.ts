/** What a person orders of an allocation that runs: `alloc restart`, `alloc signal`. */
import { NamedError } from "#std";
import { taskNamed, type AllocationCourse } from "./course.ts";

type Ordered = Pick<AllocationCourse, "memory" | "tasks" | "stopping">;

/** One task, all that run, or with `allTasks` the dead ones too. Throws NamedError ALLOCATION_NOT_RUNNING, TASK_NOT_RUNNING. */
export function restart(course: Ordered, ending: () => boolean, name: string, allTasks: boolean): void {
  // Whoever is on the way out is not called back (F9).
  if (course.memory.phase !== "running" || course.stopping() || ending())
    throw new NamedError("ALLOCATION_NOT_RUNNING", "Task not running", { statusCode: 500 });
  if (name !== "") {
    if (!taskNamed(course, name).restart("User requested task to restart"))
      throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
    return;
  }
  let any = false;
  const reason = allTasks ? "User requested all tasks to restart" : "User requested running tasks to restart";
  for (const task of course.tasks.values()) {
    // With all tasks the group goes through its whole life again: each waits for its turn.
    if (task.restart(reason, allTasks)) any = true;
    else if (allTasks && task.dead) {
      task.revive(reason);
      any = true;
    }
  }
  if (!any) throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
}

/** "": every task that is not dead. Throws NamedError TASK_NOT_RUNNING, also where all are. */
export async function signal(course: Pick<AllocationCourse, "tasks">, name: string, signalName: string): Promise<void> {
  if (name !== "") {
    await taskNamed(course, name).signal(signalName);
    return;
  }
  const alive = [...course.tasks.values()].filter((task) => !task.dead);
  if (alive.length === 0) throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
  // Who died while another was told needs no signal.
  for (const task of alive) if (!task.dead) await task.signal(signalName);
}
