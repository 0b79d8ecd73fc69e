/**
 * A parameterized job is given work: a child with its payload and meta, registered with the evaluation that places it.
 * nomad.md §1.11, §3.2.
 *
 *   request ──► payload and meta as the parent allows? ──► child ──► job-register (child + evaluation, one entry)
 *
 * A token dispatches one child of a parent, however often and at whatever moments it comes: the state, where there is one order of
 * things, refuses the second, which is then answered with the first.
 */
import { isParameterized, type Job, type JobId } from "#model";
import { evaluationFor, type ServerContext } from "../context.ts";
import type { DispatchRequest, DispatchResponse } from "../contract.ts";
import { badRequest, jobNotFound, refused, registrationClosed } from "../errors.ts";

/** Bytes. */
export const PAYLOAD_MAX = 16 * 1024;
const ID_TRIES = 5;

export async function dispatchJob(
  context: ServerContext,
  namespace: string,
  id: string,
  request: DispatchRequest,
): Promise<DispatchResponse> {
  const snapshot = context.cluster.state.snapshot();
  if (snapshot.schedulerConfiguration().RejectJobRegistration) throw registrationClosed();
  const parent = snapshot.job(namespace, id);
  if (parent === undefined) throw jobNotFound(id);
  mayDispatch(context, parent, request);
  for (let attempt = 1; ; attempt++) {
    const child = dispatchedChild(context, parent, request);
    // Of a job that is periodic too it is the schedule that launches.
    const evaluation = child.Periodic !== null ? null : evaluationFor(context, child, "job-register");
    const outcome = await context.cluster.propose({
      type: "job-register",
      Job: child,
      Submission: null,
      Evaluation: evaluation,
      EnforceIndex: 0,
      PreserveCounts: false,
    });
    const after = context.cluster.state.snapshot();
    if (outcome.ok) {
      const CreateIndex = evaluation === null ? 0 : outcome.index;
      return {
        DispatchedJobID: child.ID,
        EvalID: evaluation?.ID ?? "",
        EvalCreateIndex: CreateIndex,
        JobCreateIndex: after.job(namespace, child.ID)?.CreateIndex ?? outcome.index,
        Index: outcome.index,
      };
    }
    const token = request.IdempotencyToken;
    const first = outcome.code === "conflict" && token !== "" ? after.dispatchedJob(parent.Namespace, parent.ID, token) : undefined;
    if (first !== undefined) {
      return { DispatchedJobID: first.ID, EvalID: "", EvalCreateIndex: 0, JobCreateIndex: first.CreateIndex, Index: first.ModifyIndex };
    }
    // Eight digits of chance: in a flood two children of one second may be given the same.
    if (outcome.code !== "conflict" || attempt === ID_TRIES) throw refused(outcome);
  }
}

function mayDispatch(context: ServerContext, parent: Job, request: DispatchRequest): void {
  const cannot = `Cannot dispatch job "${parent.ID}"`;
  const rules = parent.ParameterizedJob;
  if (rules === null || !isParameterized(parent)) throw badRequest(`${cannot}: it is not a parameterized job`);
  if (parent.Stop) throw badRequest(`${cannot}: it is stopped`);

  const bytes = Buffer.from(request.Payload, "base64").length;
  if (rules.Payload === "required" && bytes === 0) throw badRequest(`${cannot}: Payload is not provided but required by parameterized job`);
  if (rules.Payload === "forbidden" && bytes > 0) throw badRequest(`${cannot}: Payload provided but forbidden by parameterized job`);
  if (bytes > PAYLOAD_MAX) throw badRequest(`${cannot}: Payload exceeds maximum size; ${bytes} > ${PAYLOAD_MAX}`);

  const given = Object.keys(request.Meta);
  const allowed = new Set([...rules.MetaRequired, ...rules.MetaOptional]);
  const foreign = given.filter((key) => !allowed.has(key)).sort();
  if (foreign.length > 0) throw badRequest(`${cannot}: Dispatch request included unpermitted metadata keys: ${list(foreign)}`);
  const missing = rules.MetaRequired.filter((key) => !given.includes(key)).sort();
  if (missing.length > 0) throw badRequest(`${cannot}: Dispatch did not provide required meta keys: ${list(missing)}`);

  const { priorityMax } = context.admission;
  if (request.Priority < 0 || request.Priority > priorityMax) {
    throw badRequest(`${cannot}: priority is ${request.Priority}, must be 1 to ${priorityMax}, or 0 for the parent's`);
  }
  if (/[\s\p{Cc}]/u.test(request.IdPrefixTemplate)) {
    throw badRequest(`${cannot}: the prefix ${JSON.stringify(request.IdPrefixTemplate)} of its id contains a space or a control character`);
  }
}

/** `<id>/dispatch-[prefix-]<unix>-<8 hex>` */
function dispatchedChild(context: ServerContext, parent: Job, request: DispatchRequest): Job {
  const prefix = request.IdPrefixTemplate === "" ? "" : `${request.IdPrefixTemplate}-`;
  const second = Math.floor(context.clock.nowMs() / 1_000);
  const id = `${parent.ID}/dispatch-${prefix}${second}-${context.random.uuid().slice(0, 8)}` as JobId;
  return {
    ...parent,
    ID: id,
    Name: id,
    ParentID: parent.ID,
    Dispatched: true,
    DispatchIdempotencyToken: request.IdempotencyToken,
    Payload: request.Payload === "" ? null : request.Payload,
    Meta: { ...parent.Meta, ...request.Meta },
    Priority: request.Priority > 0 ? request.Priority : parent.Priority,
    Status: "",
    StatusDescription: "",
  };
}

function list(keys: readonly string[]): string {
  return `[${keys.join(", ")}]`;
}
