/** What is noted on a version of a job: that it is stable (auto_revert goes back to it), and a name that keeps it. nomad.md §3.2. */
import type { Job } from "#model";
import { commit, type ServerContext } from "../context.ts";
import { badRequest, jobNotFound, jobVersionNotFound, refused, versionTagNotFound, versionTagTaken } from "../errors.ts";

const NAME_MAX = 128;
const DESCRIPTION_MAX = 1_024;

export async function setJobStability(
  context: ServerContext,
  namespace: string,
  id: string,
  version: number,
  stable: boolean,
): Promise<{ readonly Index: number }> {
  const { job } = requireVersion(context, namespace, id, version);
  const Index = await commit(context, {
    type: "job-stability",
    Namespace: job.Namespace,
    JobID: job.ID,
    Version: version,
    Stable: stable,
  });
  return { Index };
}

export async function tagJobVersion(
  context: ServerContext,
  namespace: string,
  id: string,
  tag: { readonly Name: string; readonly Description: string; readonly Version: number | null },
): Promise<{ readonly Index: number }> {
  if (tag.Name === "") throw badRequest(`Cannot tag a version of job "${id}": the tag has no name`);
  if (tag.Name.length > NAME_MAX) throw badRequest(`Cannot tag a version of job "${id}": the name is longer than ${NAME_MAX} characters`);
  if (tag.Description.length > DESCRIPTION_MAX) {
    throw badRequest(`Cannot tag a version of job "${id}": the description is longer than ${DESCRIPTION_MAX} characters`);
  }
  const { job, version } = requireVersion(context, namespace, id, tag.Version);
  const outcome = await context.cluster.propose({
    type: "job-version-tag",
    Namespace: job.Namespace,
    JobID: job.ID,
    Version: version.Version,
    Name: tag.Name,
    Description: tag.Description,
  });
  if (outcome.ok) return { Index: outcome.index };
  if (outcome.code === "conflict") throw versionTagTaken(id, tag.Name, holderOf(context, namespace, id, tag.Name)?.Version);
  throw refused(outcome);
}

export async function untagJobVersion(
  context: ServerContext,
  namespace: string,
  id: string,
  name: string,
): Promise<{ readonly Index: number }> {
  const job = context.cluster.state.snapshot().job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  const tagged = holderOf(context, namespace, id, name);
  if (tagged === undefined) throw versionTagNotFound(id, name);
  const Index = await commit(context, {
    type: "job-version-tag",
    Namespace: job.Namespace,
    JobID: job.ID,
    Version: tagged.Version,
    Name: name,
    Description: null,
  });
  return { Index };
}

function holderOf(context: ServerContext, namespace: string, id: string, name: string): Job | undefined {
  return context.cluster.state
    .snapshot()
    .jobVersions(namespace, id)
    .find((version) => version.VersionTag?.Name === name);
}

/** `version` null: the current one. */
function requireVersion(context: ServerContext, namespace: string, id: string, version: number | null): { job: Job; version: Job } {
  const snapshot = context.cluster.state.snapshot();
  const job = snapshot.job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  const kept = snapshot.jobVersion(namespace, id, version ?? job.Version);
  if (kept === undefined) throw jobVersionNotFound(namespace, id, version ?? job.Version);
  return { job, version: kept };
}
