/** Jobs made from jobs: dispatching a parameterized one, launching a periodic one now. nomad.md §3.2. */
import type { DispatchRequest } from "#server";
import { value, type Call, type Context, type Handler, type Result } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { jobIdOf, namespaceOf, sameId } from "./job-of.ts";

export const dispatchJob: Handler = (call, context) => {
  const body = call.body(true);
  sameId(call, body.text("JobID"));
  const payload = body.text("Payload");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(payload) || payload.length % 4 !== 0) {
    throw badRequest('Cannot read request body: field "Payload" is not base64');
  }
  return dispatch(call, context, {
    Payload: payload,
    Meta: body.textMap("Meta"),
    IdPrefixTemplate: body.text("IdPrefixTemplate"),
    Priority: body.whole("Priority"),
  });
};

/** The body is the payload itself; the rest is in the query string: ?meta=key=value, repeatable. */
export const dispatchPayload: Handler = (call, context) => {
  const pairs = call.query.all("meta").map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw badRequest(`Invalid meta ${JSON.stringify(pair.slice(0, 80))}, wanted key=value`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return dispatch(call, context, {
    Payload: call.bytes().toString("base64"),
    Meta: Object.fromEntries(pairs),
    IdPrefixTemplate: call.query.text("id_prefix_template"),
    Priority: call.query.whole("priority", 0),
  });
};

async function dispatch(call: Call, context: Context, request: Omit<DispatchRequest, "IdempotencyToken">): Promise<Result> {
  const answer = await requireServer(context).dispatchJob(namespaceOf(call), jobIdOf(call), {
    ...request,
    IdempotencyToken: call.query.text("idempotency_token"),
  });
  return value(answer, { index: answer.Index });
}

export const forcePeriodic: Handler = async (call, context) => {
  const answer = await requireServer(context).forcePeriodic(namespaceOf(call), jobIdOf(call));
  return value(answer, { index: answer.Index });
};
