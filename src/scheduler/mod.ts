/**
 * The scheduler: what should run where? Snapshot + Evaluation → Plan.
 *
 * In: a frozen view of the state with its columns of node resources, and an evaluation that says which job to look at.
 * Out: a Plan (stops, placements, in-place updates), the evaluation as it ends, evaluations to create (blocked), and whether
 * there is more to do.
 *
 *   reconcile/   what should be: which allocations to stop, update, replace, add       never looks at room
 *   feasible/    where could it be: one file per check; fits.ts is the one answer to "does it fit" (F6)
 *   rank/        where would it be best: every feasible node scored, none sampled
 *   preempt/     who has to go for it, where the operator allows that
 *   system/      the same questions for jobs that want one on every node
 *
 * Invariants: pure and synchronous: no clock, no chance (both are arguments), nothing awaited, the snapshot never changed. The same
 * snapshot, evaluation and ids give the same plan. A plan over-commits no node in any dimension, gives out no port twice, and names
 * (job, group, index) once among the living (F7), if the snapshot is true. Whether it still is, ../plan/mod.ts looks at.
 *
 * Never here: committing, retrying, waiting, anything about Consul or a node's insides.
 *
 * Read next: schedule.ts, one screen; then reconcile/group.ts, place.ts, search.ts, rank/ranking.ts; then ../plan/mod.ts.
 */
export { schedule } from "./schedule.ts";
export type { ScheduleOptions } from "./pass.ts";
export { claimOf, Ledger } from "./feasible/fits.ts";
export type { Claim, Shortfall } from "./feasible/fits.ts";
export { isPreemptible } from "./preempt/preemptor.ts";
export { datacenterTest, inPool, unavailability } from "./feasible/availability.ts";
export { compileConstraint, constraintText } from "./feasible/constraint.ts";
export { reschedulesLeft } from "./reconcile/reschedule.ts";
