/**
 * What `job status -json` and `-t` say of a job: its summary, allocations, newest deployment and evaluations, as Nomad's does, beside the
 * job's own fields. nomad.md §4.3.
 */
import type { AllocationStub } from "#api/contract";
import type { Deployment, Evaluation, JobSummary } from "#model";
import type { Context } from "./command.ts";

export interface JobData {
  readonly Summary: JobSummary;
  readonly Allocations: readonly AllocationStub[];
  readonly LatestDeployment: Deployment | null;
  readonly Evaluations: readonly Evaluation[];
}

/** So many jobs are asked about at a time. */
const AT_A_TIME = 8;

/** In the order of `jobs`. */
export async function jobsData<J extends { readonly ID: string; readonly Namespace: string }>(
  context: Context,
  jobs: readonly J[],
): Promise<(J & JobData)[]> {
  const data: (J & JobData)[] = [];
  for (let at = 0; at < jobs.length; at += AT_A_TIME)
    data.push(...(await Promise.all(jobs.slice(at, at + AT_A_TIME).map((job) => jobData(context, job)))));
  return data;
}

async function jobData<J extends { readonly ID: string; readonly Namespace: string }>(
  { api, flags }: Context,
  job: J,
): Promise<J & JobData> {
  const query = { namespace: job.Namespace };
  const all = flags.flag("all-allocs") ? { parameters: { all: true } } : {};
  const [summary, allocations, deployment, evaluations] = await Promise.all([
    api.jobs.summary(job.ID, query),
    api.jobs.allocations(job.ID, { ...query, ...all }),
    api.jobs.deployment(job.ID, query),
    api.jobs.evaluations(job.ID, query),
  ]);
  return {
    ...job,
    Summary: summary.value,
    Allocations: allocations.value,
    LatestDeployment: deployment.value,
    Evaluations: evaluations.value,
  };
}
