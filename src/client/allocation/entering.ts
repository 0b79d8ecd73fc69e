/** How an allocation begins: its steps are entered, or, after the agent was away, taken up again. */
import { messageOf } from "#std";
import { enterSteps, resumeSteps } from "../step.ts";
import type { AllocationCourse } from "./course.ts";
import { allocationPipeline } from "./steps/list.ts";

/** Its tasks may begin afterwards; what could not be set up dooms them all. */
export async function enter({ world, context, memory, tasks, report }: AllocationCourse): Promise<void> {
  let problem: string | undefined;
  await enterSteps(allocationPipeline, context, world.killPoint, context.interrupted, (step, thrown) => {
    problem = `${step.name}: ${messageOf(thrown)}`;
    report("error", "allocation could not be set up", { step: step.name, problem });
  });
  if (memory.detached) return;
  // First: an agent that dies in between finds tasks that cannot begin, not some that may without what they need.
  if (problem !== undefined) for (const task of tasks.values()) task.doom(problem);
  memory.save({ ...memory.progress, phase: "running", begunAt: world.clock.nowNs() });
}

/** The agent was away: its tasks may run on. */
export async function takeUp({ context, memory, report }: AllocationCourse): Promise<void> {
  // First: what the tasks are told of it, and whether they may go on.
  await context.network.resume();
  resumeSteps(allocationPipeline, context, (step, thrown) => {
    if (!memory.detached) report("warn", "allocation could not be taken up again", { step: step.name, problem: messageOf(thrown) });
  });
}
