/**
 * After the agent was away: what became of this attempt of a task? The driver's labels on the machine tell the truth, the
 * stored machine only what was meant.
 *
 *   meant \ found   something                     nothing
 *   entering        it runs (or ran): adopt it    it was never started: go on setting up, same attempt
 *   running         watch it; no new event        it is gone and nobody saw how: exit status unknown
 *   exiting         go on stopping it             as running, unless its exit was already stored
 *   others          a leftover: sweep it          nothing to do
 */
import type { TaskMachine } from "#task";
import type { Driver, TaskExit, TaskHandle, TaskId, TaskPlace } from "#ports";

export type Reattachment =
  | { readonly what: "adopt"; readonly handle: TaskHandle }
  | { readonly what: "start" }
  | { readonly what: "unknown"; readonly exit: TaskExit }
  | { readonly what: "go-on" };

export async function reattach(driver: Driver, id: TaskId, place: TaskPlace, machine: TaskMachine, nowNs: number): Promise<Reattachment> {
  if (machine.phase !== "entering" && machine.phase !== "running" && machine.phase !== "exiting") return { what: "go-on" };
  const handle = await driver.find(id, place);
  if (handle !== undefined) return { what: "adopt", handle };
  if (machine.phase === "entering") return { what: "start" };
  if (machine.exit !== null || !machine.started) return { what: "go-on" };
  return { what: "unknown", exit: unknownExit("the task was gone when the agent came back", nowNs) };
}

/** An end nobody saw is never a success. */
export function unknownExit(why: string, nowNs: number): TaskExit {
  return { exitCode: -1, signal: 0, oomKilled: false, error: `exit status unknown: ${why}`, finishedAt: nowNs };
}
