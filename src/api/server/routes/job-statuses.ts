/**
 * GET and PUT /v1/jobs/statuses: jobs with what a page about them shows: their allocations and newest deployment. nomad.md §3.2.
 *
 * Ordered by ModifyIndex, as a page that shows the newest change first wants it. A job that changes between two pages moves: read
 * forward it is met again, read in reverse it is the caller who looks again at the top.
 */
import type { Allocation, Deployment, Job } from "#model";
import { awaitsPromotion, deploymentActive, launchesChildren } from "#model";
import type { Snapshot } from "#state";
import type { JobStatus } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { Body } from "../body.ts";
import { list, type Call, type Handler } from "../call.ts";
import { both, visible } from "../guard/visible.ts";
import { byModifyIndex } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest } from "../refusal.ts";

/** PUT: {Jobs: [{Namespace, ID}], IncludeChildren}. */
export const listStatuses: Handler = reading(["jobs", "allocations", "deployments"], (snapshot, call) => {
  const index = snapshot.tableIndex("jobs", "allocations", "deployments");
  return {
    index,
    async answer() {
      const asked = call.method === "PUT" ? askedOf(call) : { jobs: undefined, children: call.query.flag("include_children", false, true) };
      const source = asked.jobs === undefined ? snapshot.jobs(call.namespace, call.query.text("prefix")) : named(snapshot, asked.jobs);
      const parents = (job: Job) => asked.jobs !== undefined || asked.children || job.ParentID === "";
      const keep = both(parents, visible(call.grant, ["read-job"]));
      const found = await page(call, source, byModifyIndex<Job>(), keep);
      return list(found.items, (job) => JSON.stringify(statusOf(snapshot, job, asked.children)), { index, nextToken: found.nextToken });
    },
  };
});

interface NamedJob {
  readonly Namespace: string;
  readonly ID: string;
}

/** No Jobs: all, as GET. */
function askedOf(call: Call): { readonly jobs: readonly NamedJob[] | undefined; readonly children: boolean } {
  const body = call.body(true);
  const jobs = body.value("Jobs") ?? [];
  const children = body.flag("IncludeChildren");
  if (!Array.isArray(jobs)) throw badRequest('Cannot read request body: field "Jobs" is no list');
  const wanted = jobs.map((one: unknown): NamedJob => {
    // Web pages write the names in lower case.
    const entry = new Body(typeof one === "object" ? { ...one } : {});
    const ID = entry.text("ID");
    if (ID === "") throw badRequest('Cannot read request body: an entry of "Jobs" has no ID');
    return { ID, Namespace: entry.text("Namespace") || (call.namespace === "*" ? "default" : call.namespace) };
  });
  return { jobs: wanted.length === 0 ? undefined : wanted, children };
}

function named(snapshot: Snapshot, jobs: readonly NamedJob[]): readonly Job[] {
  return jobs.flatMap(({ Namespace, ID }) => snapshot.job(Namespace, ID) ?? []);
}

function statusOf(snapshot: Snapshot, job: Job, children: boolean): JobStatus {
  const latest = snapshot.deploymentsByJob(job.Namespace, job.ID)[0];
  const parent = launchesChildren(job);
  return {
    ID: job.ID,
    Namespace: job.Namespace,
    Name: job.Name,
    Type: job.Type,
    NodePool: job.NodePool,
    Datacenters: job.Datacenters,
    Priority: job.Priority,
    Version: job.Version,
    SubmitTime: job.SubmitTime,
    ModifyIndex: job.ModifyIndex,
    Allocs: [...snapshot.allocationsByJob(job.Namespace, job.ID)].map(allocationStatus),
    GroupCountSum: job.TaskGroups.reduce((sum, group) => sum + (group.Count ?? 0), 0),
    ChildStatuses: children || !parent ? null : [...snapshot.childJobs(job.Namespace, job.ID)].map((child) => child.Status),
    ParentID: job.ParentID,
    LatestDeployment: latest === undefined ? null : deploymentStatus(latest),
    Stop: job.Stop,
    IsPack: Object.keys(job.Meta).some((key) => key.startsWith("pack.")),
    Status: job.Status,
  };
}

function allocationStatus(allocation: Allocation): JobStatus["Allocs"][number] {
  return {
    ID: allocation.ID,
    Group: allocation.TaskGroup,
    ClientStatus: allocation.ClientStatus,
    NodeID: allocation.NodeID,
    DeploymentStatus: {
      Canary: allocation.DeploymentStatus?.Canary ?? false,
      Healthy: allocation.DeploymentStatus?.Healthy ?? null,
    },
    JobVersion: allocation.JobVersion,
    FollowupEvalID: allocation.FollowupEvalID,
    HasPausedTask: false,
  };
}

function deploymentStatus(of: Deployment): NonNullable<JobStatus["LatestDeployment"]> {
  return {
    ID: of.ID,
    IsActive: deploymentActive(of),
    JobVersion: of.JobVersion,
    Status: of.Status,
    StatusDescription: of.StatusDescription,
    AllAutoPromote: Object.values(of.TaskGroups).every((group) => group.AutoPromote),
    RequiresPromotion: awaitsPromotion(of),
  };
}
