/** Allocations that failed and are tried again later. nomad.md §4.4 (job status). */
import type { AllocationStub } from "#api/contract";
import type { Evaluation } from "#model";
import { table } from "./columns.ts";
import { fromNow } from "./time.ts";

/** Undefined when none is ahead. */
export function reschedulesAhead(
  allocations: readonly Pick<AllocationStub, "TaskGroup" | "FollowupEvalID" | "NextAllocation">[],
  evaluations: readonly Pick<Evaluation, "ID" | "Status" | "WaitUntil">[],
  style: { readonly nowMs: number; readonly verbose: boolean },
): string | undefined {
  const waiting = new Map(
    evaluations.filter((each) => each.Status === "pending" && each.WaitUntil !== null).map((each) => [each.ID as string, each]),
  );
  const rows = new Map<string, string[]>();
  for (const { TaskGroup, FollowupEvalID, NextAllocation } of allocations) {
    const evaluation = waiting.get(FollowupEvalID);
    if (evaluation === undefined || NextAllocation !== "") continue;
    const atMs = Date.parse(evaluation.WaitUntil as string);
    rows.set(`${TaskGroup} ${evaluation.ID}`, [
      TaskGroup,
      style.verbose ? evaluation.ID : evaluation.ID.slice(0, 8),
      fromNow(atMs, style.nowMs),
    ]);
  }
  return rows.size === 0 ? undefined : table([["Task Group", "Eval ID", "Eval Time"], ...rows.values()]);
}
