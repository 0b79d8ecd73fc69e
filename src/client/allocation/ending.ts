/** How an allocation ends: its steps are exited once its tasks are dead, and left when nobody wants its remains. */
import { messageOf } from "#std";
import { unwindSteps } from "../step.ts";
import type { AllocationCourse } from "./course.ts";
import { allocationPipeline } from "./steps/list.ts";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
const EXIT_TRIES_MAX = 5;

/** What cannot be ended now is ended when its remains are removed. */
export async function exit({ world, context, memory, report }: AllocationCourse): Promise<void> {
  for (let attempt = 1, wait = RETRY_FIRST_MS; attempt <= EXIT_TRIES_MAX && !memory.detached; attempt++, wait *= 2) {
    const failure = await unwindSteps(allocationPipeline, context, "exit", world.killPoint);
    if (failure === undefined) break;
    report("warn", "allocation could not be ended cleanly", { step: failure.step, problem: messageOf(failure.thrown) });
    await world.clock.sleep(wait);
  }
}

/** Resolves when nothing of it is left, or the agent goes. */
export async function leave({ world, context, memory, allocation, report }: AllocationCourse): Promise<void> {
  for (let wait = RETRY_FIRST_MS; !memory.detached; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    const failure = await unwindSteps(allocationPipeline, context, "leave", world.killPoint);
    if (failure === undefined || memory.detached) return;
    report("warn", "allocation could not be removed, trying again", { step: failure.step, problem: messageOf(failure.thrown) });
    // Forgotten too early it would be lost: keep it in memory until its directory is gone.
    world.store.saveAllocation(allocation());
    memory.save(memory.progress);
    await world.clock.sleep(wait);
  }
}
