/** Which policies and roles are somebody's own: what those without management are told of. nomad.md §7 (ACL model). */
import type { Grant } from "#access";
import type { AclPolicy, JobAcl } from "#model";
import type { Snapshot } from "#state";

export interface Own {
  readonly policies: ReadonlySet<string>;
  /** By id. */
  readonly roles: ReadonlySet<string>;
}

const ANONYMOUS = "anonymous";

export function ownOf(snapshot: Snapshot, grant: Grant): Own {
  const token = grant.AccessorID === "" ? undefined : snapshot.aclToken(grant.AccessorID);
  const roles = new Set((token?.Roles ?? []).map(({ ID }) => ID));
  const byRole = [...roles].flatMap((id) => snapshot.aclRole(id)?.Policies ?? []).map(({ Name }) => Name);
  const byWorkload = grant.Workload === null ? [] : [...snapshot.aclPolicies()].filter((policy) => isOfWorkload(policy, grant)).map(nameOf);
  const byNobody = grant.Subject === ANONYMOUS ? [ANONYMOUS] : [];
  return { policies: new Set([...(token?.Policies ?? []), ...byRole, ...byWorkload, ...byNobody]), roles };
}

function isOfWorkload({ JobACL }: AclPolicy, { Workload }: Grant): boolean {
  if (JobACL === null || Workload === null) return false;
  const { Namespace, JobID, Group, Task }: JobAcl = JobACL;
  return (
    Namespace === Workload.Namespace &&
    (JobID === "" || JobID === Workload.JobID) &&
    (Group === "" || Group === Workload.TaskGroup) &&
    (Task === "" || Task === Workload.Task)
  );
}

function nameOf({ Name }: AclPolicy): string {
  return Name;
}
