/** The read side of an allocation's directory: list, stat, read, follow, watch; all of it beneath the root. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, readdirSync, watch, type Stats } from "node:fs";
import type { DiskRead, FileFrame, FileInformation, Watching } from "#ports";
import { NamedError } from "#std";
import { openBeneath, openError, wrongKind, type OpenedPath } from "./beneath.ts";
import { contentType, modeText } from "./file-mode.ts";

const FRAME_BYTES = 64 * 1024;
/** How often a followed file is looked at although nothing was announced. */
const FOLLOW_POLL_MS = 1000;

/** Opens for reading: `<task>/alloc` means the shared directory, secrets/ and private/ are closed. */
export function openReadable(root: string, wanted: string): OpenedPath {
  return openBeneath(root, throughShared(wanted), {
    enter(components) {
      const [first, second] = components;
      if (first === "alloc" || (second !== "secrets" && second !== "private")) return;
      throw new NamedError("FILE_FORBIDDEN", `Cannot read "${wanted}": a task's ${second} directory is not shown`, { statusCode: 403 });
    },
  });
}

export function listFiles(root: string, wanted: string): FileInformation[] {
  const opened = openReadable(root, wanted);
  try {
    if (!opened.stats.isDirectory()) throw wrongKind(wanted, "a directory");
    return readdirSync(opened.handle)
      .sort()
      .flatMap((name) => {
        try {
          return [describe(name, lstatSync(`${opened.handle}/${name}`), () => "")];
        } catch {
          return [];
        }
      });
  } finally {
    opened.close();
  }
}

export function statFile(root: string, wanted: string): FileInformation {
  const opened = openReadable(root, wanted);
  try {
    const name = opened.components.at(-1) ?? "/";
    return describe(name, opened.stats, () => contentType(name, firstBytes(opened)));
  } finally {
    opened.close();
  }
}

/** The frames of one file. See DiskRead. */
export async function* readFrames(root: string, request: DiskRead, signal: AbortSignal): AsyncGenerator<FileFrame> {
  const fd = openRegular(openReadable(root, request.path), request.path);
  const bell = doorbell(`/proc/self/fd/${fd}`, signal, request.follow);
  try {
    let offset = startOffset(request, fstatSync(fd).size);
    let left = request.limit < 0 ? Number.POSITIVE_INFINITY : request.limit;
    for (let deleted = false; left > 0 && !signal.aborted;) {
      const data = Buffer.allocUnsafe(Math.min(FRAME_BYTES, left));
      const count = readSync(fd, data, 0, data.length, offset);
      if (count > 0) {
        offset += count;
        left -= count;
        yield { Offset: offset, Data: data.subarray(0, count), File: request.path, FileEvent: "" };
        continue;
      }
      if (!request.follow) return;
      if (deleted) {
        yield { Offset: offset, Data: new Uint8Array(), File: request.path, FileEvent: "file deleted" };
        return;
      }
      const stats = fstatSync(fd);
      if (stats.size < offset) {
        offset = 0;
        yield { Offset: 0, Data: new Uint8Array(), File: request.path, FileEvent: "file truncated" };
        continue;
      }
      // Deleted, or renamed away: what was still written into it is read first.
      deleted = stats.nlink === 0 || !stillThere(root, request.path, stats);
      if (!deleted) await bell.ring();
    }
  } finally {
    bell.close();
    closeSync(fd);
  }
}

export function watchPath(root: string, wanted: string, changed: () => void): Watching {
  let watching: { close(): void } | undefined;
  try {
    const opened = openReadable(root, wanted);
    try {
      // The kernel watches the file itself, not its name, so the handle may go.
      const watcher = watch(opened.handle, { persistent: false }, () => {
        changed();
      });
      watcher.on("error", () => {
        watcher.close();
      });
      watching = watcher;
    } finally {
      opened.close();
    }
  } catch {
    // Not there yet, or no watches left on this machine: the poll below serves.
  }
  const timer = setInterval(changed, FOLLOW_POLL_MS);
  timer.unref();
  return {
    close() {
      clearInterval(timer);
      watching?.close();
    },
  };
}

