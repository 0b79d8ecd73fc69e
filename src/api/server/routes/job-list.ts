/** GET and PUT /v1/jobs, PUT /v1/jobs/parse, PUT /v1/validate/job. */
import type { JobSubmission } from "#model";
import { canonicalJob, parseJob } from "#jobspec";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { json, list, value, type Call, type Context, type Handler, type Result } from "../call.ts";
import { requireSubmit } from "../guard/submit.ts";
import { visible } from "../guard/visible.ts";
import { byNamespaceAndId } from "../listing/order.ts";
import { jobsFrom, page } from "../listing/page.ts";
import { badRequest } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { requestScope } from "./job-of.ts";

export const listJobs: Handler = reading(["jobs", "job-summaries"], (snapshot, call, context) => {
  const index = snapshot.tableIndex("jobs", "job-summaries");
  return {
    index,
    async answer() {
      const meta = call.query.flag("meta", false, true);
      const keep = visible(call.grant, ["list-jobs", "read-job"]);
      const found = await page(call, jobsFrom(snapshot, call), byNamespaceAndId(call.namespace), keep);
      return list(
        found.items,
        (job) => context.texts.jobStub(job, snapshot.jobSummary(job.Namespace, job.ID), meta),
        { index, nextToken: found.nextToken },
        // What is kept for the next one who asks is what everybody may see there.
        keep !== undefined && call.namespace === "*" ? undefined : `jobs ${index} ${shapeKey(call)}`,
      );
    },
  };
});

/** All of the query that shapes the list. */
function shapeKey(call: Call): string {
  const { query } = call;
  return JSON.stringify([
    call.namespace,
    query.text("prefix"),
    query.text("filter"),
    query.text("per_page"),
    query.text("next_token"),
    query.flag("reverse", false, true),
    query.flag("meta", false, true),
  ]);
}

export const registerJob: Handler = (call, context) => register(call.body(), call, context);

/** Also of PUT /v1/job/:id, where the path names the job too. */
export async function register(body: Body, call: Call, context: Context): Promise<Result> {
  const server = requireServer(context);
  const job = jobOf(body);
  requireSubmit(job, call, context, "register-job", "submit-job");
  const answer = await server.registerJob({
    Job: job.fields,
    ...sensitiveOf(body),
    Submission: submissionOf(body),
    EnforceIndex: body.flag("EnforceIndex"),
    JobModifyIndex: body.whole("JobModifyIndex"),
    PreserveCounts: body.flag("PreserveCounts"),
    PreserveResources: body.flag("PreserveResources"),
    EvalPriority: body.whole("EvalPriority"),
    ...requestScope(call),
  });
  return value({ ...answer, LastContact: 0, KnownLeader: true, NextToken: "" }, { index: answer.Index });
}

export function jobOf(body: Body): Body {
  const job = body.object("Job");
  if (job === undefined) throw badRequest("Job must be specified");
  if (job.text("ID") === "" && job.text("Name") === "") throw badRequest("Job ID must be specified");
  return job;
}

/** Drover's own: which texts of the job the servers are to seal. */
export function sensitiveOf(body: Body): { readonly Sensitive?: readonly string[] } {
  const paths = body.texts("Sensitive");
  return paths.length > 0 ? { Sensitive: paths } : {};
}

function submissionOf(body: Body): JobSubmission | null {
  const submission = body.object("Submission");
  if (submission === undefined) return null;
  const flags = submission.object("VariableFlags")?.fields ?? {};
  return {
    Source: submission.text("Source"),
    Format: submission.text("Format"),
    VariableFlags: Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, String(flag)])),
    Variables: submission.text("Variables"),
  };
}

export const validateJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  return value(await server.validateJob({ Job: jobOf(body).fields, ...sensitiveOf(body) }));
};

/** HCL in, API JSON out. The text is a stranger's: file functions are refused. */
export const parseJobText: Handler = (call, context) => {
  const body = call.body();
  const text = body.text("JobHCL");
  if (text === "") throw badRequest("Job spec is empty");
  const variables = body.text("Variables");
  const parsed = parseJob({
    text,
    fileName: "input.hcl",
    variableFiles: variables === "" ? [] : [{ name: "input.vars.hcl", text: variables }],
    environment: {},
    // One file of values may serve several jobs: what this one does not declare is passed over.
    strict: false,
    allowFileFunctions: false,
  });
  // The values are the caller's own. Which of them are sensitive goes along in the job, and comes back with it when it is registered.
  const marks = parsed.sensitive.length > 0 ? { Sensitive: parsed.sensitive } : {};
  if (!body.flag("Canonicalize")) return value({ ...parsed.job, ...marks });
  const canonical = canonicalJob(parsed.job, {
    defaultNamespace: "default",
    defaultRegion: context.region,
    priorityDefault: 50,
    priorityMax: 100,
    countMax: 50_000,
  });
  return parsed.sensitive.length > 0 ? value({ ...canonical, ...marks }) : json(context.texts.job(canonical));
};
