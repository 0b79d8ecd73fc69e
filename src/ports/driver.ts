/**
 * Starts, watches and ends one task's process (or container). Makers: `raw_exec`, `exec` (integrations/host), `mock`
 * (integrations/memory), `docker` (integrations/docker), later containerd.
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
  /** The allocation's own network; left out: the machine's. */
  readonly network?: TaskNetwork;
  /** Every port of the allocation: what a driver with networks of its own publishes (docker without a group network). */
  readonly ports?: readonly TaskPort[];
  /** Host files and directories shown inside, beside `chroot`; a driver without isolation leaves them out. */
  readonly mounts?: readonly TaskMount[];
  /** Who it is, for labels and names; not part of how it runs. */
  readonly owner?: TaskOwner;
}

export interface TaskNetwork {
  /** Joined by the task's processes; also by what `exec` starts beside them. */
  readonly namespacePath: string;
  readonly hostname: string;
  /** Host paths, shown (read-only) as /etc/hosts and /etc/resolv.conf where the task has an /etc of its own. */
  readonly files: { readonly hosts: string; readonly resolvConf: string };
  /** What this driver's own holder is called (NetworkHold.reference); "" when it holds none. */
  readonly holder: string;
}

export interface TaskPort {
  readonly label: string;
  readonly hostIp: string;
  readonly hostPort: number;
  /** 0: the same as hostPort. */
  readonly to: number;
}

export interface TaskMount {
  readonly hostPath: string;
  readonly taskPath: string;
  readonly readOnly: boolean;
}

export interface TaskOwner {
  readonly namespace: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly parentJobId: string;
  readonly group: string;
  readonly nodeId: string;
  readonly nodeName: string;
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
  /** A network of the driver's own (docker0): where the task is reached with address_mode "driver". */
  readonly network?: DriverNetwork;
}

export interface DriverNetwork {
  readonly address: string;
  /** Services with address_mode "auto" say this address. */
  readonly advertised: boolean;
  /** Label → port inside. */
  readonly ports: Readonly<Record<string, number>>;
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

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

/** A command in a living task, beside its own process: same root, namespaces, cgroup, user and environment. */
export interface TaskExec {
  readonly command: readonly string[];
  readonly tty: boolean;
  /** The terminal has it before the command begins; without it, the size is whatever the maker's terminals begin with. */
  readonly size?: TerminalSize;
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
  /** It can join a namespace (TaskNetwork). Absent: no; tasks of groups with a network of their own are refused. */
  readonly joinsNetwork?: boolean;
}

/**
 * Of a driver whose tasks can join only a namespace that the driver itself made (docker): something that holds one for the whole allocation,
 * before its network is set up and after its last task. It carries the allocation's id as a label.
 */
export interface NetworkHolder {
  /** Repeated, the same one is given back. */
  hold(request: { readonly allocationId: string; readonly hostname: string }, signal: AbortSignal): Promise<NetworkHold>;
  /** undefined: there is none, or it does not run any more. */
  find(allocationId: string): Promise<NetworkHold | undefined>;
  /** May be repeated. */
  release(allocationId: string): Promise<void>;
  list(): Promise<readonly string[]>;
  /** Resolves when it has ended, whoever ended it (F40); also when the signal aborts. */
  lost(allocationId: string, signal: AbortSignal): Promise<void>;
}

export interface NetworkHold {
  readonly pid: number;
  /** What its tasks name it by. */
  readonly reference: string;
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
  /** Left out: its tasks join any namespace, or none. */
  readonly networkHolder?: NetworkHolder;
}
