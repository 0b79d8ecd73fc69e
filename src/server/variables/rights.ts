/**
 * Who may do what with which variable: pure. nomad.md §7 "Variables".
 *
 * | who asks                     | nomad/jobs, …/<job>, …/<job>/<group>, …/<job>/<group>/<task> | the rest of nomad/ | any other path |
 * |---|---|---|---|
 * | a request without identity   | everything                                                   | everything         | everything     |
 * | a task, in its own namespace | read and list                                                | nothing            | everything     |
 * | a task, in another namespace | nothing                                                      | nothing            | nothing        |
 *
 * A task's job is the parent of a dispatched or periodic child; a service's identity has no last line. While there is no access control
 * the paths outside of nomad/ are everybody's; where there is, policies say it (#access, mayVariable), and this table is not asked.
 */
import type { Allocation, WorkloadClaims } from "#model";

/** A workload that asks; null: nobody's (a person, a tool). */
export type Asker = WorkloadOfVariables | null;

export interface WorkloadOfVariables {
  readonly Namespace: string;
  /** The parent's of a child. */
  readonly JobID: string;
  readonly Group: string;
  /** "": a service of the group. */
  readonly Task: string;
}

export type Access = "read" | "list" | "write" | "destroy";

export interface Asked {
  readonly access: Access;
  readonly Namespace: string;
  readonly Path: string;
}

/** null: it may. Else why not, and what it may, for people. */
export function whyDenied(asker: Asker, { access, Namespace, Path }: Asked): { readonly reason: string; readonly fix: string } | null {
  if (asker === null) return null;
  const who = nameOf(asker);
  const cannot = `${who} may not ${access} variable "${Path}" of namespace "${Namespace}"`;
  if (Namespace !== asker.Namespace) {
    return {
      reason: `${cannot}: a workload sees the variables of its own namespace only`,
      fix: `Keep it in namespace "${asker.Namespace}".`,
    };
  }
  if (Path !== "nomad" && !Path.startsWith("nomad/")) return null;
  const own = ownPaths(asker);
  const fix = `Keep it at ${own.slice(1).map(quoted).join(", ")}, or outside of "nomad/".`;
  const reads = access === "read" || access === "list";
  if (!own.includes(Path)) return { reason: `${cannot}: below "nomad/" it may read ${own.map(quoted).join(", ")} alone`, fix };
  if (reads) return null;
  return { reason: `${cannot}: below "nomad/" a workload may read its own variables and write none`, fix: 'Write outside of "nomad/".' };
}

/** Of a workload whose policies do not open it: they are what is to be changed. */
export function deniedByPolicies(
  asker: WorkloadOfVariables,
  { access, Namespace, Path }: Asked,
): { readonly reason: string; readonly fix: string } {
  return {
    reason: `${nameOf(asker)} may not ${access} variable "${Path}" of namespace "${Namespace}": no policy of the workload allows it`,
    fix: `Keep it at ${ownPaths(asker).map(quoted).join(", ")}, or apply a policy to the job: \`drover acl policy apply -job ${asker.JobID} …\`.`,
  };
}

export function mayUse(asker: Asker, asked: Asked): boolean {
  return whyDenied(asker, asked) === null;
}

/** What the workload may read below "nomad/". */
export function ownPaths({ JobID, Group, Task }: WorkloadOfVariables): readonly string[] {
  const parts = ["nomad/jobs", JobID, Group, ...(Task === "" ? [] : [Task])];
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

/** Whose claims these are. The allocation is the one they name. */
export function workloadOfClaims(claims: WorkloadClaims, allocation: Pick<Allocation, "TaskGroup">): WorkloadOfVariables {
  return {
    Namespace: claims.nomad_namespace,
    JobID: claims.nomad_job_id,
    Group: allocation.TaskGroup,
    Task: claims.nomad_task ?? "",
  };
}

export function workloadOfTask(allocation: Pick<Allocation, "Namespace" | "TaskGroup" | "Job">, task: string): WorkloadOfVariables {
  const { ID, ParentID } = allocation.Job;
  return { Namespace: allocation.Namespace, JobID: ParentID === "" ? ID : ParentID, Group: allocation.TaskGroup, Task: task };
}

function nameOf({ JobID, Group, Task }: WorkloadOfVariables): string {
  return `${Task === "" ? "a service" : `task "${Task}"`} of group "${Group}" of job "${JobID}"`;
}

function quoted(path: string): string {
  return `"${path}"`;
}
