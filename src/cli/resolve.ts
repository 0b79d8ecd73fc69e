/** From what a person typed to one id: full ids and unique prefixes; several candidates are listed. nomad.md §4.1. */
import type { AllocationStub, EvaluationStub, JobStub, NodeStub } from "#api/contract";
import type { Deployment } from "#model";
import { NamedError } from "#std";
import type { Context } from "./command.ts";
import { table } from "./render/columns.ts";

/** A job by id or unique prefix, in the namespace asked for. */
export async function resolveJob(context: Context, typed: string): Promise<JobStub> {
  // Everything begins with nothing: an unset variable of a script must not stop the only job there is.
  if (typed.trim() === "") throw new NamedError("ID_INVALID", `No job ${JSON.stringify(typed)}: an id has at least one character`);
  const { value: body } = await context.api.jobs.list({ prefix: typed });
  const exact = body.filter((job) => job.ID === typed);
  const found = exact.length > 0 ? exact : body;
  return only(found, "job", typed, () =>
    table([["ID", "Namespace", "Status"], ...found.map((job) => [job.ID, job.Namespace, job.Status])]),
  );
}

export async function resolveAllocation(context: Context, typed: string): Promise<AllocationStub> {
  const prefix = uuidPrefix(typed, "allocation");
  const { value: body } = await context.api.allocations.list({ prefix });
  return only(body, "allocation", typed, () =>
    table([["ID", "Job", "Group", "Status"], ...body.map((each) => [each.ID.slice(0, 8), each.JobID, each.TaskGroup, each.ClientStatus])]),
  );
}

export async function resolveNode(context: Context, typed: string): Promise<NodeStub> {
  const prefix = uuidPrefix(typed, "node");
  const { value: body } = await context.api.nodes.list({ prefix });
  return only(body, "node", typed, () =>
    table([["ID", "Name", "Status"], ...body.map((each) => [each.ID.slice(0, 8), each.Name, each.Status])]),
  );
}

export async function resolveEvaluation(context: Context, typed: string): Promise<EvaluationStub> {
  const prefix = uuidPrefix(typed, "evaluation");
  const { value: body } = await context.api.evaluations.list({ prefix });
  return only(body, "evaluation", typed, () =>
    table([["ID", "Job", "Status"], ...body.map((each) => [each.ID.slice(0, 8), each.JobID, each.Status])]),
  );
}

export async function resolveDeployment(context: Context, typed: string): Promise<Deployment> {
  const prefix = uuidPrefix(typed, "deployment");
  const { value: body } = await context.api.deployments.list({ prefix });
  return only(body, "deployment", typed, () =>
    table([
      ["ID", "Job ID", "Job Version", "Status"],
      ...body.map((each) => [each.ID.slice(0, 8), each.JobID, String(each.JobVersion), each.Status]),
    ]),
  );
}

/** `-self`: the node of the agent that is asked. */
export async function selfNode(context: Context): Promise<string> {
  const { value } = await context.api.agent.self();
  const id = value.stats["client"]?.["node_id"];
  if (id === undefined || id === "") throw new NamedError("NOT_A_NODE", "The agent asked runs no client: name a node instead of -self");
  return id;
}

export function versionUnknown(job: string, wanted: number, versions: readonly { readonly Version: number }[]): NamedError {
  return new NamedError(
    "JOB_VERSION_UNKNOWN",
    `Job ${JSON.stringify(job)} has no version ${wanted}: it has ${versions.map((each) => each.Version).join(", ")}`,
  );
}

function uuidPrefix(typed: string, noun: string): string {
  // A shell pattern's trailing dots or a full id copied with them are not worth a failure.
  const prefix = typed.trim().toLowerCase();
  if (!/^[0-9a-f-]+$/.test(prefix))
    throw new NamedError("ID_INVALID", `No ${noun} ${JSON.stringify(typed)}: an id is made of the digits 0-9 and a-f`);
  return prefix;
}

function only<T>(found: readonly T[], noun: string, typed: string, candidates: () => string): T {
  const first = found[0];
  if (first === undefined) throw new NamedError("ID_UNKNOWN", `No ${noun}(s) with prefix or id ${JSON.stringify(typed)} found`);
  if (found.length > 1)
    throw new NamedError("ID_AMBIGUOUS", `Prefix ${JSON.stringify(typed)} matched multiple ${noun}s\n\n${candidates()}`);
  return first;
}
