/**
 * What a deployment needs next: a pure step over what the state says of it. Nothing is remembered between steps but the index up to
 * which health was answered with an evaluation. nomad.md §6.10.
 *
 *             ┌────────────────────────────────────────────────────────────────────────────────────┐
 *             ▼                                                                                    │
 *   look ──► paused? ── yes ──► wait for somebody                                                  │
 *             │ no                                                                                 │
 *             ├─ its job is stopped, gone, or another version (and nobody is about to look) ──► cancelled
 *             ├─ unhealthy for good: nothing may fail, no reschedule is left, or it relapses ──► failed (rolled back)
 *             ├─ a group's deadline passed before it was what it should be                  ──► failed (rolled back)
 *             ├─ all canaries healthy, all their groups auto_promote                        ──► promote ─┤
 *             ├─ health is news, or something failed that may be placed again               ──► evaluate ┤
 *             └─ else wait: for news, or for the earliest deadline ──────────────────────────────────────┘
 *
 * The scheduler ends it well (`successful` rides on its plan); this machine sees to it that it ends. A group that waits for its
 * promotion with enough healthy canaries has no deadline: a person may take their time (F12).
 */
import {
  type Allocation,
  type AllocationId,
  type Deployment,
  DEPLOYMENT_DESCRIPTIONS,
  type DeploymentGroup,
  type Job,
  terminal,
} from "#model";
import { reschedulesLeft } from "#scheduler";

export interface DeploymentView {
  readonly deployment: Deployment;
  /** As it is wanted now; undefined: purged. */
  readonly job: Job | undefined;
  /** Those that belong to the deployment. */
  readonly allocations: readonly Allocation[];
  /** An evaluation of the job waits to be worked off: whatever the scheduler has to say, it will. */
  readonly evaluationWaits: boolean;
  /** Verdicts up to this index have been answered with an evaluation. */
  readonly answeredIndex: number;
  readonly nowMs: number;
}

export type DeploymentDecision =
  | {
      readonly kind: "end";
      readonly status: "failed" | "cancelled";
      readonly description: string;
      /** auto_revert applies: to the last stable version, if there is one to go to. */
      readonly rollback: boolean;
    }
  | { readonly kind: "promote" }
  | {
      readonly kind: "evaluate";
      /** Failed ones that the scheduler may place again. */
      readonly reschedule: readonly AllocationId[];
      /** What `answeredIndex` is once that is on record. */
      readonly answeredIndex: number;
    };

export interface DeploymentStep {
  readonly decision: DeploymentDecision | null;
  /** When to look again though nothing happened; null: no need. */
  readonly wakeAtMs: number | null;
}

/** So often in a row what got healthy may fail and be placed again. */
const RELAPSES_MAX = 3;
/** How soon to look again for the evaluation that should have ended it. */
const LOOK_AGAIN_MS = 5_000;
const WAIT: DeploymentStep = { decision: null, wakeAtMs: null };

export function stepDeployment(view: DeploymentView): DeploymentStep {
  const { deployment } = view;
  if (deployment.Status !== "running" && deployment.Status !== "paused") return WAIT;
  const outdated = outdatedStep(view);
  if (outdated !== undefined) return outdated;
  if (deployment.Status === "paused") return WAIT;
  const decision = unhealthyForGood(view) ?? deadlinePassed(view) ?? promotion(view) ?? evaluation(view);
  return { decision, wakeAtMs: nextDeadlineMs(view) };
}

function outdatedStep({ deployment, job, evaluationWaits, nowMs }: DeploymentView): DeploymentStep | undefined {
  const cancel = (description: string): DeploymentStep => ({
    decision: { kind: "end", status: "cancelled", description, rollback: false },
    wakeAtMs: null,
  });
  if (job === undefined || job.Stop || job.CreateIndex !== deployment.JobCreateIndex) return cancel(DEPLOYMENT_DESCRIPTIONS.stoppedJob);
  if (job.Version === deployment.JobVersion) return undefined;
  // The scheduler does it with its plan; should it not (its evaluation was lost, or failed), nobody waits for ever.
  return evaluationWaits ? { decision: null, wakeAtMs: nowMs + LOOK_AGAIN_MS } : cancel(DEPLOYMENT_DESCRIPTIONS.newerJob);
}

/**
 * What no later one makes up for: an unhealthy one where nothing may fail (no progress_deadline) or that is never tried again, and one
 * that got healthy and failed time after time: each health would move the deadline on for ever.
 */
function unhealthyForGood({ deployment, allocations, nowMs }: DeploymentView): DeploymentDecision | undefined {
  let byId: ReadonlyMap<string, Allocation> | undefined;
  const relapsed = (allocation: Allocation) => {
    byId ??= new Map(allocations.map((each) => [each.ID as string, each]));
    return relapses(allocation, byId) >= RELAPSES_MAX;
  };
  let found = false;
  let rollback = false;
  for (const allocation of allocations) {
    const group = groupOf(deployment, allocation);
    if (group === undefined || allocation.DeploymentStatus === null) continue;
    const { Healthy } = allocation.DeploymentStatus;
    const forGood =
      Healthy === false
        ? group.ProgressDeadline === 0 || (wanted(allocation) && !reschedulesLeft(allocation, nowMs * 1e6))
        : // Also when its successor is there already: a system job's is at once.
          Healthy === true && allocation.ClientStatus === "failed" && relapsed(allocation);
    if (!forGood) continue;
    found = true;
    rollback ||= group.AutoRevert;
  }
  if (!found) return undefined;
  return { kind: "end", status: "failed", description: DEPLOYMENT_DESCRIPTIONS.failedAllocations, rollback };
}

