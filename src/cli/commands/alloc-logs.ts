/** `drover alloc logs`: nomad.md §4.3, §3.4 (fs/logs). */
import type { ReadRange } from "#api/client";
import type { Command, Context } from "../command.ts";
import { PICK_FLAGS, pickAllocation, pickTask } from "../pick-allocation.ts";

/** What the API is asked for at the end of a log when only the last lines are wanted. */
const TAIL_BYTES_PER_LINE = 120;
const TAIL_LINES_DEFAULT = 10;

export const allocLogs: Command = {
  usage: "alloc logs [options] <allocation> [<task>]",
  about: "Shows what a task printed. <task> may be left out when there is only one.",
  connects: true,
  flags: {
    f: { kind: "boolean", about: "Follow: go on printing until Ctrl-C or the task's end; alone, both streams" },
    tail: { kind: "boolean", about: "Only the end: the last 10 lines unless -n or -c says otherwise" },
    n: { kind: "whole", value: "lines", about: "The last so many lines" },
    c: { kind: "whole", value: "bytes", about: "The last so many bytes" },
    stdout: { kind: "boolean", about: "Standard output (the default)" },
    stderr: { kind: "boolean", about: "Standard error; with -stdout both" },
    task: { kind: "text", value: "task", about: "The task" },
    ...PICK_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags } = context;
    const allocation = await pickAllocation(context);
    const task = pickTask(allocation, flags.text("task") ?? context.arguments[1]);
    const followsAll = flags.flag("f") && !["stdout", "stderr", "tail", "n", "c"].some((name) => flags.given(name));
    const both = followsAll || (flags.flag("stdout") && flags.flag("stderr"));
    const streams = both ? (["stdout", "stderr"] as const) : flags.flag("stderr") ? (["stderr"] as const) : (["stdout"] as const);
    await Promise.all(streams.map((type) => printStream(context, allocation.ID, task, type)));
    return 0;
  },
};

async function printStream(context: Context, allocationId: string, task: string, type: "stdout" | "stderr"): Promise<void> {
  const { flags, terminal } = context;
  const lines = flags.whole("n") ?? (flags.flag("tail") && !flags.given("c") ? TAIL_LINES_DEFAULT : undefined);
  const bytes = flags.whole("c");
  const read = (range: ReadRange) => context.api.files.logBytes(allocationId, task, type, range, { signal: context.interrupted });
  const output = (data: Uint8Array) => terminal.write(data);
  if (lines === undefined && bytes === undefined) {
    await copy(await read({ origin: "start", offset: 0, follow: flags.flag("f") }), output);
    return;
  }
  // The last lines are read without following first, so that they can be counted; then following goes on at the end.
  let wanted = bytes ?? Math.max(4096, (lines as number) * TAIL_BYTES_PER_LINE);
  let tail = await collect(await read({ origin: "end", offset: wanted, follow: false }));
  while (lines !== undefined && countLines(tail) <= lines && tail.length >= wanted) {
    wanted *= 4;
    tail = await collect(await read({ origin: "end", offset: wanted, follow: false }));
  }
  output(lines === undefined ? tail : lastLines(tail, lines));
  if (flags.flag("f")) await copy(await read({ origin: "end", offset: 0, follow: true }), output);
}

async function copy(stream: AsyncIterable<Uint8Array>, to: (data: Uint8Array) => void): Promise<void> {
  for await (const data of stream) to(data);
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
