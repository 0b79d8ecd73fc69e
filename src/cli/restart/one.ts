/** One allocation of `job restart`: set going again where it is, or replaced; done when it runs again. */
import type { AllocationDetail, AllocationStub } from "#api/contract";
import { NamedError } from "#std";
import type { Context } from "../command.ts";
import { tasksToRestart } from "./batches.ts";

const POLL_WAIT_MS = 5_000;

/** Where `job restart` tells how it goes. */
export interface Progress {
  say(text: string): void;
  short(id: string): string;
}

/** Tasks asked for by name one after the other, else all that run (`anyTask`: all). `asked`: what it is like now. */
export async function restartInPlace(
  context: Context,
  allocation: AllocationStub,
  how: { readonly tasks: readonly string[]; readonly anyTask: boolean },
  progress: Progress,
  asked = askFor(context, allocation),
): Promise<void> {
  const { api } = context;
  const name = JSON.stringify(progress.short(allocation.ID));
  const query = { namespace: allocation.Namespace };
  const before = (await asked).value;
  const tasks = tasksToRestart(before, how);
  if (how.tasks.length === 0) {
    progress.say(
      `Restarting ${how.anyTask ? "all" : "running"} tasks in allocation ${name} for group ${JSON.stringify(allocation.TaskGroup)}`,
    );
    await api.allocations.restart(allocation.ID, { TaskName: "", AllTasks: how.anyTask }, query);
  }
  for (const task of tasks) {
    progress.say(`Restarting task ${JSON.stringify(task)} in allocation ${name} for group ${JSON.stringify(allocation.TaskGroup)}`);
    await api.allocations.restart(allocation.ID, { TaskName: task, AllTasks: false }, query);
  }
  const waited =
    how.tasks.length > 0 ? tasks : Object.entries(before.TaskStates).flatMap(([task, state]) => (state.State === "running" ? [task] : []));
  await until(context, allocation, (now) => waited.every((task) => startedAgain(before, now, task)));
}

export const askFor = ({ api }: Context, { ID, Namespace }: AllocationStub): Promise<{ readonly value: AllocationDetail }> =>
  api.allocations.read(ID, { namespace: Namespace });

function startedAgain(before: AllocationDetail, now: AllocationDetail, task: string): boolean {
  const state = now.TaskStates[task];
  return state?.State === "running" && state.StartedAt !== before.TaskStates[task]?.StartedAt;
}

export async function rescheduleAllocation(
  context: Context,
  allocation: AllocationStub,
  how: { readonly noShutdownDelay: boolean },
  progress: Progress,
): Promise<void> {
  const { api } = context;
  const name = JSON.stringify(progress.short(allocation.ID));
  const group = JSON.stringify(allocation.TaskGroup);
  progress.say(`Rescheduling allocation ${name} for group ${group}`);
  const { value: stopped } = await api.allocations.stop(
    allocation.ID,
    { noShutdownDelay: how.noShutdownDelay, reschedule: true },
    { namespace: allocation.Namespace },
  );
  await placedEverything(context, stopped.EvalID);
  const replaced = await until(context, allocation, (now) => now.NextAllocation !== "", true);
  const replacement = (await api.allocations.read(replaced.NextAllocation, { namespace: allocation.Namespace })).value;
  const next = JSON.stringify(progress.short(replacement.ID));
  progress.say(`Allocation ${name} replaced by ${next}, waiting for ${next} to start running`);
  await until(context, replacement, (now) => now.ClientStatus === "running");
  progress.say(`Allocation ${next} is "running"`);
}

/** Throws when the replacement fits nowhere: waiting for it would be for ever. */
async function placedEverything(context: Context, evaluation: string): Promise<void> {
  let index = 0;
  for (;;) {
    context.interrupted.throwIfAborted();
    const { value, index: next } = await context.api.evaluations.read(evaluation, {
      signal: context.interrupted,
      ...(index === 0 ? {} : { index, waitMs: POLL_WAIT_MS }),
    });
    index = next;
    if (value.Status === "pending") continue;
    const groups = Object.keys(value.FailedTGAllocs ?? {});
    if (groups.length > 0)
      throw new NamedError("NOT_PLACED", `No node has room for a replacement of group ${groups.join(", ")}; see "drover job why"`);
    if (value.Status !== "complete") throw new NamedError("NOT_PLACED", `Its evaluation is ${value.Status}: ${value.StatusDescription}`);
    return;
  }
}

/** Throws when the allocation ends before it is so (unless it is meant to: `mayEnd`). */
async function until(
  context: Context,
  allocation: Pick<AllocationStub, "ID" | "Namespace">,
  so: (now: AllocationDetail) => boolean,
  mayEnd = false,
): Promise<AllocationDetail> {
  let index = 0;
  for (;;) {
    context.interrupted.throwIfAborted();
    const answer = await context.api.allocations.read(allocation.ID, {
      namespace: allocation.Namespace,
      signal: context.interrupted,
      ...(index === 0 ? {} : { index, waitMs: POLL_WAIT_MS }),
    });
    index = answer.index;
    const now = answer.value;
    if (so(now)) return now;
    if (!mayEnd && ["complete", "failed", "lost"].includes(now.ClientStatus)) {
      throw new NamedError(
        "ALLOCATION_ENDED",
        `It is ${now.ClientStatus} and does not run again${now.ClientDescription === "" ? "" : `: ${now.ClientDescription}`}`,
      );
    }
  }
}
