/**
 * What a workload may: by the policies of its job, group and task, and by itself (own variables, services of its namespace: #access). The same
 * whether it asks by its identity or its node asks for its template. nomad.md §7 (Variables, implicit access).
 */
import { type Grant, mergeRules, NO_RULES, NOTHING, type WorkloadSubject } from "#access";
import type { Cluster } from "#cluster";
import type { JobAcl } from "#model";
import { createPolicyRules, type PolicyRules } from "./policy-rules.ts";

export type WorkloadRights = (workload: WorkloadSubject) => Grant;

export function createWorkloadRights({ state }: Pick<Cluster, "state">, rulesOf: PolicyRules = createPolicyRules()): WorkloadRights {
  return (Workload) => {
    const policies = [...state.snapshot().aclPolicies()].filter(({ JobACL }) => JobACL !== null && isOf(JobACL, Workload));
    const Rules = policies.length === 0 ? NO_RULES : mergeRules(policies.map(rulesOf));
    return { ...NOTHING, Subject: `workload ${Workload.AllocationID}`, Rules, Workload };
  };
}

function isOf({ Namespace, JobID, Group, Task }: JobAcl, of: WorkloadSubject): boolean {
  const fits = (wanted: string, is: string) => wanted === "" || wanted === is;
  return Namespace === of.Namespace && fits(JobID, of.JobID) && fits(Group, of.TaskGroup) && fits(Task, of.Task);
}