/** Reads a whole file for the client itself: also from secrets/ and private/. */
export function readWhole(root: string, wanted: string, maxBytes: number): Uint8Array | undefined {
  let opened: OpenedPath;
  try {
    opened = openBeneath(root, wanted);
  } catch (error) {
    if (error instanceof NamedError && error.code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
  const fd = openRegular(opened, wanted);
  try {
    const size = fstatSync(fd).size;
    if (size > maxBytes)
      throw new NamedError("FILE_TOO_LARGE", `Cannot read "${wanted}": it has ${size} bytes, wanted at most ${maxBytes}`, {
        statusCode: 400,
      });
    const data = Buffer.alloc(size);
    let done = 0;
    for (let count = -1; count !== 0 && done < size;) {
      count = readSync(fd, data, done, size - done, done);
      done += count;
    }
    return data.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}

/** Opens what is held, and gives up the hold. Pipes and devices are refused: opening one can block or do something. */
function openRegular(opened: OpenedPath, wanted: string): number {
  try {
    if (opened.stats.isDirectory()) throw wrongKind(wanted, "a file but a directory");
    if (!opened.stats.isFile()) throw wrongKind(wanted, "a regular file");
    return openSync(opened.handle, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openError(error, wanted);
  } finally {
    opened.close();
  }
}

function startOffset(request: DiskRead, size: number): number {
  return request.origin === "start" ? Math.max(0, request.offset) : Math.max(0, size - Math.max(0, request.offset));
}

function stillThere(root: string, wanted: string, stats: Stats): boolean {
  try {
    const opened = openReadable(root, wanted);
    opened.close();
    return opened.stats.ino === stats.ino && opened.stats.dev === stats.dev;
  } catch {
    return false;
  }
}

function firstBytes(opened: OpenedPath): Uint8Array {
  if (!opened.stats.isFile()) return new Uint8Array();
  const fd = openSync(opened.handle, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const data = Buffer.alloc(512);
    return data.subarray(0, readSync(fd, data, 0, data.length, 0));
  } finally {
    closeSync(fd);
  }
}

function describe(name: string, stats: Stats, type: () => string): FileInformation {
  const ContentType = stats.isFile() ? type() : "";
  return {
    Name: name,
    IsDir: stats.isDirectory(),
    Size: stats.size,
    FileMode: modeText(stats),
    ModTime: stats.mtime.toISOString(),
    ...(ContentType === "" ? {} : { ContentType }),
  };
}

/** "web/alloc/logs/x" is "alloc/logs/x": a task's own view of the shared directory. */
function throughShared(wanted: string): string {
  const parts = wanted.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length >= 2 && parts[1] === "alloc" && parts[0] !== "alloc" && parts[0] !== ".." ? parts.slice(1).join("/") : wanted;
}

/** Rings when the file changes, after a while anyway, and when the signal aborts. */
function doorbell(handle: string, signal: AbortSignal, wanted: boolean): { ring(): Promise<void>; close(): void } {
  let wake: (() => void) | undefined;
  let rung = false;
  const ring = () => {
    rung = true;
    wake?.();
  };
  let watcher: { close(): void } | undefined;
  if (wanted) {
    signal.addEventListener("abort", ring);
    try {
      const made = watch(handle, { persistent: false }, ring);
      made.on("error", () => {
        made.close();
      });
      watcher = made;
    } catch {
      // No watches left: the poll serves.
    }
  }
  return {
    async ring() {
      let timer: NodeJS.Timeout | undefined;
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, FOLLOW_POLL_MS);
        });
      }
      clearTimeout(timer);
      wake = undefined;
      rung = false;
    },
    close() {
      signal.removeEventListener("abort", ring);
      watcher?.close();
    },
  };
}
