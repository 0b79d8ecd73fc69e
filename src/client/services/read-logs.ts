/**
 * A task's output across rotated files, followed until the task is dead and everything it wrote was read. nomad.md §3.4.
 *
 *   read the file to its end ─► a newer file exists? ─► the rest of this one (it may have grown meanwhile), then the next
 *                            └► none: not following, or the task was dead before this look? done : wait for a change
 */
import type { Clock, Disk, FileFrame, LogRead } from "#ports";
import { NamedError } from "#std";
import type { AllocationRunner } from "../allocation/runner.ts";
import { logFiles, LOGS_DIRECTORY, logPosition } from "./log-files.ts";

/** Changes are watched; this is for those a watch may miss. */
const LOOK_AGAIN_MS = 1_000;

export async function* readLogs(
  runner: AllocationRunner,
  disk: Disk,
  clock: Clock,
  request: LogRead,
  signal: AbortSignal,
): AsyncGenerator<FileFrame, void, undefined> {
  const task = runner.task(request.Task);
  if (request.Type !== "stdout" && request.Type !== "stderr") {
    throw new NamedError("LOG_TYPE_UNKNOWN", `Cannot read logs of type ${JSON.stringify(request.Type)}: must be stdout or stderr`, {
      statusCode: 400,
    });
  }
  const files = async () => logFiles(await disk.list(runner.directory, LOGS_DIRECTORY).catch(nothingYet), request.Task, request.Type);
  const first = await files();
  let position = logPosition(first, request.Origin, request.Offset);
  if (position === undefined && !request.Follow) {
    if (task.machine.state.StartedAt !== null) return;
    throw new NamedError("LOG_NOT_FOUND", `task ${JSON.stringify(request.Task)} not started yet. No logs available`, { statusCode: 404 });
  }
  while (!signal.aborted) {
    // Asked before reading: what a dead task wrote is all in the files by then.
    const dead = task.dead || runner.isOver;
    const known = await files();
    position ??= logPosition(known, "start", 0);
    if (position !== undefined) {
      const { number } = position;
      const newer = known.find((file) => file.number > number);
      const here = known.find((file) => file.number === number);
      if (here !== undefined) {
        try {
          for await (const frame of disk.read(
            runner.directory,
            { path: here.path, origin: "start", offset: position.offset, limit: -1, follow: false },
            signal,
          )) {
            if (frame.Data.length === 0) continue;
            position = { number, offset: frame.Offset };
            yield frame;
          }
        } catch (thrown) {
          // Rotated away under a slow reader: the next look goes on with the oldest that is left.
          nothingYet(thrown);
        }
      }
      if (newer !== undefined) {
        position = { number: newer.number, offset: 0 };
        continue;
      }
    }
    if (!request.Follow || dead) return;
    await changeOrTime(runner, disk, clock, signal);
  }
}

async function changeOrTime(runner: AllocationRunner, disk: Disk, clock: Clock, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(LOOK_AGAIN_MS, resolve);
  const done = () => resolve();
  signal.addEventListener("abort", done, { once: true });
  let watching: { close(): void } | undefined;
  try {
    watching = disk.watch(runner.directory, LOGS_DIRECTORY, resolve);
  } catch {
    // Not there yet: the timer looks again.
  }
  try {
    await promise;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", done);
    watching?.close();
  }
}

function nothingYet(thrown: unknown): readonly never[] {
  if (thrown instanceof NamedError && thrown.code === "FILE_NOT_FOUND") return [];
  throw thrown;
}
