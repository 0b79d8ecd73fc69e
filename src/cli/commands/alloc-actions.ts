/** `drover alloc restart`, `alloc signal`, `alloc stop`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { pickAllocation, pickTask, PICK_FLAGS } from "../pick-allocation.ts";

export const allocRestart: Command = {
  usage: "alloc restart [options] <allocation> [<task>]",
  about: "Restarts an allocation's running tasks, or one of them. Does not count against the restart policy.",
  connects: true,
  flags: {
    task: { kind: "text", value: "task", about: "Only this task" },
    "all-tasks": { kind: "boolean", about: "Tasks that have ended too" },
    ...PICK_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, api } = context;
    const allocation = await pickAllocation(context);
    const named = flags.text("task") ?? context.arguments[1];
    if (named !== undefined && flags.flag("all-tasks"))
      throw new UsageError("The -all-tasks option is not allowed when restarting a specific task");
    if (named !== undefined) pickTask(allocation, named);
    await api.allocations.restart(allocation.ID, { TaskName: named ?? "", AllTasks: flags.flag("all-tasks") });
    return 0;
  },
};

export const allocSignal: Command = {
  usage: "alloc signal [options] <allocation> [<task>]",
  about: "Sends a signal to an allocation's running tasks, or to one of them.",
  connects: true,
  flags: {
    s: { kind: "text", value: "signal", about: "The signal (default SIGKILL)" },
    task: { kind: "text", value: "task", about: "Only this task" },
    ...PICK_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, api } = context;
    const allocation = await pickAllocation(context);
    const named = flags.text("task") ?? context.arguments[1];
    if (named !== undefined) pickTask(allocation, named);
    await api.allocations.signal(allocation.ID, { Signal: flags.text("s") ?? "SIGKILL", Task: named ?? "" });
    return 0;
  },
};

export const allocStop: Command = {
  usage: "alloc stop [options] <allocation>",
  about: "Stops an allocation; its job gets a new one in its place.",
  connects: true,
  flags: {
    detach: { kind: "boolean", about: "Return at once and print the evaluation's id" },
    "no-shutdown-delay": { kind: "boolean", about: "Skip the tasks' shutdown_delay" },
    verbose: { kind: "boolean", about: "Full ids" },
    ...PICK_FLAGS,
  },
  async run(context) {
    const { flags, api, terminal } = context;
    const allocation = await pickAllocation(context);
    const { value: body } = await api.allocations.stop(
      allocation.ID,
      { noShutdownDelay: flags.flag("no-shutdown-delay") },
      { namespace: allocation.Namespace },
    );
    if (flags.flag("detach")) {
      terminal.print(body.EvalID);
      return 0;
    }
    return monitorEvaluation(context, body.EvalID, { verbose: flags.flag("verbose") });
  },
};
