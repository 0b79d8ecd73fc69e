/** What the state says of a group whose allocations ask for turns. Pure. */
import { type Allocation, type AllocationId, clientTerminal, type Job, serverTerminal, type Task, type TaskGroup } from "#model";
import type { Snapshot } from "#state";
import type { GroupView } from "./decide.ts";

export interface GroupName {
  readonly Namespace: string;
  readonly JobID: string;
  readonly TaskGroup: string;
}

/** nomad.md §1.4: healthy_deadline's default. */
const HEALTHY_DEADLINE_MS = 5 * 60_000;
const NS_PER_MS = 1_000_000;

/** undefined: nothing limits how many of it go down at once. `taking`: turns on their way to the log, and since when. */
export function viewGroup(snapshot: Snapshot, of: GroupName, taking: ReadonlyMap<AllocationId, number>): GroupView | undefined {
  const job = snapshot.job(of.Namespace, of.JobID);
  const group = job?.TaskGroups.find(({ Name }) => Name === of.TaskGroup);
  const max = job === undefined || group === undefined ? 0 : maxDown(job, group);
  if (job === undefined || group === undefined || max === 0) return undefined;
  const down: AllocationId[] = [];
  let there = 0;
  for (const allocation of snapshot.allocationsByJob(of.Namespace, of.JobID)) {
    if (allocation.TaskGroup !== of.TaskGroup || serverTerminal(allocation) || clientTerminal(allocation)) continue;
    // Beside those that are wanted, until it is promoted: nobody counts on it.
    if (allocation.DeploymentStatus?.Canary === true) continue;
    there++;
    if (!isWell(snapshot, allocation, group)) down.push(allocation.ID);
  }
  const held = new Map(taking);
  for (const turn of snapshot.restartTurns(of)) held.set(turn.AllocationID, turn.CreateTime / NS_PER_MS);
  return {
    name: of.TaskGroup,
    max,
    healthyDeadlineMs: healthyDeadlineMs(group),
    down,
    // How many a system job wants the nodes say.
    missing: job.Type === "system" ? 0 : Math.max(0, (group.Count ?? 1) - there),
    held,
  };
}

/** 0: no limit. What runs once and ends serves nobody who would miss it; nor does what is being stopped. */
function maxDown(job: Job, group: TaskGroup): number {
  if (job.Stop || job.Type === "batch" || job.Type === "sysbatch") return 0;
  return Math.max(0, group.Update?.MaxParallel ?? 0);
}

function healthyDeadlineMs(group: TaskGroup): number {
  const ns = group.Update?.HealthyDeadline ?? 0;
  return ns > 0 ? ns / NS_PER_MS : HEALTHY_DEADLINE_MS;
}

/** Runs, every task that is to go on does, and no deployment says or still wonders that it is not healthy. */
function isWell(snapshot: Snapshot, allocation: Allocation, { Tasks }: TaskGroup): boolean {
  if (allocation.ClientStatus !== "running") return false;
  const stands = ({ Name }: Task) => (allocation.TaskStates[Name]?.State ?? "running") === "running";
  if (!Tasks.filter(({ Lifecycle }) => Lifecycle === null).every(stands)) return false;
  const healthy = allocation.DeploymentStatus?.Healthy ?? null;
  if (healthy !== null || allocation.DeploymentID === "") return healthy !== false;
  return snapshot.activeDeployment(allocation.Namespace, allocation.JobID)?.ID !== allocation.DeploymentID;
}