/** How many in a row, one the successor of the other, got healthy in this deployment and failed then. */
function relapses(last: Allocation, byId: ReadonlyMap<string, Allocation>): number {
  let count = 0;
  for (let each: Allocation | undefined = last; each !== undefined; each = byId.get(each.PreviousAllocation)) {
    if (each.DeploymentStatus?.Healthy !== true || each.ClientStatus !== "failed") break;
    count++;
  }
  return count;
}

function deadlinePassed(view: DeploymentView): DeploymentDecision | undefined {
  const late = groupsOf(view).filter((each) => (deadlineMs(each) ?? Infinity) <= view.nowMs);
  if (late.length === 0) return undefined;
  const rollback = late.some(({ group }) => group.AutoRevert);
  return { kind: "end", status: "failed", description: DEPLOYMENT_DESCRIPTIONS.progressDeadline, rollback };
}

function nextDeadlineMs(view: DeploymentView): number | null {
  const deadlines = groupsOf(view).flatMap((each) => deadlineMs(each) ?? []);
  return deadlines.length === 0 ? null : Math.max(view.nowMs, Math.min(...deadlines));
}

/**
 * When a group must have got on; undefined while it need not: done, waiting for its promotion, or nothing placed yet. Canaries that fit
 * nowhere have the same time from the start: the version they are to follow serves on, so waiting for room helps nobody (F11).
 */
function deadlineMs({ group, allocations, createdMs }: GroupView): number | undefined {
  if (group.ProgressDeadline === 0) return undefined;
  const enough = awaitsPromotion(group)
    ? allocations.filter(isHealthyCanary).length >= group.DesiredCanaries
    : group.HealthyAllocs >= group.DesiredTotal;
  if (enough) return undefined;
  if (group.RequireProgressBy === null) {
    return awaitsPromotion(group) && allocations.length === 0 ? createdMs + group.ProgressDeadline / 1e6 : undefined;
  }
  const deadline = Date.parse(group.RequireProgressBy);
  if (Number.isNaN(deadline)) return undefined;
  // What was well and had to go (a drain moved it, F15) has its time again: the old deadline may be long past.
  const again = allocations.filter((each) => each.DeploymentStatus?.Healthy === true && terminal(each));
  return again.reduce((latest, { ModifyTime }) => Math.max(latest, (ModifyTime + group.ProgressDeadline) / 1e6), deadline);
}

/** Only all together: one group that wants a person's word holds back the others. */
function promotion(view: DeploymentView): DeploymentDecision | undefined {
  const waiting = groupsOf(view).filter(({ group }) => awaitsPromotion(group));
  const ready = ({ group, allocations }: GroupView) =>
    group.AutoPromote && allocations.filter(isHealthyCanary).length >= group.DesiredCanaries;
  return waiting.length > 0 && waiting.every(ready) ? { kind: "promote" } : undefined;
}

/** A healthy one makes room for the next; a failed one may be placed again. Its own evaluation for neither is certain. */
function evaluation({ deployment, allocations, answeredIndex }: DeploymentView): DeploymentDecision | null {
  const reschedule: AllocationId[] = [];
  let newest = answeredIndex;
  for (const allocation of allocations) {
    const group = groupOf(deployment, allocation);
    if (group === undefined) continue;
    const verdict = allocation.DeploymentStatus;
    if (verdict !== null && verdict.Healthy !== null) newest = Math.max(newest, verdict.ModifyIndex);
    const failed = verdict?.Healthy === false || allocation.ClientStatus === "failed";
    if (failed && wanted(allocation) && allocation.DesiredTransition.Reschedule !== true) reschedule.push(allocation.ID);
  }
  if (reschedule.length === 0 && newest === answeredIndex) return null;
  return { kind: "evaluate", reschedule, answeredIndex: newest };
}

interface GroupView {
  readonly group: DeploymentGroup;
  readonly allocations: readonly Allocation[];
  /** Of the deployment. */
  readonly createdMs: number;
}

function groupsOf({ deployment, allocations }: DeploymentView): GroupView[] {
  const byGroup = Map.groupBy(allocations, ({ TaskGroup }) => TaskGroup);
  return Object.entries(deployment.TaskGroups).map(([name, group]) => ({
    group,
    allocations: byGroup.get(name) ?? [],
    createdMs: deployment.CreateTime / 1e6,
  }));
}

function groupOf(deployment: Deployment, allocation: Allocation): DeploymentGroup | undefined {
  return Object.hasOwn(deployment.TaskGroups, allocation.TaskGroup) ? deployment.TaskGroups[allocation.TaskGroup] : undefined;
}

function awaitsPromotion(group: DeploymentGroup): boolean {
  return group.DesiredCanaries > 0 && !group.Promoted;
}

/** One that goes is no longer proof of anything. */
function isHealthyCanary(allocation: Allocation): boolean {
  return allocation.DeploymentStatus?.Canary === true && allocation.DeploymentStatus.Healthy === true && !terminal(allocation);
}

/** Nothing has taken its place, and something may have to. */
function wanted(allocation: Allocation): boolean {
  return allocation.DesiredStatus === "run" && allocation.NextAllocation === "";
}
