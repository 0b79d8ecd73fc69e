/** What the steps of a task see, and what one leaves for the next. */
import type { Allocation, Task, TaskEvent, TaskGroup } from "#model";
import type { Driver, ExecSession, TaskExit, TaskHandle, TaskMount, TaskPlace } from "#ports";
import type { KillOrder, TaskEnvironment, TaskMachine } from "#task";
import type { Turn } from "../allocation/turn.ts";
import type { OwnNetwork } from "../network/own-network.ts";
import type { TaskThings } from "../templates/things.ts";
import type { Told } from "../templates/told.ts";
import type { ClientWorld } from "../world.ts";
import type { Beside } from "./beside.ts";

export interface ExecutionContext {
  readonly world: ClientWorld;
  /** As the servers last told it. */
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  readonly task: () => Task;
  readonly machine: () => TaskMachine;
  /** `<alloc_dir>/<id>` */
  readonly allocationDirectory: string;
  /** Of the current attempt. */
  readonly id: () => string;
  /** What was meant is on disk: it may be performed. */
  readonly stored: () => boolean;
  /** Where the attempt will live; stored before anything is started there. */
  readonly placed: (place: TaskPlace) => void;
  readonly tell: (event: TaskEvent) => void;
  /** The process of this attempt is known to run, or to have ended. */
  readonly started: (handle: TaskHandle) => void;
  readonly ended: (exit: TaskExit) => void;
  /** Among the first of its group to be stopped: the group's own shutdown_delay is waited for here. */
  readonly stoppedFirst: () => boolean;
  /** What the task offered stands in no catalog any more, or the wait for it was long enough. */
  readonly withdrawServices: () => Promise<void>;
  /** Resolves when something about the task or its allocation changed. */
  readonly change: () => Promise<void>;
  /** Aborts when somebody wants it dead, or the agent goes: waiting is in vain. */
  readonly interruption: () => AbortSignal;
  /** Something changed under the running task that it must be started anew for, or told of. Nothing happens unless it runs. */
  readonly restart: (reason: string) => void;
  readonly signal: (signal: string) => Promise<void>;
  readonly kill: (order: KillOrder) => void;
  /** A command in the running task. Rejects with TASK_NOT_RUNNING, or as the driver does. */
  readonly exec: (command: readonly string[]) => Promise<ExecSession>;
  /** Before a restart that a change elsewhere asks for. */
  readonly turn: Turn;
  /** Of the allocation. */
  readonly network: Pick<OwnNetwork, "ready" | "joinedBy">;
  /** What its templates and secrets look at. */
  readonly things: TaskThings;
  /** What the running process was last told of. */
  readonly told: Told;
  /** What steps keep going on beside the process, by the step's name. Ended by its exit, and when the agent goes. */
  readonly beside: Map<string, Beside>;

  // Left by steps.
  driver: Driver | undefined;
  environment: TaskEnvironment | undefined;
  /** What steps put over the environment: kept when it is built again. */
  added: Readonly<Record<string, string>>;
  /** Values behind `${secret.…}` and `${sealed.…}`. Secrets. */
  names: ReadonlyMap<string, string>;
  /** What was behind `${sealed.…}` when it was last opened: the servers are asked once. Secrets. */
  unsealed: ReadonlyMap<string, string>;
  /** Those of a task that was found again are known. */
  named: Promise<void>;
  config: Readonly<Record<string, unknown>>;
  user: string;
  /** What steps show the task of the host, beside its chroot. */
  mounts: readonly TaskMount[];
  place: TaskPlace | undefined;
  handle: TaskHandle | undefined;
  /** When its services were gone; Unix nanoseconds, 0 before. */
  withdrawnAt: number;
}
