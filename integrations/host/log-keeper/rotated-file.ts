/**
 * One stream of a task in numbered files: `<task>.stdout.0`, `.1`, …; the highest is written to, at most `maxFiles` are kept.
 * nomad.md §2.7. The directory is open to tasks, so names in it are never followed: a link, a pipe or a second hard link in the
 * place of a log file makes it start a new number instead of writing through it (F59).
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, unlinkSync, writeSync } from "node:fs";

export interface Limits {
  readonly maxFiles: number;
  readonly maxFileBytes: number;
}

/** A line is not split by a rotation if it begins within this many bytes of the limit. */
export const LINE_WINDOW_BYTES = 32 * 1024;

/** How many bytes of `chunk` still go into a file with `room` bytes left; less than the chunk means: then rotate. */
export function bytesBeforeRotation(chunk: Uint8Array, room: number): number {
  if (chunk.length <= room) return chunk.length;
  if (room <= 0) return 0;
  const end = chunk.lastIndexOf(0x0a, room - 1);
  return end >= 0 && room - (end + 1) <= LINE_WINDOW_BYTES ? end + 1 : room;
}

export interface RotatedFile {
  write(chunk: Uint8Array): void;
  limit(limits: Limits): void;
  close(): void;
  /** Bytes that could not be written (disk full). */
  readonly lostBytes: number;
}

/** `directory` is a handle held open by the caller; `base` is "web.stdout". */
export function openRotatedFile(directory: string, base: string, first: Limits): RotatedFile {
  let limits = first;
  let index = 0;
  let fd = -1;
  let size = 0;
  let lostBytes = 0;
  let atLineStart = true;

  function indexes(): number[] {
    const pattern = new RegExp(`^${base.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\.(\\d{1,9})$`);
    return readdirSync(directory).flatMap((name) => {
      const number = pattern.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  }

  /** Opens number `wanted` or the first usable one after it. */
  function openFrom(wanted: number): void {
    for (index = wanted; ; index++) {
      try {
        fd = openSync(
          `${directory}/${base}.${index}`,
          constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
          0o644,
        );
      } catch (error) {
        // ELOOP: a link; ENXIO: a pipe nobody reads; EISDIR. Anything else (a full disk, a missing directory) is for the caller.
        if (!["ELOOP", "ENXIO", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "") || index > wanted + 1000) throw error;
        continue;
      }
      const stats = fstatSync(fd);
      if (stats.isFile() && stats.nlink <= 1) {
        size = stats.size;
        return;
      }
      closeSync(fd);
      fd = -1;
    }
  }

  function rotate(): void {
    if (fd >= 0) closeSync(fd);
    fd = -1;
    openFrom(index + 1);
    removeOld();
  }

  function removeOld(): void {
    for (const each of indexes()) {
      if (each > index - limits.maxFiles) continue;
      try {
        unlinkSync(`${directory}/${base}.${each}`);
      } catch {
        // A task removed it, or put a directory there.
      }
    }
  }

  function append(chunk: Uint8Array): void {
    if (fd < 0) openFrom(index);
    for (let done = 0; done < chunk.length;) {
      const written = writeSync(fd, chunk, done, chunk.length - done);
      done += written;
      size += written;
    }
    atLineStart = chunk.at(-1) === 0x0a;
  }

  openFrom(Math.max(0, ...indexes()));
  return {
    write(chunk) {
      for (let rest = chunk; rest.length > 0;) {
        try {
          const room = limits.maxFileBytes - size;
          let count = bytesBeforeRotation(rest, room);
          // The line would be split though it fits whole into the next file.
          if (
            count === room &&
            count < rest.length &&
            atLineStart &&
            size > 0 &&
            room <= LINE_WINDOW_BYTES &&
            rest.lastIndexOf(0x0a, room - 1) < 0
          )
            count = 0;
          if (count > 0) append(rest.subarray(0, count));
          if (count < rest.length) rotate();
          rest = rest.subarray(count);
        } catch {
          // Blocking the task on our full disk would be worse than a gap in its log.
          lostBytes += rest.length;
          return;
        }
      }
    },
    limit(next) {
      limits = next;
      removeOld();
    },
    close() {
      if (fd >= 0) closeSync(fd);
      fd = -1;
    },
    get lostBytes() {
      return lostBytes;
    },
  };
}
