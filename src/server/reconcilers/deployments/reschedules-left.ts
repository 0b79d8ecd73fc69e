/** May an allocation that failed be placed again, now or later, by the policy it was placed with? Pure. nomad.md §1.4, §6.5. */
import type { Allocation } from "#model";

export function reschedulesLeft(
  allocation: Pick<Allocation, "Job" | "TaskGroup" | "RescheduleTracker" | "DesiredTransition">,
  nowMs: number,
): boolean {
  if (allocation.DesiredTransition.ForceReschedule === true) return true;
  const policy = allocation.Job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.ReschedulePolicy;
  if (policy === null || policy === undefined) return false;
  if (policy.Unlimited === true) return true;
  const attempts = policy.Attempts ?? 0;
  const sinceNs = nowMs * 1e6 - (policy.Interval ?? 0);
  const made = (allocation.RescheduleTracker?.Events ?? []).filter((event) => event.RescheduleTime > sinceNs).length;
  return made < attempts;
}
