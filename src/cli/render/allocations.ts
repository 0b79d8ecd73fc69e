/** The table of allocations that job status, node status, eval status and job allocs share. nomad.md §4.4. */
import type { AllocationStub } from "#api/contract";
import type { Palette } from "./colour.ts";
import { table } from "./columns.ts";
import { ago } from "./time.ts";

export interface AllocationTable {
  readonly nowMs: number;
  readonly verbose: boolean;
  readonly colours: Palette;
  /** node status shows the job instead of the node. */
  readonly by: "node" | "job";
}

/** Newest first; "No allocations placed" when there are none. */
export function allocationTable(all: readonly AllocationStub[], options: AllocationTable): string {
  if (all.length === 0) return "No allocations placed";
  const short = (id: string) => (options.verbose ? id : id.slice(0, 8));
  const rows = all
    .toSorted((left, right) => right.CreateIndex - left.CreateIndex || (left.Name < right.Name ? -1 : 1))
    .map((each) => [
      short(each.ID),
      ...(options.verbose ? [each.EvalID] : []),
      short(each.NodeID),
      ...(options.verbose ? [each.NodeName] : []),
      ...(options.by === "job" ? [each.JobID] : []),
      each.TaskGroup,
      String(each.JobVersion),
      each.DesiredStatus,
      paintStatus(each.ClientStatus, options.colours),
      ago(each.CreateTime, options.nowMs),
      ago(each.ModifyTime, options.nowMs),
    ]);
  const header = [
    "ID",
    ...(options.verbose ? ["Eval ID"] : []),
    "Node ID",
    ...(options.verbose ? ["Node Name"] : []),
    ...(options.by === "job" ? ["Job ID"] : []),
    "Task Group",
    "Version",
    "Desired",
    "Status",
    "Created",
    "Modified",
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
