/**
 * The plan check: is it still true? Plan → committed placements.
 *
 * In: plans, each computed from some snapshot. Out: what was committed of each, and what was refused with the reason.
 *
 * Why a plan is checked again: schedulers work side by side, each from its own snapshot, so that none waits for another.
 *
 *   node m1 has room for one more
 *
 *   index  41      42            43                         44
 *   ───────┼───────┼─────────────┼──────────────────────────┼──────►  log
 *          │ A: snapshot 41 ─► "web on m1" ─► check ok ──────┘ committed
 *          │ B: snapshot 41 ─► "api on m1" ──────────► check: no room left; taken out, B schedules again from 44
 *
 * One applier, one plan at a time: the only place where placements are serialized. It is cheap, because it looks only at what the
 * plan touches, and it asks the scheduler's own ledger whether things fit, so that the two never disagree (F6).
 *
 * Invariants: whatever was committed, no node is over-committed in any dimension by allocations that are wanted, no port is given
 * out twice, and (job, group, index) is unique among the living (F7), also when plans in flight fail.
 *
 * Never here: choosing another node, retrying, changing a placement.
 *
 * Read next: verify.ts, then applier.ts; then ../client/mod.ts.
 */
export { createPlanApplier } from "./applier.ts";
export type { PlanApplier, PlanApplierOptions } from "./applier.ts";
export { planQueue } from "./queue.ts";
export type { PlanQueue } from "./queue.ts";
export { verifyPlan } from "./verify.ts";
export type { VerifiedPlan } from "./verify.ts";
