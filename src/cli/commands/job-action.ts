/** `drover job action`: a command a job file names, run in one of its tasks. nomad.md §4.3. */
import type { JobAction } from "#api/contract";
import { NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { EXEC_FLAGS, execHere, execOptions } from "../exec-flags.ts";
import { UsageError } from "../flags.ts";
import { onlyArgument } from "../only-argument.ts";
import { table } from "../render/columns.ts";
import { resolveAllocation, resolveJob } from "../resolve.ts";

export const jobAction: Command = {
  usage: "job action [options] <action>",
  about:
    "Runs an action of a job: a command its file names in an action block. Its exit code is the command's. -job says whose; the rest is found by itself when only one task has an action of this name.",
  connects: true,
  flags: {
    job: { kind: "text", value: "job", about: "The job" },
    group: { kind: "text", value: "group", about: "The group whose task has it" },
    task: { kind: "text", value: "task", about: "The task that has it" },
    alloc: { kind: "text", value: "allocation", about: "The allocation to run it in (default: any that runs)" },
    ...EXEC_FLAGS,
  },
  async run(context) {
    const { flags, api } = context;
    const options = execOptions(flags, process.stdin.isTTY);
    const name = onlyArgument(context, "<action>");
    const { job, namespace, allocation, group } = await whose(context);
    const { value: actions } = await api.jobs.actions(job, { namespace });
    const found = pickAction(actions, name, { group, task: flags.text("task") });
    const what = { action: name, task: found.TaskName, group: found.TaskGroupName, allocation, tty: options.tty };
    return execHere(context, options, (input, signal) => api.action(job, what, input, { namespace, signal }));
  },
};

async function whose(context: Context) {
  const { flags } = context;
  const [job, alloc] = [flags.text("job"), flags.text("alloc")];
  if (job === undefined && alloc === undefined) throw new UsageError("A job ID is required: -job (or an allocation: -alloc)");
  const allocation = alloc === undefined ? undefined : await resolveAllocation(context, alloc);
  const found = job === undefined ? undefined : await resolveJob(context, job);
  if (found !== undefined && allocation !== undefined && found.ID !== allocation.JobID)
    throw new UsageError(
      `Allocation ${JSON.stringify(alloc)} is of job ${JSON.stringify(allocation.JobID)}, not ${JSON.stringify(found.ID)}`,
    );
  return {
    job: found?.ID ?? allocation?.JobID ?? "",
    namespace: found?.Namespace ?? allocation?.Namespace ?? "",
    allocation: allocation?.ID ?? "",
    group: flags.text("group") ?? allocation?.TaskGroup,
  };
}

/** The only action that fits. Throws NamedError ACTION_UNKNOWN, ACTION_AMBIGUOUS with what there is. Pure. */
export function pickAction(
  actions: readonly JobAction[],
  name: string,
  where: { readonly group: string | undefined; readonly task: string | undefined },
): JobAction {
  const fitting = actions.filter(
    (each) =>
      each.Name === name &&
      (where.group === undefined || each.TaskGroupName === where.group) &&
      (where.task === undefined || each.TaskName === where.task),
  );
  const first = fitting[0];
  const list = (of: readonly JobAction[]) =>
    table([["Action Name", "Task Group", "Task"], ...of.map((each) => [each.Name, each.TaskGroupName, each.TaskName])]);
  if (first === undefined)
    throw new NamedError(
      "ACTION_UNKNOWN",
      `Unable to find an action named ${JSON.stringify(name)}${actions.length === 0 ? ": the job has none" : `:\n\n${list(actions)}`}`,
    );
  if (fitting.length > 1)
    throw new NamedError(
      "ACTION_AMBIGUOUS",
      `Several tasks have an action named ${JSON.stringify(name)}:\n\n${list(fitting)}\n\nName one by -group and -task.`,
    );
  return first;
}
