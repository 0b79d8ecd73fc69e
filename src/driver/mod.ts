/**
 * Between the client and whatever starts processes: chooses the driver a task names, checks its `config`, and finds the task
 * again after the agent was away.
 *
 * Comes in: the drivers of the machine (ports/driver), a task with its machine.
 * Goes out: a driver, a checked config, a handle or the verdict that there is none.
 *
 * Invariants: an unknown key of `config` is refused with a suggestion, never ignored. A task id is composed and taken apart
 * here only. An end nobody saw is an error, never a success.
 *
 * Never here: a process, a cgroup, a driver's own name. Makers of drivers stand in integrations/.
 *
 * Read next: reattach.ts; then ../client/mod.ts, which performs the task's machine.
 */
export { checkConfig } from "./config.ts";
export { driverRegistry } from "./registry.ts";
export type { DriverRegistry } from "./registry.ts";
export { reattach, unknownExit } from "./reattach.ts";
export type { Reattachment } from "./reattach.ts";
export { parseTaskId, taskId } from "./task-id.ts";
export type { TaskIdParts } from "./task-id.ts";
