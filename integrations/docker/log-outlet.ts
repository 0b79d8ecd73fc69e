/**
 * The task's pipes, and the note of how far its output went into them: written in the same breath as the pipes, so that between the
 * two there is no await and hardly a moment.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A run of one stream's output. */
export interface Queued {
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
  /** So many bytes of it (of all, not more) are in the pipe. */
  reached(bytes: number): void;
}

export interface Outlet<Position> {
  /** Changed by `Queued.reached`; kept on disk after each write. */
  position: Position;
  write(batch: readonly Queued[], signal: AbortSignal): Promise<void>;
  /** By performance.now. */
  lastProgressMs(): number;
  close(): void;
}

const PIPE_PAUSE_MS = 2;
const BATCH_BYTES = 64 * 1024;
/** Longer than any note: what was written before is covered. */
const NOTE_CHARACTERS = 500;

export function openOutlet<Position extends object>(
  files: { readonly stdoutPath: string; readonly stderrPath: string; readonly positionFile: string },
  begin: Position,
): Outlet<Position> {
  const flags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_APPEND | constants.O_NOFOLLOW;
  const pipes = { stdout: openSync(files.stdoutPath, flags), stderr: openSync(files.stderrPath, flags) };
  const note = openSync(files.positionFile, constants.O_RDWR | constants.O_CREAT, 0o600);
  let progressMs = performance.now();

  /** How many bytes the pipe took; 0: it is full. */
  function writeSome(run: Queued, from: number): number {
    let written: number;
    try {
      written = writeSync(pipes[run.stream], run.data, from, Math.min(run.data.length - from, BATCH_BYTES));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw thrown;
    }
    noted(run, from + written);
    return written;
  }

  function noted(run: Queued, bytes: number): void {
    run.reached(bytes);
    writeSync(note, `${JSON.stringify(outlet.position).padEnd(NOTE_CHARACTERS)}\n`, 0);
    progressMs = performance.now();
  }

  const outlet: Outlet<Position> = {
    position: { ...begin, ...readNote(files.positionFile) },
    lastProgressMs: () => progressMs,
    async write(batch, signal) {
      for (const run of batch) {
        if (run.data.length === 0) noted(run, 0);
        for (let at = 0; at < run.data.length && !signal.aborted;) {
          const written = writeSome(run, at);
          at += written;
          if (written === 0) await sleep(PIPE_PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
        }
      }
    },
    close() {
      for (const fd of [pipes.stdout, pipes.stderr, note]) closeSync(fd);
    },
  };
  return outlet;
}

function readNote(file: string): object {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as object;
  } catch {
    return {};
  }
}
