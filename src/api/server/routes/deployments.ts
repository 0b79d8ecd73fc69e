/** /v1/deployments, /v1/deployment/:id, what is done to one, and a job's. nomad.md §3.2. */
import type { Allocation, AllocationId, Deployment, DeploymentId, Job } from "#model";
import type { DeploymentResponse } from "#server";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { list, value, type Call, type Handler, type Result } from "../call.ts";
import { both, visible } from "../guard/visible.ts";
import { byCreateIndex, byId } from "../listing/order.ts";
import { inCreationOrder, page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { stubShape } from "./allocations.ts";
import { jobIdOf } from "./job-of.ts";

export const listDeployments: Handler = reading(["deployments"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("deployments");
  return {
    index,
    async answer() {
      const prefix = call.query.text("prefix");
      const { namespace } = call;
      const here = namespace === "*" ? undefined : (deployment: Deployment) => deployment.Namespace === namespace;
      const keep = both(here, visible(call.grant, ["read-job"]));
      const found =
        prefix === ""
          ? await page(call, await inCreationOrder<Deployment>(snapshot, "deployments", context), byCreateIndex<Deployment>(), keep)
          : await page(call, snapshot.deployments(prefix), byId<Deployment>(), keep);
      return list(found.items, textOf, { index, nextToken: found.nextToken });
    },
  };
});

export const readDeployment: Handler = reading(["deployments"], (snapshot, call) => {
  const deployment = snapshot.deployment(idOf(call));
  const index = deployment?.ModifyIndex ?? snapshot.tableIndex("deployments");
  return {
    index,
    answer() {
      if (deployment === undefined) throw notFound("deployment not found");
      return value(deployment, { index });
    },
  };
});

export const listAllocationsOf: Handler = reading(["allocations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("allocations");
  return {
    index,
    async answer() {
      const keep = visible(call.grant, ["read-job"]);
      const found = await page(call, snapshot.allocationsByDeployment(idOf(call)), byCreateIndex<Allocation>(), keep);
      const shape = stubShape(call);
      return list(found.items, (allocation) => context.texts.allocationStub(allocation, shape), { index, nextToken: found.nextToken });
    },
  };
});

/** A job's, newest first unless pages were asked for. Without ?all those of an older job of the same name are left out: it was purged and registered anew. */
export const listOfJob: Handler = reading(["deployments"], (snapshot, call) => {
  const index = snapshot.tableIndex("deployments");
  return {
    index,
    async answer() {
      const job = snapshot.job(call.namespace, jobIdOf(call));
      const all = call.query.flag("all", false, true);
      const keep = (deployment: Deployment) => all || belongsTo(deployment, job);
      const found = await page(call, snapshot.deploymentsByJob(call.namespace, jobIdOf(call)), byCreateIndex<Deployment>(), keep);
      const items = call.query.has("per_page") ? found.items : found.items.toReversed();
      return list(items, textOf, { index, nextToken: found.nextToken });
    },
  };
});

/** A job's newest, or null. */
export const readLatestOfJob: Handler = reading(["deployments"], (snapshot, call) => {
  const job = snapshot.job(call.namespace, jobIdOf(call));
  const latest = snapshot.deploymentsByJob(call.namespace, jobIdOf(call)).find((deployment) => belongsTo(deployment, job));
  const index = latest?.ModifyIndex ?? snapshot.tableIndex("deployments");
  return { index, answer: () => value(latest ?? null, { index }) };
});

function belongsTo(deployment: Deployment, job: Job | undefined): boolean {
  return job === undefined || deployment.JobCreateIndex === job.CreateIndex;
}

export const failDeployment: Handler = async (call, context) => {
  bodyOf(call, true);
  return answered(await requireServer(context).failDeployment(idOf(call)));
};

export const pauseDeployment: Handler = async (call, context) => {
  const body = bodyOf(call);
  return answered(await requireServer(context).pauseDeployment(idOf(call), body.flag("Pause")));
};

export const promoteDeployment: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = bodyOf(call);
  const groups = body.texts("Groups");
  const all = body.flag("All");
  if (all && groups.length > 0) throw badRequest("Cannot promote deployment: all and some groups are named, wanted one of the two");
  if (!all && groups.length === 0) throw badRequest("Cannot promote deployment: wanted All or the names of Groups");
  return answered(await server.promoteDeployment(idOf(call), all ? null : groups));
};

export const setHealth: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = bodyOf(call);
  const healthy = body.texts("HealthyAllocationIDs") as readonly AllocationId[];
  const unhealthy = body.texts("UnhealthyAllocationIDs") as readonly AllocationId[];
  if (healthy.length === 0 && unhealthy.length === 0) {
    throw badRequest("Cannot set health of deployment: wanted at least one allocation in HealthyAllocationIDs or UnhealthyAllocationIDs");
  }
  const both = healthy.find((id) => unhealthy.includes(id));
  if (both !== undefined) throw badRequest(`Cannot set health of deployment: allocation ${JSON.stringify(both)} is in both lists`);
  return answered(await server.setDeploymentHealth(idOf(call), healthy, unhealthy));
};

function bodyOf(call: Call, optional = false): Body {
  const body = call.body(optional);
  const id = body.text("DeploymentID");
  if (id !== "" && id !== idOf(call)) throw badRequest("Deployment ID does not match");
  return body;
}

function answered(answer: DeploymentResponse): Result {
  return value(answer, { index: answer.Index });
}

function idOf(call: Call): DeploymentId {
  return (call.parameters["id"] ?? "") as DeploymentId;
}

function textOf(deployment: Deployment): string {
  return JSON.stringify(deployment);
}
