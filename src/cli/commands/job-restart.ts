/**
 * `drover job restart`: nomad.md §4.3.
 *
 *   running allocations ──► batches ──► each: restart in place, or stop and have a new one placed (-reschedule) ──► it runs again ──► next
 *                                        └ something goes wrong ──► ask, or stop there (-on-error)
 */
import type { AllocationStub } from "#api/contract";
import type { Job } from "#model";
import { formatDuration, messageOf, NamedError, parseDuration } from "#std";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { namedJob } from "../named-job.ts";
import { localRfc3339 } from "../render/time.ts";
import { batchSize, inBatches, ordinal, restartable } from "../restart/batches.ts";
import { askFor, rescheduleAllocation, restartInPlace, type Progress } from "../restart/one.ts";

export const jobRestart: Command = {
  usage: "job restart [options] <job>",
  about: `Restarts a job's running allocations, some at a time, waiting until those run again before it goes on. Restarted in place they
keep their node, ports and data; with -reschedule each is stopped and a new one is placed, perhaps elsewhere.`,
  connects: true,
  flags: {
    "batch-size": { kind: "text", value: "n or n%", about: "So many at a time, or such a part of all (default 1)" },
    "batch-wait": { kind: "text", value: "duration or ask", about: "So long between two batches, or ask (default 0s)" },
    group: { kind: "list", value: "group", about: "Only this group; may be repeated" },
    task: { kind: "list", value: "task", about: "Only this task; may be repeated" },
    "all-tasks": { kind: "boolean", about: "Tasks that have ended too, such as prestart tasks" },
    reschedule: { kind: "boolean", about: "Stop them and place new ones" },
    "no-shutdown-delay": { kind: "boolean", about: "With -reschedule: skip the tasks' shutdown_delay" },
    "on-error": { kind: "text", value: "ask or fail", about: "What to do when one does not come back (default ask)" },
    yes: { kind: "boolean", about: "Answer every question with yes; an error ends it, unless -on-error=ask is given" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const how = askedFor(context);
    const { namespace, id } = await namedJob(context);
    const { value: job } = await api.jobs.read(id, { namespace });
    checkAgainst(job, how);
    const { value: stubs } = await api.jobs.allocations(id, { namespace });
    const chosen = restartable(stubs, how);
    if (chosen.length === 0) {
      terminal.print("No allocations to restart");
      return 0;
    }
    const size = batchSize(flags.text("batch-size") ?? "1", chosen.length);
    announce(context, `Restarting ${chosen.length} allocation${chosen.length === 1 ? "" : "s"}`);
    const batches = inBatches(chosen, size);
    const errors: string[] = [];
    for (const [position, batch] of batches.entries()) {
      if (position > 0 && !(await mayGoOn(context, how))) {
        announce(context, "Job restart canceled");
        return 1;
      }
      if (size > 1) announce(context, `Restarting ${ordinal(position + 1)} batch of ${batch.length} allocations`);
      const failed = await restartBatch(context, batch, how);
      errors.push(...failed);
      if (failed.length > 0 && position < batches.length - 1 && !(await goOnAfterError(context, how, failed))) break;
    }
    announce(context, errors.length === 0 ? "Job restart finished" : "Job restart finished with errors");
    if (errors.length === 0) terminal.print("\nJob restarted successfully!");
    else {
      const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
      terminal.complain(`\n${count} occurred while restarting job:\n${errors.map((each) => `* ${each}`).join("\n")}`);
    }
    return errors.length === 0 ? 0 : 1;
  },
};

const stamp = (context: Context): string => localRfc3339(new Date(context.nowMs()));

function announce(context: Context, text: string): void {
  const { terminal } = context;
  terminal.print(terminal.colours.bold(`==> ${stamp(context)}: ${text}`));
}

/** What went wrong, an allocation at a time. */
async function restartBatch(context: Context, batch: readonly AllocationStub[], how: Asked): Promise<string[]> {
  const progress: Progress = {
    say: (text) => context.terminal.print(`    ${stamp(context)}: ${text}`),
    short: (uuid) => (context.flags.flag("verbose") ? uuid : uuid.slice(0, 8)),
  };
  // All are asked about first, so that what is said of them comes in their order.
  const asked = how.reschedule ? [] : batch.map((each) => askFor(context, each));
  await Promise.allSettled(asked);
  const results = await Promise.allSettled(batch.map((each, at) => restartOne(context, each, how, progress, asked[at])));
  return results.flatMap((result, at) => {
    if (result.status === "fulfilled") return [];
    if (context.interrupted.aborted) throw result.reason;
    const id = JSON.stringify(progress.short((batch[at] as AllocationStub).ID));
    return [`Error restarting allocation ${id}: ${messageOf(result.reason)}`];
  });
}

interface Asked {
  readonly groups: readonly string[];
  readonly tasks: readonly string[];
  readonly anyTask: boolean;
  readonly reschedule: boolean;
  readonly noShutdownDelay: boolean;
  /** Milliseconds, or ask each time. */
  readonly batchWait: number | "ask";
  readonly onError: "ask" | "fail";
}

function askedFor(context: Context): Asked {
  const { flags } = context;
  const asked: Asked = {
    groups: flags.list("group"),
    tasks: flags.list("task"),
    anyTask: flags.flag("all-tasks"),
    reschedule: flags.flag("reschedule"),
    noShutdownDelay: flags.flag("no-shutdown-delay"),
    batchWait: batchWait(flags.text("batch-wait") ?? "0s"),
    onError: onError(flags.text("on-error") ?? (flags.flag("yes") ? "fail" : "ask")),
  };
  if (asked.reschedule && asked.anyTask) throw new UsageError("The -all-tasks option cannot be used with -reschedule");
  if (asked.reschedule && asked.tasks.length > 0) throw new UsageError("The -task option cannot be used with -reschedule");
  if (asked.anyTask && asked.tasks.length > 0) throw new UsageError("The -all-tasks option cannot be used with -task");
  if (asked.noShutdownDelay && !asked.reschedule) throw new UsageError("The -no-shutdown-delay option is only for -reschedule");
  batchSize(flags.text("batch-size") ?? "1", 1);
  return asked;
}

function batchWait(text: string): number | "ask" {
  if (text === "ask") return text;
  const ns = parseDuration(text);
  if (ns === undefined) throw new UsageError(`Invalid -batch-wait value ${JSON.stringify(text)}: want a duration such as "10s", or "ask"`);
  return ns / 1e6;
}

function onError(text: string): "ask" | "fail" {
  if (text !== "ask" && text !== "fail") throw new UsageError(`Invalid -on-error value ${JSON.stringify(text)}: want "ask" or "fail"`);
  return text;
}

function checkAgainst(job: Job, how: Asked): void {
  const wrong = (what: string) => new NamedError("JOB_RESTART_REFUSED", `Cannot restart job ${JSON.stringify(job.ID)}: ${what}`);
  if (how.reschedule && job.Type !== "service")
    throw wrong(`allocations of a ${job.Type} job are not rescheduled, wanted a service job or no -reschedule`);
  const names = job.TaskGroups.map((group) => group.Name);
  const unknown = how.groups.find((group) => !names.includes(group));
  if (unknown !== undefined) throw wrong(`it has no group ${JSON.stringify(unknown)}, its groups are ${names.join(", ")}`);
  const tasks = job.TaskGroups.filter((group) => how.groups.length === 0 || how.groups.includes(group.Name)).flatMap((group) =>
    group.Tasks.map((task) => task.Name),
  );
  const stranger = how.tasks.find((task) => !tasks.includes(task));
  if (stranger !== undefined) throw wrong(`it has no task ${JSON.stringify(stranger)}, its tasks are ${tasks.join(", ")}`);
}

async function restartOne(
  context: Context,
  allocation: AllocationStub,
  how: Asked,
  progress: Progress,
  asked: ReturnType<typeof askFor> | undefined,
): Promise<void> {
  if (how.reschedule) await rescheduleAllocation(context, allocation, { noShutdownDelay: how.noShutdownDelay }, progress);
  else await restartInPlace(context, allocation, { tasks: how.tasks, anyTask: how.anyTask }, progress, asked);
}

async function mayGoOn(context: Context, how: Asked): Promise<boolean> {
  const waitMs = how.batchWait === "ask" ? await askedWait(context) : how.batchWait;
  if (waitMs === undefined) return false;
  if (waitMs > 0) {
    announce(context, `Waiting ${formatDuration(waitMs * 1e6)} before restarting the next batch`);
    const { setTimeout: after } = await import("node:timers/promises");
    await after(waitMs, undefined, { signal: context.interrupted });
  }
  return true;
}

/** Milliseconds to wait first; undefined: no. */
async function askedWait(context: Context): Promise<number | undefined> {
  if (context.flags.flag("yes")) return 0;
  for (;;) {
    const question = `==> ${stamp(context)}: Proceed with the next batch? [Y/n/<wait duration>] `;
    const answer = (await context.terminal.ask(context.terminal.colours.bold(question)))?.trim();
    if (answer === undefined) throw new NamedError("NOT_CONFIRMED", "Cannot go on: nobody is there to ask; give -batch-wait=0s or -yes");
    if (/^(y(es)?)?$/i.test(answer)) return 0;
    if (/^no?$/i.test(answer)) return undefined;
    const ns = parseDuration(answer);
    if (ns !== undefined && ns >= 0) return ns / 1e6;
    context.terminal.complain(`Invalid answer ${JSON.stringify(answer)}: want y, n, or a duration such as "10s"`);
  }
}

/** `errors`: what went wrong in the batch; told before anybody is asked. */
async function goOnAfterError(context: Context, how: Asked, errors: readonly string[]): Promise<boolean> {
  if (how.onError === "fail") return false;
  context.terminal.complain(errors.join("\n"));
  const answer = await context.terminal.ask("Continue with the next batch all the same? [y/N] ");
  return answer !== undefined && /^y(es)?$/i.test(answer.trim());
}
