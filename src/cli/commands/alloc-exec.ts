/** `drover alloc exec`: nomad.md §3.4, §4.2, §4.3. */
import type { Command } from "../command.ts";
import { EXEC_FLAGS, execHere, execOptions } from "../exec-flags.ts";
import { UsageError } from "../flags.ts";
import { PICK_FLAGS, pickAllocation, pickTask } from "../pick-allocation.ts";

export const allocExec: Command = {
  usage: "alloc exec [options] <allocation> <command> [<words> …]",
  about:
    "Runs a command inside a running task: in its folder, with its environment, limits and view of the machine. Its exit code is the command's.",
  connects: true,
  foreignWords: true,
  flags: {
    task: { kind: "text", value: "task", about: "The task; may be left out when there is only one" },
    ...PICK_FLAGS,
    ...EXEC_FLAGS,
  },
  async run(context) {
    const { flags, api } = context;
    const options = execOptions(flags, process.stdin.isTTY);
    const words = context.arguments.slice(1);
    const command = words[0] === "--" ? words.slice(1) : words;
    if (context.arguments.length > 0 && command.length === 0) throw new UsageError("A command is required");
    const allocation = await pickAllocation(context);
    const task = pickTask(allocation, flags.text("task"));
    return execHere(context, options, (input, signal) =>
      api.exec(allocation.ID, { task, command, tty: options.tty }, input, { namespace: allocation.Namespace, signal }),
    );
  },
};
