/**
 * When may a failed allocation be tried again, and what does its successor remember? nomad.md §1.4, §6.5 items 5 and 6. Pure.
 *
 *   failed ──► never      no policy, or its attempts inside the interval are used up
 *          ├─► later      its delay is not over: a follow-up evaluation comes back for it
 *          └─► now        the delay is over (within a second), or its follow-up is this evaluation, or somebody forces it
 *
 *   delay    constant      base, base, base, …
 *            exponential   base, 2·base, 4·base, …
 *            fibonacci     base, base, 2·base, 3·base, 5·base, …
 *            no more than max_delay; once there, back to the base when the last try held longer than that
 */
import { deploymentActive } from "#model";
import type { Allocation, Deployment, ReschedulePolicy, RescheduleEvent } from "#model";

/** Events remembered when attempts are unlimited. */
const EVENTS_MAX = 5;
/** So close is now: nanoseconds. */
const NOW_NS = 1e9;

export interface RescheduleMoment {
  readonly nowNs: number;
  /** The evaluation that looks. */
  readonly evaluationId: string;
  /** The active deployment of the current version: its allocations wait for its watcher's word. */
  readonly deployment: Deployment | undefined;
}

export type Retry = { readonly when: "never" } | { readonly when: "now" } | { readonly when: "later"; readonly atNs: number };

const NEVER: Retry = { when: "never" };
const NOW: Retry = { when: "now" };

/** Of an allocation whose node says it failed. */
export function retryOf(allocation: Allocation, moment: RescheduleMoment): Retry {
  const { DesiredTransition: asked, DeploymentID } = allocation;
  if (asked.ForceReschedule === true) return NOW;
  const { deployment } = moment;
  if (deployment !== undefined && deploymentActive(deployment) && DeploymentID === deployment.ID && asked.Reschedule !== true) return NEVER;
  return retryAfter(allocation, failedAtNs(allocation), moment);
}

/** Of one that came to its end, or out of sight, at `endedNs`: only the policy is asked. */
export function retryAfter(allocation: Allocation, endedNs: number, { nowNs, evaluationId }: RescheduleMoment): Retry {
  const policy = policyOf(allocation);
  if (policy === null || !mayTryAgain(allocation, policy, endedNs)) return NEVER;
  if (allocation.FollowupEvalID !== "" && allocation.FollowupEvalID === evaluationId) return NOW;
  const atNs = endedNs + delayNs(allocation, policy, endedNs);
  return atNs - nowNs <= NOW_NS ? NOW : { when: "later", atNs };
}

/** Will it ever be tried again by itself, now or later? */
export function reschedulesLeft(allocation: Allocation, nowNs: number): boolean {
  if (allocation.DesiredTransition.ForceReschedule === true) return true;
  return retryAfter(allocation, failedAtNs(allocation), { nowNs, evaluationId: "", deployment: undefined }).when !== "never";
}

/** What the allocation that takes over remembers: its predecessors' failures, this one last. */
export function trackerAfter(allocation: Allocation, nowNs: number): { readonly Events: readonly RescheduleEvent[] } {
  const policy = policyOf(allocation);
  const endedNs = failedAtNs(allocation);
  const event: RescheduleEvent = {
    RescheduleTime: nowNs,
    PrevAllocID: allocation.ID,
    PrevNodeID: allocation.NodeID,
    Delay: policy === null ? 0 : delayNs(allocation, policy, endedNs),
  };
  return { Events: [...remembered(eventsOf(allocation), policy, nowNs), event] };
}

/** The policy it was placed with; null: none, or one that allows nothing. */
export function policyOf(allocation: Allocation): ReschedulePolicy | null {
  const policy = allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.ReschedulePolicy ?? null;
  if (policy === null) return null;
  return policy.Unlimited === true || (policy.Attempts ?? 0) > 0 ? policy : null;
}

/** When its last task ended; when nothing is known of that, when it last changed. */
export function failedAtNs(allocation: Allocation): number {
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const name in allocation.TaskStates) {
    const finished = allocation.TaskStates[name]?.FinishedAt ?? null;
    if (finished !== null) latestMs = Math.max(latestMs, Date.parse(finished));
  }
  return Number.isFinite(latestMs) && latestMs > 0 ? latestMs * 1e6 : allocation.ModifyTime;
}

function mayTryAgain(allocation: Allocation, policy: ReschedulePolicy, endedNs: number): boolean {
  if (policy.Unlimited === true) return true;
  const intervalNs = policy.Interval ?? 0;
  const tried = eventsOf(allocation).filter((event) => endedNs - event.RescheduleTime < intervalNs).length;
  return tried < (policy.Attempts ?? 0);
}

/** How long to wait after the end at `endedNs`. */
export function delayNs(allocation: Allocation, policy: ReschedulePolicy, endedNs: number): number {
  const base = policy.Delay ?? 0;
  const events = eventsOf(allocation);
  const last = events.at(-1);
  if (last === undefined) return base;
  const next = nextDelay(policy, base, last.Delay, events.at(-2)?.Delay);
  const most = policy.MaxDelay ?? 0;
  if (most <= 0 || next <= most) return next;
  return endedNs - last.RescheduleTime > most ? base : most;
}

function nextDelay(policy: ReschedulePolicy, base: number, last: number, before: number | undefined): number {
  if (policy.DelayFunction === "exponential") return last * 2;
  if (policy.DelayFunction !== "fibonacci" || before === undefined) return base;
  // After a reset a new series starts: what was waited before it does not add up with what comes after.
  if (last === base && before >= (policy.MaxDelay ?? Infinity)) return base;
  return last + before;
}

function remembered(events: readonly RescheduleEvent[], policy: ReschedulePolicy | null, nowNs: number): readonly RescheduleEvent[] {
  const intervalNs = policy?.Interval ?? 0;
  if (policy === null || policy.Unlimited === true || intervalNs <= 0) return events.slice(-(EVENTS_MAX - 1));
  return events.filter((event) => nowNs - event.RescheduleTime <= intervalNs);
}

function eventsOf(allocation: Allocation): readonly RescheduleEvent[] {
  return allocation.RescheduleTracker?.Events ?? [];
}
