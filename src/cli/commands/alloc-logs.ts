/** `drover alloc logs`: nomad.md §4.3, §3.4 (fs/logs). */
import type { ReadRange } from "#api/client";
import type { Command, Context } from "../command.ts";
import { PICK_FLAGS, pickAllocation, pickTask } from "../pick-allocation.ts";
import { readTail, tailAsked } from "../tail.ts";

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
  const follow = flags.flag("f");
  const read = (range: ReadRange) => context.api.files.logBytes(allocationId, task, type, range, { signal: context.interrupted });
  const copy = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const data of stream) terminal.write(data);
  };
  const tail = tailAsked(flags);
  if (tail === undefined) return copy(await read({ origin: "start", offset: 0, follow }));
  // The end is read without following first, so that lines can be counted; then following goes on.
  terminal.write(await readTail(tail, (offset) => read({ origin: "end", offset, follow: false })));
  if (follow) await copy(await read({ origin: "end", offset: 0, follow }));
}
