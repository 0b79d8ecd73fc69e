/**
 * The pipes the task writes to, read by the log keeper, which outlives the agent. After each run what was written is in the
 * files before anybody is told that the task ended; the pipes stay open for the next run and close when there is none.
 */
import type { Step } from "../../step.ts";
import { openLogs } from "../open-logs.ts";
import type { ExecutionContext } from "../context.ts";

export const logs: Step<ExecutionContext> = {
  name: "logs",
  enter: openLogs,
  exit: ({ world, allocation, task }) => world.taskLogs.drain(`${allocation().ID}.${task().Name}`),
  leave: ({ world, allocation, task }) => world.taskLogs.close(`${allocation().ID}.${task().Name}`),
};
