/** Who has to go by a pass, and for whom. nomad.md §6.4. */
import type { Allocation, AllocationId, PlannedStop, PreemptedAllocation } from "#model";
import { groupKey } from "./preemptor.ts";

/** Of all groups of one pass. */
export class Evictions {
  /** "<namespace> <job> <group>" → how many of it have to go. */
  readonly counts = new Map<string, number>();
  /** For which group of the job → how many. */
  readonly byGroup = new Map<string, number>();
  /** As plans show them. */
  readonly preempted: PreemptedAllocation[] = [];

  /** `group`: of the job that pushes them away. Answers the stops that go into the plan. */
  record(victims: readonly Allocation[], group: string, successor: AllocationId): PlannedStop[] {
    return victims.map((victim) => {
      const key = groupKey(victim);
      this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
      this.byGroup.set(group, (this.byGroup.get(group) ?? 0) + 1);
      const { ID, JobID, TaskGroup, Namespace, NodeID, Name, JobVersion } = victim;
      this.preempted.push({ ID, JobID, TaskGroup, Namespace, NodeID, Name, JobVersion });
      return {
        ID,
        NodeID,
        DesiredStatus: "evict",
        DesiredDescription: `Preempted by alloc ID ${successor}`,
        ClientStatus: "",
        FollowupEvalID: "",
        PreemptedByAllocation: successor,
      };
    });
  }
}
