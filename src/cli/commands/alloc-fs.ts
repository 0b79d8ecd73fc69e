/** `drover alloc fs`: nomad.md §4.3. */
import type { ReadRange } from "#api/client";
import { endpointPath } from "#api/contract";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { PICK_FLAGS, pickAllocation } from "../pick-allocation.ts";
import { table } from "../render/columns.ts";
import { bytes, localRfc3339 } from "../render/time.ts";
import { readTail, tailAsked } from "../tail.ts";

export const allocFs: Command = {
  usage: "alloc fs [options] <allocation> [<path>]",
  about: "Lists a folder of an allocation, or prints a file. Paths start at the allocation's folder; a task's secrets cannot be read.",
  connects: true,
  flags: {
    H: { kind: "boolean", about: "Sizes and times for machines: bytes, RFC 3339 (default: for people)" },
    stat: { kind: "boolean", about: "What is known of the file instead of its content" },
    f: { kind: "boolean", about: "Follow a file as it grows" },
    tail: { kind: "boolean", about: "Only the end" },
    n: { kind: "whole", value: "lines", about: "The last so many lines" },
    c: { kind: "whole", value: "bytes", about: "The last so many bytes" },
    ...PICK_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { api, flags, terminal } = context;
    if (context.arguments.length > 2) throw new UsageError("This command takes one or two arguments: <allocation> [<path>]");
    const allocation = await pickAllocation(context);
    const path = context.arguments[1] ?? "/";
    const { value: file } = await api.files.stat(allocation.ID, path);
    const show = (each: typeof file) => [
      each.FileMode,
      flags.flag("H") ? String(each.Size) : bytes(each.Size),
      flags.flag("H") ? each.ModTime : localRfc3339(new Date(each.ModTime)),
    ];
    if (flags.flag("stat")) {
      terminal.print(
        table([
          ["Mode", "Size", "Modified Time", "Content Type", "Name"],
          [...show(file), file.ContentType ?? "", file.Name],
        ]),
      );
      return 0;
    }
    if (file.IsDir) {
      const { value: files } = await api.files.list(allocation.ID, path);
      terminal.print(
        table([
          ["Mode", "Size", "Modified Time", "Name"],
          ...files.map((each) => [...show(each), each.IsDir ? `${each.Name}/` : each.Name]),
        ]),
      );
      return 0;
    }
    await printFile(context, allocation.ID, path);
    return 0;
  },
};

async function printFile(context: Context, allocationId: string, path: string): Promise<void> {
  const { api, flags, terminal } = context;
  const signal = context.interrupted;
  const follow = flags.flag("f");
  const read = (range: ReadRange) =>
    api.request.bytes(endpointPath("files-stream", { allocation: allocationId }), { signal, parameters: { path, plain: true, ...range } });
  const copy = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const data of stream) terminal.write(data);
  };
  const tail = tailAsked(flags);
  if (tail === undefined && !follow) return copy(await api.files.cat(allocationId, path, { signal }));
  if (tail === undefined) return copy(await read({ origin: "start", offset: 0, follow }));
  terminal.write(await readTail(tail, (offset) => read({ origin: "end", offset, follow: false })));
  if (follow) await copy(await read({ origin: "end", offset: 0, follow }));
}
