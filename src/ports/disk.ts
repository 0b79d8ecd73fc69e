/**
 * The node's disk, as far as allocations live on it: their directories (nomad.md §2.4) and safe reading and writing inside
 * them. Maker: `hostDisk` (integrations/host).
 *
 * Contract (test/conformance/disk):
 * - `root` is always an allocation directory this node made and is trusted; `path` is not: it is relative to `root`, may hold
 *   `..`, and a hostile task may swap any part of it for a symlink at any moment. Nothing outside `root` is ever read, written
 *   or listed (as RESOLVE_BENEATH); links that stay inside are followed. Refusals: NamedError FILE_OUTSIDE (403).
 * - The read side refuses `<task>/secrets` and `<task>/private`, also through links: FILE_FORBIDDEN (403).
 * - Missing: FILE_NOT_FOUND (404). Wrong kind (a directory read as a file, a pipe, a device): FILE_WRONG_KIND (400).
 * - `<task>/alloc` shows the shared directory, whatever stands there on disk.
 * - Making and removing may be repeated at will, and go on where a killed agent stopped.
 */
import type { FileFrame, FileInformation } from "./link.ts";

export interface AllocationPlace {
  readonly allocationDirectory: string;
  /** `<allocation>/alloc`, with data/, logs/, tmp/ in it. */
  readonly sharedDirectory: string;
  readonly logsDirectory: string;
}

export interface TaskRequest {
  readonly task: string;
  /** As DriverCapabilities.isolation: `chroot` and `image` get mount points where `none` gets a link to the shared directory. */
  readonly isolation: "none" | "chroot" | "image";
  /** Who owns local/ and secrets/: a user's name or uid. "" leaves both open to all (0777, as Nomad). */
  readonly user: string;
  /** Size of the secrets tmpfs; 0 for the default, 1 MB. */
  readonly secretsMB: number;
}

export interface TaskDirectories {
  readonly taskDirectory: string;
  readonly localDirectory: string;
  /** tmpfs on Linux as root (never on a disk), else a plain directory. */
  readonly secretsDirectory: string;
  /** 0700, the agent's: token copies, driver files. */
  readonly privateDirectory: string;
}

export interface DiskUsage {
  readonly totalBytes: number;
  /** What an unprivileged process may still write. */
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
}

export interface DiskRead {
  readonly path: string;
  readonly origin: "start" | "end";
  /** Bytes from origin; from the end it counts backwards. */
  readonly offset: number;
  /** -1: to the end. */
  readonly limit: number;
  /** Go on when the end is reached: yields new data, "file truncated", and ends after "file deleted". */
  readonly follow: boolean;
}

export interface DiskWrite {
  readonly path: string;
  readonly data: string | Uint8Array;
  /** 0o644 */
  readonly mode: number;
  /** Owner, name or uid; "" leaves it to the agent. */
  readonly user: string;
}

export interface Watching {
  close(): void;
}

export interface Disk {
  makeAllocation(allocationDirectory: string): Promise<AllocationPlace>;
  /** The allocation's must be made. After a reboot the secrets tmpfs is mounted again (empty). */
  makeTask(allocationDirectory: string, request: TaskRequest): Promise<TaskDirectories>;
  /** Unmounts and removes the task's secrets; the rest stays readable until `removeAllocation` (F43). */
  removeSecrets(allocationDirectory: string, task: string): Promise<void>;
  /**
   * What the allocation in `from` left in alloc/data and its tasks' local/ becomes that of `to`, which is made and has nothing there yet.
   * All or nothing: rejects with DISK_MOVE_FAILED, then everything is where it was and `to` is empty. Nothing there is fine.
   */
  takeOver(from: string, to: string, tasks: readonly string[]): Promise<void>;
  /** Unmounts everything mounted inside, then removes the tree without following links. */
  removeAllocation(allocationDirectory: string): Promise<void>;
  /** Names of the directories in `directory` ([] when it is missing): the leftover search over allocations. */
  listDirectories(directory: string): Promise<readonly string[]>;

  list(root: string, path: string): Promise<readonly FileInformation[]>;
  stat(root: string, path: string): Promise<FileInformation>;
  /** Frames of at most 64 KiB; ends at the end of the file unless `follow`, and when the signal aborts (without an error). */
  read(root: string, request: DiskRead, signal: AbortSignal): AsyncIterable<FileFrame>;
  /** Calls `changed` (at least once, soon) after something at `path` (a file or a directory) changes; may call for nothing. */
  watch(root: string, path: string, changed: () => void): Watching;

  /** The client's own writing into an allocation (templates, tokens, payloads): whole or not at all (temporary file, rename);
   *  parents are made. secrets/ and private/ may be written. */
  write(root: string, request: DiskWrite): Promise<void>;
  /** Reads a whole file for the client's own use; secrets/ and private/ may be read. Undefined when it is missing. */
  readWhole(root: string, path: string, maxBytes: number): Promise<Uint8Array | undefined>;

  /** Of the file system `directory` lies on. */
  usage(directory: string): Promise<DiskUsage>;
  /** Bytes used by the tree at root, links not followed. */
  treeBytes(root: string): Promise<number>;
}
