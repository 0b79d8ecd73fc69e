/**
 * Starts, watches and ends one task's process (or container). Makers: `raw_exec`, `exec` (integrations/host), `mock`
 * (integrations/memory), later docker, containerd.
 *
 * Contract (test/conformance/driver):
 * - A started task outlives the agent: nothing of it depends on this process once `start` has begun, and its exit status is
 *   kept on disk until `destroy`.
 * - Everything it makes is labelled with the task's id, so `find` discovers it after kill -9 at any point of `start`, also when
 *   no handle was ever stored; `find` answers undefined only if nothing of it exists.
 * - `start` on an id that exists is refused; `stop`, `destroy` and `wait` may be repeated at will.
 * - After `destroy` no process, mount, cgroup or file of it is left outside the task's own directory.
 */
import type { DriverInfo, ResourceUsage } from "#model";
import type { TSchema } from "typebox";

/** `${allocationId}.${task}.${attempt}`: unique for ever; attempt counts starts of this task, from 0. */
export type TaskId = string;

export interface TaskPlace {
  /** Host paths. */
  readonly allocationDirectory: string;
  /** `<allocation>/alloc` */
  readonly sharedDirectory: string;
  /** `<allocation>/<task>`: the root of a chroot task. */
  readonly taskDirectory: string;
  readonly secretsDirectory: string;
  /** `<allocation>/<task>/private`: not visible to the task; drivers keep their files in it. */
  readonly privateDirectory: string;
  /** Named pipes, open for reading elsewhere; open them read-write so that the task never sees EPIPE. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

export interface TaskStart {
  readonly id: TaskId;
  readonly allocationId: string;
  readonly task: string;
  readonly place: TaskPlace;
  /** The `config` block, interpolated and checked against `configSchema`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  /** "" for the driver's default (exec: nobody; raw_exec: the agent's). */
  readonly user: string;
  readonly cpuMHz: number;
  readonly memoryMB: number;
  /** 0: memoryMB is the hard limit. */
  readonly memoryMaxMB: number;
  /** The share of the machine: cpuMHz / total MHz, for limits in cores. */
  readonly cpuShare: number;
  /** CPU ids to pin to, or empty. */
  readonly cores: readonly number[];
  /** Host directories to bind read-only into a chroot: host path → path inside. */
  readonly chroot: Readonly<Record<string, string>>;
}

/** Enough to find the task again after a restart of the agent; stored as JSON by the client. */
export interface TaskHandle {
  readonly driver: string;
  readonly id: TaskId;
  /** Driver's own, versioned by the driver. */
  readonly data: Readonly<Record<string, unknown>>;
  /** 0 when there is none (mock, remote). */
  readonly pid: number;
  /** Unix nanoseconds. */
  readonly startedAt: number;
}

export interface TaskExit {
  readonly exitCode: number;
  /** 0 when it ended by itself. */
  readonly signal: number;
  readonly oomKilled: boolean;
  /** Set when the status could not be learned ("exit status unknown: …") . */
  readonly error: string;
  /** Unix nanoseconds. */
  readonly finishedAt: number;
}

/** A command in a living task, beside its own process: same root, namespaces, cgroup, user and environment. */
export interface TaskExec {
  readonly command: readonly string[];
  readonly tty: boolean;
  /** What the task itself was started with. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ExecSession {
  /** Chunks as they come, both streams; with a tty all is stdout. Ends when both are closed. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  /** Resolves when more may follow; also when the command reads no more. */
  write(data: Uint8Array): Promise<void>;
  end(): void;
  resize(height: number, width: number): void;
  /** Resolves with the exit code (128 + signal when killed) once it ended. */
  readonly exited: Promise<number>;
  /** Ends it and everything it started. */
  kill(): void;
}

export interface DriverCapabilities {
  /** `exec` is there. */
  readonly exec: boolean;
  /** none: host paths in NOMAD_*_DIR; chroot: /alloc /local /secrets. */
  readonly isolation: "none" | "chroot" | "image";
  /** "SIGINT", "SIGTERM" */
  readonly defaultKillSignal: string;
  /** Who a task runs as when it names no user; "" for the agent's own or the image's. */
  readonly defaultUser: string;
}

export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /** The `config` block: properties with notes as in model/field.ts; unknown keys are refused with a suggestion. */
  readonly configSchema: TSchema;
  /** Cheap; called at start and every 30 s. */
  fingerprint(): Promise<DriverInfo>;
  /** Rejects with NamedError; `code` DRIVER_TASK_INVALID when trying again cannot help. Nothing is left when it rejects. */
  start(task: TaskStart): Promise<TaskHandle>;
  find(id: TaskId, place: TaskPlace): Promise<TaskHandle | undefined>;
  /** Resolves when the task has ended, also long ago. */
  wait(handle: TaskHandle, place: TaskPlace): Promise<TaskExit>;
  /** Signal, then after timeoutMs kill everything of the task. Resolves when nothing of it runs. */
  stop(handle: TaskHandle, place: TaskPlace, how: { readonly signal: string; readonly timeoutMs: number }): Promise<void>;
  signal(handle: TaskHandle, signal: string): Promise<void>;
  /**
   * Rejects with NamedError DRIVER_EXEC_UNSUPPORTED (400) when the driver cannot, DRIVER_TASK_NOT_RUNNING when the task has ended.
   * A session does not outlive its task; what an agent leaves of one when it is killed, the next `find` of the task ends.
   */
  exec(handle: TaskHandle, place: TaskPlace, exec: TaskExec): Promise<ExecSession>;
  usage(handle: TaskHandle): Promise<ResourceUsage>;
  /** After the end: removes what is left outside the task's directory, and the driver's files in privateDirectory. */
  destroy(handle: TaskHandle, place: TaskPlace): Promise<void>;
  /** Ids of all tasks this driver can see on the machine that carry our label, running or not (leftover search). */
  list(): Promise<readonly TaskId[]>;
  /** Ends and removes everything labelled with this id though no handle or place is known any more. */
  sweep(id: TaskId): Promise<void>;
}
