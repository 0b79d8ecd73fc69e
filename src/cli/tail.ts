/** The end of a log or a file: its last lines, or its last bytes. */
import type { ParsedFlags } from "./flags.ts";

/** Of a log's lines; where they are longer, more is read. */
const BYTES_PER_LINE = 120;
const READ_BYTES_MIN = 4096;
const LINES_DEFAULT = 10;

/** What -tail, -n and -c ask for; undefined: all of it. */
export type Tail = { readonly lines: number } | { readonly bytes: number };

export function tailAsked(flags: ParsedFlags): Tail | undefined {
  const [lines, bytes] = [flags.whole("n"), flags.whole("c")];
  if (lines !== undefined) return { lines };
  if (bytes !== undefined) return { bytes };
  return flags.flag("tail") ? { lines: LINES_DEFAULT } : undefined;
}

/** `readEnd` gives the last so many bytes, or all when there are fewer. */
export async function readTail(tail: Tail, readEnd: (bytes: number) => Promise<AsyncIterable<Uint8Array>>): Promise<Buffer> {
  if ("bytes" in tail) return collect(await readEnd(tail.bytes));
  let wanted = Math.max(READ_BYTES_MIN, tail.lines * BYTES_PER_LINE);
  let end = await collect(await readEnd(wanted));
  while (countLines(end) <= tail.lines && end.length >= wanted) {
    wanted *= 4;
    end = await collect(await readEnd(wanted));
  }
  return lastLines(end, tail.lines);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const data of stream) parts.push(data);
  return Buffer.concat(parts);
}

const NEW_LINE = 10;

function countLines(data: Buffer): number {
  let count = 0;
  for (const byte of data) if (byte === NEW_LINE) count++;
  return count;
}

/** The last `count` lines; a last line without its end counts as one. */
export function lastLines(data: Buffer, count: number): Buffer {
  if (count <= 0) return Buffer.alloc(0);
  let found = 0;
  for (let at = data.length - 2; at >= 0; at--) {
    if (data[at] === NEW_LINE && ++found === count) return data.subarray(at + 1);
  }
  return data;
}
