/** The table of allocations that job status, node status, eval status and job allocs share. nomad.md §4.4. */
import type { AllocationStub } from "#api/contract";
import type { TaskGroup } from "#model";
import type { Palette } from "./colour.ts";
import { table } from "./columns.ts";
import { ago, timestamp } from "./time.ts";

export interface AllocationTable {
  readonly nowMs: number;
  readonly verbose: boolean;
  readonly colours: Palette;
  /** The job's groups, where it is one job's table: until when its allocations may run is shown if that is limited. */
  readonly groups?: readonly Pick<TaskGroup, "Name" | "MaxRunDuration">[];
}

/** What of an allocation, or of its stub, the table shows. */
type Listed = Pick<
  AllocationStub,
  | "ID"
  | "EvalID"
  | "NodeID"
  | "NodeName"
  | "Name"
  | "TaskGroup"
  | "JobVersion"
  | "DesiredStatus"
  | "ClientStatus"
  | "CreateIndex"
  | "CreateTime"
  | "ModifyTime"
  | "TaskStates"
>;

/** Newest first; "No allocations placed" when there are none. */
export function allocationTable(all: readonly Listed[], options: AllocationTable): string {
  if (all.length === 0) return "No allocations placed";
  const short = (id: string) => (options.verbose ? id : id.slice(0, 8));
  const limits = new Map((options.groups ?? []).map((group) => [group.Name, group.MaxRunDuration]));
  const limited = [...limits.values()].some((limitNs) => limitNs > 0);
  const rows = all
    .toSorted((left, right) => right.CreateIndex - left.CreateIndex || (left.Name < right.Name ? -1 : 1))
    .map((each) => [
      short(each.ID),
      ...(options.verbose ? [each.EvalID] : []),
      short(each.NodeID),
      ...(options.verbose ? [each.NodeName] : []),
      each.TaskGroup,
      String(each.JobVersion),
      each.DesiredStatus,
      paintStatus(each.ClientStatus, options.colours),
      ago(each.CreateTime, options.nowMs),
      ago(each.ModifyTime, options.nowMs),
      ...(limited ? [deadlineText(each, limits.get(each.TaskGroup) ?? 0)] : []),
    ]);
  const header = [
    "ID",
    ...(options.verbose ? ["Eval ID"] : []),
    "Node ID",
    ...(options.verbose ? ["Node Name"] : []),
    "Task Group",
    "Version",
    "Desired",
    "Status",
    "Created",
    "Modified",
    ...(limited ? ["Max Run Deadline"] : []),
  ];
  return table([header, ...rows]);
}

export function paintStatus(status: string, colours: Palette): string {
  switch (status) {
    case "failed":
    case "lost":
      return colours.red(status);
    case "pending":
    case "unknown":
      return colours.yellow(status);
    default:
      return status;
  }
}

/** Until when it may run: max_run_duration after its first task started. "N/A": it has not started, is over, or may for ever. */
export function deadlineText(allocation: Pick<AllocationStub, "ClientStatus" | "TaskStates">, limitNs: number): string {
  const starts = Object.values(allocation.TaskStates ?? {}).flatMap(({ StartedAt }) => (StartedAt === null ? [] : [Date.parse(StartedAt)]));
  if (limitNs <= 0 || allocation.ClientStatus !== "running" || starts.length === 0) return "N/A";
  return timestamp(Math.min(...starts) * 1e6 + limitNs);
}
