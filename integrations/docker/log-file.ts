/**
 * A container's output from docker's own json-file: one JSON object a line, files shifted to .1, .2 … as they fill. Faster than the API,
 * which loses what is shifted away while it reads, and exact: a position is a file (by its number on the disk) and a place in it.
 *
 *   at the end of a file ─▶ it has been shifted? ─ no ─▶ wait for a change
 *                                    └─ yes ─▶ read what came until then ─▶ the next newer file
 */
import { watch } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outlet, Queued } from "./log-outlet.ts";
import type { FilePosition, FollowedPosition } from "./log-position.ts";

/** Lines of one stream that follow each other. */
export interface LogRun {
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
  readonly lines: readonly LogLine[];
}

export interface LogLine {
  /** In the run's data: where its text ends. */
  readonly until: number;
  /** In what was read: where it ends. */
  readonly end: number;
  readonly length: number;
  readonly time: string;
}

const CHUNK_BYTES = 256 * 1024;
const FILES_MAX = 50;
const LOOK_MS = 1000;
const SHIFTING_MS = 2;
const SHIFTING_LOOKS = 3;
/** While the pipe is not emptied, so many are kept on disk by us at the most. */
const HELD_MAX = 16;

export async function readFromFile(
  file: string,
  outlet: Outlet<FollowedPosition>,
  finishing: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const changes = changesOf(path.dirname(file));
  // The file that is read, and those after it: held open, so that they can be read though they are shifted away.
  const chain: Held[] = [];
  try {
    chain.push(await resume(file, outlet));
    while (!signal.aborted) {
      const mark = changes.mark();
      // Asked before the read: what was written until the end was known is read.
      const over = finishing.aborted;
      await lengthen(chain, file);
      const [current, next] = chain;
      if (current !== undefined && (await readOn(current.handle, outlet, signal))) continue;
      if (next === undefined) {
        if (over) return;
        await changes.since(mark, AbortSignal.any([finishing, signal]));
        continue;
      }
      chain.shift();
      await current?.handle.close();
      outlet.position = { ...outlet.position, file: beginOf(next) };
    }
  } finally {
    changes.close();
    for (const each of chain) await each.handle.close();
  }
}

interface Held {
  readonly handle: FileHandle;
  readonly inode: number;
}

/** True: something was read. */
async function readOn(file: FileHandle, outlet: Outlet<FollowedPosition>, signal: AbortSignal): Promise<boolean> {
  const position = outlet.position.file;
  if (position === undefined || signal.aborted) return false;
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position.offset);
  const runs = readRuns(buffer.subarray(0, bytesRead));
  const batch = runs.map((run, index): Queued => {
    // Of the first line a part may have been handed on before.
    const skipped = index === 0 ? Math.min(position.bytes, run.lines[0]?.until ?? 0) : 0;
    let line = 0;
    return {
      stream: run.stream,
      data: run.data.subarray(skipped),
      reached(bytes) {
        while (line < run.lines.length && (run.lines[line] as LogLine).until <= bytes + skipped) line++;
        const last = run.lines[line - 1];
        const at = outlet.position.file ?? position;
        const within = bytes + skipped - (last?.until ?? 0);
        const place = last === undefined ? {} : { offset: position.offset + last.end, before: { length: last.length, time: last.time } };
        outlet.position = { ...outlet.position, file: { ...at, ...place, bytes: within } };
      },
    };
  });
  await outlet.write(batch, signal);
  return runs.length > 0;
}

/** Whole lines; what is no JSON (a line cut by a crash of the machine) counts as an empty one. */
export function readRuns(chunk: Buffer): LogRun[] {
  const runs: LogRun[] = [];
  let stream: LogRun["stream"] | undefined;
  let texts: string[] = [];
  let lines: LogLine[] = [];
  let until = 0;
  const finish = () => {
    if (stream !== undefined) runs.push({ stream, data: Buffer.from(texts.join("")), lines });
    [texts, lines, until] = [[], [], 0];
  };
  for (let begin = 0, end = chunk.indexOf(10); end >= 0; begin = end + 1, end = chunk.indexOf(10, begin)) {
    const said = readLine(chunk.toString("utf8", begin, end));
    const from = said.stream === "stderr" ? "stderr" : "stdout";
    if (from !== stream) finish();
    stream = from;
    const text = said.log ?? "";
    texts.push(text);
    until += Buffer.byteLength(text);
    lines.push({ until, end: end + 1, length: end + 1 - begin, time: said.time ?? "" });
  }
  finish();
  return runs;
}

