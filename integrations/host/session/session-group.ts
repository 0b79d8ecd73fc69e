/** The control group of one session, below its task's: by it a session is ended without its task. */
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { children, groupMembers, killGroup, removeGroup } from "../cgroup/group.ts";

const PREFIX = "exec-";

export function sessionGroupName(id: string): string {
  return `${PREFIX}${id}`;
}

/** Ends the sessions below a task's group that are not `living`: those of agents that are gone. `before`: of each, by its name. */
export async function endForeignSessions(
  task: string,
  living: ReadonlySet<string>,
  before: (name: string) => void = () => undefined,
): Promise<void> {
  for (const name of children(task)) {
    if (!name.startsWith(PREFIX) || living.has(name)) continue;
    before(name);
    await killGroup(path.join(task, name));
    await removeGroup(path.join(task, name));
  }
}

/** The session is over. What it left running on purpose belongs to the task from now on. */
export async function handOver(own: string, task: string): Promise<void> {
  // Again where one of them made another while it was moved.
  for (let attempt = 0; attempt < 5 && existsSync(own); attempt++) {
    for (const pid of groupMembers(own)) {
      try {
        writeFileSync(path.join(task, "cgroup.procs"), String(pid));
      } catch {
        // Ended meanwhile, or the task's group is on its way out, which ends this one too.
      }
    }
    if (await removeGroup(own)) return;
  }
}
