/** /v1/job/:job and what lies below it. */
import type { Allocation } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import { json, list, value, type Call, type Handler } from "../call.ts";
import { requireCapability } from "../guard/admit.ts";
import { requireSubmit } from "../guard/submit.ts";
import { byCreateIndex } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { stubShape } from "./allocations.ts";
import { jobOf, register, sensitiveOf } from "./job-list.ts";
import { jobIdOf, namespaceOf, requestScope, sameId } from "./job-of.ts";

export const readJob: Handler = reading(["jobs"], (snapshot, call, context) => {
  const job = snapshot.job(call.namespace, jobIdOf(call));
  const index = job?.ModifyIndex ?? snapshot.tableIndex("jobs");
  return {
    index,
    answer() {
      if (job === undefined) throw notFound("job not found");
      return json(context.texts.job(job), { index });
    },
  };
});

export const updateJob: Handler = (call, context) => {
  const body = call.body();
  sameId(call, jobOf(body).text("ID"));
  return register(body, call, context);
};

export const deregisterJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const priority = call.query.whole("eval_priority", 0);
  if (priority > 100) throw badRequest(`Invalid eval_priority: ${priority} is not between 1 and 100`);
  const purge = call.query.flag("purge", false, true);
  requireCapability(call.grant, namespaceOf(call), purge ? "purge-job" : "deregister-job", "submit-job");
  const answer = await server.deregisterJob(namespaceOf(call), jobIdOf(call), {
    Purge: purge,
    EvalPriority: priority,
    NoShutdownDelay: call.query.flag("no_shutdown_delay", false, true),
  });
  return value(
    { VolumeEvalID: "", VolumeEvalIndex: 0, ...answer, LastContact: 0, KnownLeader: true, NextToken: "" },
    { index: answer.Index },
  );
};

export const planJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const job = jobOf(body);
  sameId(call, job.text("ID"));
  requireSubmit(job, call, context, "plan-job", "submit-job");
  const answer = await server.planJob({ Job: job.fields, ...sensitiveOf(body), Diff: body.flag("Diff"), ...requestScope(call) });
  return value({ ...answer, Index: context.cluster?.state.index ?? 0 }, { index: context.cluster?.state.index ?? 1 });
};

export const evaluateJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body(true);
  sameId(call, body.text("JobID"));
  const answer = await server.evaluateJob(namespaceOf(call), jobIdOf(call), {
    ForceReschedule: body.object("EvalOptions")?.flag("ForceReschedule") ?? false,
  });
  return value({ JobModifyIndex: 0, Warnings: "", ...answer, LastContact: 0, KnownLeader: true, NextToken: "" }, { index: answer.Index });
};

export const listAllocations: Handler = reading(["allocations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("allocations");
  return {
    index,
    async answer() {
      // Without ?all those of an older job of the same name are left out: it was purged and registered anew.
      const job = snapshot.job(call.namespace, jobIdOf(call));
      const current = (allocation: Allocation) =>
        job === undefined || allocation.Job === undefined || allocation.Job.CreateIndex === job.CreateIndex;
      const keep = call.query.flag("all", false, true) ? undefined : current;
      const found = await page(call, snapshot.allocationsByJob(call.namespace, jobIdOf(call)), byCreateIndex<Allocation>(), keep);
      const shape = stubShape(call);
      return list(found.items, (allocation) => context.texts.allocationStub(allocation, shape), { index, nextToken: found.nextToken });
    },
  };
});

export const listEvaluations: Handler = reading(["evaluations"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("evaluations");
  return {
    index,
    async answer() {
      const found = await page(call, snapshot.evaluationsByJob(call.namespace, jobIdOf(call)), byCreateIndex());
      // Newest first, as clients show them, unless pages were asked for.
      const items = call.query.has("per_page") ? found.items : found.items.toReversed();
      return list(items, context.texts.evaluation, { index, nextToken: found.nextToken });
    },
  };
});

export const readSummary: Handler = reading(["job-summaries"], (snapshot, call) => {
  const summary = snapshot.jobSummary(call.namespace, jobIdOf(call));
  const index = summary?.ModifyIndex ?? snapshot.tableIndex("job-summaries");
  return {
    index,
    answer() {
      if (summary === undefined) throw notFound("job not found");
      return value(summary, { index });
    },
  };
});

export const readSubmission: Handler = reading(["jobs"], (snapshot, call) => {
  const index = snapshot.tableIndex("jobs");
  return {
    index,
    answer() {
      const version = call.query.whole("version", snapshot.job(call.namespace, jobIdOf(call))?.Version ?? 0);
      const submission = snapshot.submission(call.namespace, jobIdOf(call), version);
      if (submission === undefined) throw notFound("job source not found");
      return value(
        {
          ...submission,
          Namespace: call.namespace,
          JobID: jobIdOf(call),
          Version: version,
          JobModifyIndex: modifyIndexOf(snapshot, call, version),
        },
        { index },
      );
    },
  };
});

function modifyIndexOf(snapshot: Snapshot, call: Call, version: number): number {
  return snapshot.jobVersion(call.namespace, jobIdOf(call), version)?.JobModifyIndex ?? 0;
}

/** Commands a task offers (`action` blocks), by task. */
export const listActions: Handler = reading(["jobs"], (snapshot, call) => {
  const job = snapshot.job(call.namespace, jobIdOf(call));
  const index = job?.ModifyIndex ?? snapshot.tableIndex("jobs");
  return {
    index,
    answer() {
      if (job === undefined) throw notFound("job not found");
      const actions = job.TaskGroups.flatMap((group) =>
        group.Tasks.flatMap((task) =>
          task.Actions.map(({ Name, Command, Args }) => ({ Name, Command, Args, TaskName: task.Name, TaskGroupName: group.Name })),
        ),
      );
      return value(actions, { index });
    },
  };
});

/** Drover's own: why what is wanted is not running. Blocking, like any read. */
export const explainJob: Handler = reading(["jobs", "allocations", "evaluations", "deployments", "nodes"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("jobs", "allocations", "evaluations", "deployments", "nodes");
  return { index, answer: () => value(requireServer(context).explainJob(call.namespace, jobIdOf(call)), { index }) };
});
