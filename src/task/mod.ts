/**
 * Around one task: what it is told when it starts, and whether it runs again when it ends.
 *
 * Comes in: an allocation with its job, the node, inputs such as "started", "ended with 137", "stop it".
 * Goes out: the environment and the interpolated strings, the machine's next phase, TaskEvents in the words people know, the
 * allocation's status rolled up from its tasks.
 *
 * Invariants: everything here is pure; time and chance are arguments. A task's attempt number only grows. An exit by the OOM
 * killer is never a success. At most TASK_EVENTS_MAX events are kept, newest last.
 *
 * Never here: a process, a file, a timer, a driver's name. The client performs what the machine's phase says.
 *
 * Read next: machine.ts (its header draws the states), restart.ts, lifecycle.ts; then ../driver/mod.ts.
 */
export { newTaskMachine, stepTask } from "./machine.ts";
export type { KillOrder, SetUpFailure, StepFacts, TaskInput, TaskMachine, TaskPhase } from "./machine.ts";
export { decideRestart, NO_RESTARTS } from "./restart.ts";
export type { RestartCount, RestartDecision, RestartQuestion, RestartRules } from "./restart.ts";
export { groupWishes, roleOf, stopOrder } from "./lifecycle.ts";
export type { Cause, GroupMember, GroupWishes, Role } from "./lifecycle.ts";
export { rollUp } from "./roll-up.ts";
export { buildEnvironment, HOST_VARIABLES_DENIED } from "./environment.ts";
export type { EnvironmentRequest, TaskEnvironment } from "./environment.ts";
export { proxyAddresses, type HostPort, type ProxyAddresses } from "./mesh-variables.ts";
export { interpolate, interpolateDeep, nodeNames } from "./interpolate.ts";
export type { Names } from "./interpolate.ts";
export * as taskEvents from "./events.ts";
