/** Which allocation and task a command on one of them means: an id, or `-job` and any of its allocations. */
import type { AllocationStub } from "#api/contract";
import { NamedError } from "#std";
import type { Context } from "./command.ts";
import { UsageError, type FlagTable } from "./flags.ts";
import { resolveAllocation, resolveJob } from "./resolve.ts";

export const PICK_FLAGS: FlagTable = {
  job: { kind: "boolean", about: "The argument is a job: take one of its allocations, a running one first" },
  group: { kind: "text", value: "group", about: "With -job: an allocation of this group" },
};

/** The allocation named by the first argument. */
export async function pickAllocation(context: Context): Promise<AllocationStub> {
  const typed = context.arguments[0];
  if (typed === undefined) throw new UsageError(context.flags.flag("job") ? "A job id is required" : "An allocation id is required");
  if (!context.flags.flag("job")) return resolveAllocation(context, typed);
  const job = await resolveJob(context, typed);
  const { value: body } = await context.api.jobs.allocations(job.ID, { namespace: job.Namespace });
  const group = context.flags.text("group");
  const fitting = body
    .filter((each) => group === undefined || each.TaskGroup === group)
    .toSorted((left, right) => right.CreateIndex - left.CreateIndex);
  const chosen = fitting.find((each) => each.ClientStatus === "running") ?? fitting[0];
  if (chosen === undefined) {
    throw new NamedError(
      "ALLOCATION_UNKNOWN",
      `Job ${JSON.stringify(job.ID)} has no allocations${group === undefined ? "" : ` of group ${JSON.stringify(group)}`}`,
    );
  }
  return chosen;
}

/** The task meant: named, or the only one. */
export function pickTask(allocation: AllocationStub, named: string | undefined): string {
  const tasks = Object.keys(allocation.TaskStates ?? {});
  if (named !== undefined) {
    if (tasks.length > 0 && !tasks.includes(named)) {
      throw new NamedError("TASK_UNKNOWN", `Could not find task named: ${named}, found:\n${tasks.map((task) => `  * ${task}`).join("\n")}`);
    }
    return named;
  }
  if (tasks.length === 1) return tasks[0] as string;
  if (tasks.length === 0)
    throw new NamedError("TASK_UNKNOWN", `Allocation ${JSON.stringify(allocation.ID.slice(0, 8))} has not started any task yet`);
  throw new NamedError(
    "TASK_AMBIGUOUS",
    `Allocation ${JSON.stringify(allocation.ID.slice(0, 8))} is running the following tasks:\n${tasks.map((task) => `  * ${task}`).join("\n")}\n\nPlease specify the task.`,
  );
}
