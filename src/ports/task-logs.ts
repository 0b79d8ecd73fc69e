/**
 * Carries what tasks print into rotated files. The maker (integrations/host) is one detached process per node that outlives
 * the agent: an agent restart never blocks a task or loses a line. nomad.md §2.7.
 */
export interface TaskLogRequest {
  /** Unique per task of an allocation: `${allocationId}.${task}`. */
  readonly id: string;
  /** `<allocation>/alloc/logs` */
  readonly directory: string;
  readonly task: string;
  readonly maxFiles: number;
  readonly maxFileSizeMB: number;
}
export interface TaskLogs {
  /** Makes the two pipes (`.<task>.stdout.fifo`) and reads them from now on; repeating it is harmless and updates the limits. */
  open(request: TaskLogRequest): Promise<{ readonly stdoutPath: string; readonly stderrPath: string }>;
  /** Everything written so far is in the files when this resolves; reading goes on. */
  drain(id: string): Promise<void>;
  /** Drains, stops reading, removes the pipes. Unknown ids are fine. */
  close(id: string): Promise<void>;
  list(): Promise<readonly string[]>;
  /** Detach from the log process; with `stop` it ends too (dev agent, nothing left to read). */
  release(how: { readonly stop: boolean }): Promise<void>;
}
