/** What the states of its tasks say about an allocation. Pure. nomad.md §2.5. */
import type { ClientStatus, TaskState } from "#model";

export function rollUp(states: Readonly<Record<string, TaskState>>): {
  readonly ClientStatus: ClientStatus;
  readonly ClientDescription: string;
} {
  let running = false;
  let pending = false;
  let dead = 0;
  for (const state of Object.values(states)) {
    if (state.State === "dead" && state.Failed) return { ClientStatus: "failed", ClientDescription: "Failed tasks" };
    if (state.State === "running") running = true;
    else if (state.State === "pending") pending = true;
    else dead++;
  }
  if (running) return { ClientStatus: "running", ClientDescription: "Tasks are running" };
  if (pending || dead === 0) return { ClientStatus: "pending", ClientDescription: "No tasks have started" };
  return { ClientStatus: "complete", ClientDescription: "All tasks have completed" };
}
