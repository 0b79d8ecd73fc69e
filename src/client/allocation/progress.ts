/**
 * How far an allocation got, as it is stored: everything needed to go on after kill -9, nothing else. Plain JSON.
 *
 *   entering ──► running ──► exiting ──► over ──► leaving ──► (forgotten)
 *
 *   entering  its directories are being made          over     ended, its files can be read
 *   running   its tasks live their own machines       leaving  its files are being removed
 *   exiting   its tasks are dead, its steps exit
 */
import type { Allocation, AllocationClientUpdate, AllocNetworkStatus, TaskGroup, TaskState } from "#model";
import type { TaskHandle, TaskPlace } from "#ports";
import { newTaskMachine, rollUp, type TaskMachine } from "#task";
import type { HealthWatched } from "../health/health.ts";

export type AllocationPhase = "entering" | "running" | "exiting" | "over" | "leaving";

export interface TaskProgress {
  readonly machine: TaskMachine;
  /** Of the current attempt, once it was started. */
  readonly handle: TaskHandle | null;
  /** Where the current attempt lives; null before it was made. */
  readonly place: TaskPlace | null;
}

/**
 * Why this node ended an allocation by itself, though the servers want it to run:
 * `overtime`: max_run_duration is over; `alone`: no server was heard of for disconnect.stop_on_client_after.
 */
export type Halt = "overtime" | "alone";

export const OVERTIME_DESCRIPTION = "allocation exceeded max_run_duration";

export interface AllocationProgress {
  readonly phase: AllocationPhase;
  /** The servers know the task states as they are here. */
  readonly acknowledged: boolean;
  /** The servers forgot it (or want the space): remove everything when it is over. */
  readonly unwanted: boolean;
  /** Unix milliseconds; 0 while it is not over. The oldest are collected first. */
  readonly overAt: number;
  /** Unix nanoseconds from which max_run_duration counts: its steps were entered. 0 before. */
  readonly begunAt: number;
  readonly halted: Halt | null;
  /** null: nobody asked for a word on its health yet. */
  readonly health: HealthWatched | null;
  /** Its own network, as it was set up or found last; null: it has the machine's, or none yet. */
  readonly network: AllocNetworkStatus | null;
  readonly tasks: Readonly<Record<string, TaskProgress>>;
}

export function newProgress(group: TaskGroup, nowNs: number): AllocationProgress {
  const tasks = Object.fromEntries(
    group.Tasks.map((task) => [task.Name, { machine: newTaskMachine(nowNs), handle: null, place: null } satisfies TaskProgress]),
  );
  return {
    phase: "entering",
    acknowledged: false,
    unwanted: false,
    overAt: 0,
    begunAt: 0,
    halted: null,
    health: null,
    network: null,
    tasks,
  };
}

export function taskStates(progress: AllocationProgress): Record<string, TaskState> {
  return Object.fromEntries(Object.entries(progress.tasks).map(([name, task]) => [name, task.machine.state]));
}

/** As it was stored, also by an agent that knew fewer fields. */
export function readProgress(stored: unknown): AllocationProgress {
  const older: Pick<AllocationProgress, "begunAt" | "halted" | "health" | "network"> = {
    begunAt: 0,
    halted: null,
    health: null,
    network: null,
  };
  return Object.assign(older, stored as AllocationProgress);
}

/** What the servers are to be told. */
export function clientUpdate(allocation: Allocation, progress: AllocationProgress): AllocationClientUpdate {
  const TaskStates = taskStates(progress);
  const rolled = rollUp(TaskStates);
  const overtime = progress.halted === "overtime" && rolled.ClientStatus === "complete";
  const { ClientStatus, ClientDescription } = overtime ? { ...rolled, ClientDescription: OVERTIME_DESCRIPTION } : rolled;
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
    ...verdict(allocation, progress),
    ...(progress.network === null ? {} : { NetworkStatus: progress.network }),
  };
}

/** Once: what the servers were told they may have overruled since. */
function verdict(allocation: Allocation, { health }: AllocationProgress): Pick<AllocationClientUpdate, "DeploymentStatus"> {
  if (health === null || health.healthy === null || health.told || health.deployment !== allocation.DeploymentID) return {};
  return { DeploymentStatus: { Healthy: health.healthy, Timestamp: health.timestamp } };
}

function ended(states: Readonly<Record<string, TaskState>>): boolean {
  return Object.values(states).every((state) => state.State === "dead");
}

/** The group of its job; undefined when a job was changed under us in a way no server makes. */
export function groupOf(allocation: Allocation): TaskGroup | undefined {
  return allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup);
}
