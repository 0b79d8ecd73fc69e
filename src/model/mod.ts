/**
 * The nouns, once. Every room passes these values on; the API, the log, the state and the code share their names.
 *
 * What comes in: nothing. What goes out: schemas (TypeBox, with notes on how a job file writes each field), the types they
 * infer, defaults that depend on nothing else, and the few questions a noun can answer about itself.
 *
 * Invariants: property names are the HTTP API's (`TaskGroups[0].Tasks`); a value in the state is immutable; durations are
 * nanoseconds, memory and disk MB (2^20), CPU MHz.
 *
 * Never here: a second Job, a converter, an effect, anything that knows a room.
 *
 * Read next: job.ts, then group.ts and task.ts; field.ts for the vocabulary they are written in; then ../jobspec/mod.ts.
 */
export * from "./field.ts";
export * from "./ids.ts";
export * from "./placement.ts";
export * from "./policy.ts";
export * from "./mesh.ts";
export * from "./mesh-check.ts";
export * from "./network.ts";
export * from "./resources.ts";
export * from "./volume.ts";
export * from "./template.ts";
export * from "./service.ts";
export * from "./registration.ts";
export * from "./choose-services.ts";
export * from "./workload-identity.ts";
export * from "./certificate-role.ts";
export * from "./variable.ts";
export * from "./acl.ts";
export * from "./task.ts";
export * from "./group.ts";
export * from "./job.ts";
export * from "./change.ts";
export * from "./node.ts";
export * from "./host-port.ts";
export * from "./metric.ts";
export * from "./allocation.ts";
export * from "./holding.ts";
export * from "./evaluation.ts";
export * from "./deployment.ts";
export * from "./namespace.ts";
export * from "./scaling.ts";
export * from "./why.ts";
export * from "./plan-annotations.ts";
export * from "./plan.ts";
export * from "./diff.ts";
export * from "./event.ts";
export * from "./usage.ts";
export * from "./autopilot.ts";
export * from "./scheduler-configuration.ts";
