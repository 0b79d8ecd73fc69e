/**
 * How far an allocation got, as it is stored: everything needed to go on after kill -9, nothing else. Plain JSON.
 *
 *   entering ──► running ──► exiting ──► over ──► leaving ──► (forgotten)
 *
 *   entering  its directories are being made          over     ended, its files can be read
 *   running   its tasks live their own machines       leaving  its files are being removed
 *   exiting   its tasks are dead, its steps exit
 */
import type { Allocation, AllocationClientUpdate, TaskGroup, TaskState } from "#model";
import type { TaskHandle, TaskPlace } from "#ports";
import { newTaskMachine, rollUp, type TaskMachine } from "#task";

export type AllocationPhase = "entering" | "running" | "exiting" | "over" | "leaving";

export interface TaskProgress {
  readonly machine: TaskMachine;
  /** Of the current attempt, once it was started. */
  readonly handle: TaskHandle | null;
  /** Where the current attempt lives; null before it was made. */
  readonly place: TaskPlace | null;
}

export interface AllocationProgress {
  readonly phase: AllocationPhase;
  /** The servers know the task states as they are here. */
  readonly acknowledged: boolean;
  /** The servers forgot it (or want the space): remove everything when it is over. */
  readonly unwanted: boolean;
  /** Unix milliseconds; 0 while it is not over. The oldest are collected first. */
  readonly overAt: number;
  readonly tasks: Readonly<Record<string, TaskProgress>>;
}

export function newProgress(group: TaskGroup, nowNs: number): AllocationProgress {
  const tasks = Object.fromEntries(
    group.Tasks.map((task) => [task.Name, { machine: newTaskMachine(nowNs), handle: null, place: null } satisfies TaskProgress]),
  );
  return { phase: "entering", acknowledged: false, unwanted: false, overAt: 0, tasks };
}

export function taskStates(progress: AllocationProgress): Record<string, TaskState> {
  return Object.fromEntries(Object.entries(progress.tasks).map(([name, task]) => [name, task.machine.state]));
}

/** What the servers are to be told. */
export function clientUpdate(allocation: Allocation, progress: AllocationProgress): AllocationClientUpdate {
  const TaskStates = taskStates(progress);
  const { ClientStatus, ClientDescription } = rollUp(TaskStates);
  // Not over for the servers before the allocation's own steps have exited: what it held (ports, space) is free only then.
  const early =
    (ClientStatus === "complete" || ClientStatus === "failed") &&
    ended(TaskStates) &&
    (progress.phase === "running" || progress.phase === "exiting");
  return {
    ID: allocation.ID,
    NodeID: allocation.NodeID,
    ...(early ? { ClientStatus: "running" as const, ClientDescription: "Tasks are running" } : { ClientStatus, ClientDescription }),
    TaskStates,
  };
}

function ended(states: Readonly<Record<string, TaskState>>): boolean {
  return Object.values(states).every((state) => state.State === "dead");
}

/** The group of its job; undefined when a job was changed under us in a way no server makes. */
export function groupOf(allocation: Allocation): TaskGroup | undefined {
  return allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup);
}