function readLine(text: string): { log?: string; stream?: string; time?: string } {
  try {
    return JSON.parse(text) as { log?: string; stream?: string; time?: string };
  } catch {
    return {};
  }
}

/** The file we were in, at our place; the oldest there is when it is gone. */
async function resume(file: string, outlet: Outlet<FollowedPosition>): Promise<Held> {
  const position = outlet.position.file;
  const files = await openAll(file);
  let chosen: Held | undefined;
  if (position !== undefined) {
    for (const each of files) if (chosen === undefined && (await isAt(each, position))) chosen = each;
  }
  if (chosen === undefined) {
    chosen = files.at(-1) ?? (await held(file));
    outlet.position = { ...outlet.position, file: beginOf(chosen) };
  }
  for (const each of files) if (each !== chosen) await each.handle.close();
  return chosen;
}

/** Takes up what came after the newest we hold. */
async function lengthen(chain: Held[], file: string): Promise<void> {
  const last = chain.at(-1);
  const newest = await stat(file).catch(() => undefined);
  // Just being shifted, or removed with its container.
  if (newest === undefined || last === undefined || newest.ino === last.inode || chain.length >= HELD_MAX) return;
  for (let look = 0; ; look++) {
    const files = await openAll(file);
    const at = files.findIndex((each) => each.inode === last.inode);
    // Not among them: they are being shifted at this moment; or it was shifted away while we read, then all of them are newer.
    if (at < 0 && look < SHIFTING_LOOKS) {
      for (const each of files) await each.handle.close();
      await sleep(SHIFTING_MS);
      continue;
    }
    const known = new Set(chain.map((each) => each.inode));
    const wanted = (at < 0 ? files : files.slice(0, at)).toReversed();
    for (const each of wanted) {
      if (known.has(each.inode)) continue;
      known.add(each.inode);
      chain.push(each);
    }
    for (const each of files) if (!chain.includes(each)) await each.handle.close();
    return;
  }
}

async function held(file: string): Promise<Held> {
  const handle = await open(file, "r");
  return { handle, inode: (await handle.stat()).ino };
}

/** Newest first. */
async function openAll(file: string): Promise<Held[]> {
  const files: Held[] = [];
  for (let number = 0; number < FILES_MAX; number++) {
    const opened = await held(number === 0 ? file : `${file}.${number}`).catch(() => undefined);
    if (opened === undefined && number > 0) break;
    if (opened !== undefined) files.push(opened);
  }
  return files;
}

async function isAt({ handle, inode }: Held, position: FilePosition): Promise<boolean> {
  const { size } = await handle.stat();
  if (inode !== position.inode || size < position.offset) return false;
  const { length, time } = position.before;
  if (length === 0) return true;
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, position.offset - length);
  return buffer[length - 1] === 10 && buffer.includes(time);
}

function beginOf({ inode }: Held): FilePosition {
  return { inode, offset: 0, bytes: 0, before: { length: 0, time: "" } };
}

interface Changes {
  mark(): number;
  /** Resolves when something changed after the mark, or after a second. */
  since(mark: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

function changesOf(directory: string): Changes {
  let count = 0;
  let wake = () => {};
  const watcher = watch(directory, { persistent: false }, () => {
    count++;
    wake();
  });
  watcher.on("error", () => {});
  return {
    mark: () => count,
    async since(mark, signal) {
      if (count !== mark || signal.aborted) return;
      const ending = new AbortController();
      wake = () => {
        ending.abort();
      };
      await sleep(LOOK_MS, undefined, { signal: AbortSignal.any([signal, ending.signal]), ref: false }).catch(() => undefined);
      wake = () => {};
    },
    close: () => {
      watcher.close();
    },
  };
}
