/**
 * May this request be answered at all? The table of ../../contract/capabilities.ts, enforced before the handler runs.
 *
 *   token ─► Grant ─► every need of the endpoint: met ─► handler (which asks by `call.grant` what only it can know)
 *                                                └─ not ─► 403 Permission denied
 *                                                └─ of a record: 404, as if it were not there, for who may the like where they asked
 *
 * Without access control nothing of this runs. An agent without a server judges what is about itself; the rest a server judges, which it is
 * passed on to.
 */
import {
  EVERYTHING,
  mayInAnyNamespace,
  mayInNamespace,
  mayListVariables,
  mayNodePool,
  mayReadServices,
  mayVariable,
  meets,
  NOTHING,
  type Grant,
  type VariableCapability,
} from "#access";
import { NamedError } from "#std";
import { needsOf, type EndpointName, type Requirement } from "../../contract/mod.ts";
import type { Call, Context } from "../call.ts";
import { serverOnly } from "../refusal.ts";
import { denied, deniedFor } from "./denied.ts";
import { namespaceOfRecord, recordId, unknownRecord } from "./record.ts";
import { accessOf, type Access } from "./who.ts";

/** Resolves with what the one who asks may do. Rejects with API_DENIED (403), or as AccessControl.resolve does. */
export async function admit(target: EndpointName, call: Call, context: Context): Promise<Grant> {
  const access = accessOf(context);
  if (access === undefined) return EVERYTHING;
  const needs = needsOf(target, call.method);
  // Who logs in may come with a token that is none any more.
  if (needs.every(({ kind }) => kind === "anyone")) return NOTHING;
  if (context.server === null && needs.some(({ kind }) => !OF_THE_AGENT.includes(kind))) throw serverOnly();
  const grant = await resolved(call.token, access, context);
  for (const need of needs) await requireMet(need, grant, call, context);
  return grant;
}

/** A token may have been made a moment ago on another server. */
export async function resolved(token: string, access: Access, { cluster }: Context): Promise<Grant> {
  try {
    return await access.resolve(token);
  } catch (error) {
    if (cluster === null || cluster.leads || !(error instanceof NamedError) || error.code !== "ACL_TOKEN_NOT_FOUND") throw error;
    await cluster.read();
    return access.resolve(token);
  }
}

/** What is decided about the agent or its machine, wherever the state is. */
const OF_THE_AGENT: readonly Requirement["kind"][] = ["anyone", "agent", "node"];

async function requireMet(need: Requirement, grant: Grant, call: Call, context: Context): Promise<void> {
  if (grant.Management) return;
  switch (need.kind) {
    case "anyone":
    case "inside":
      return;
    case "namespace":
      return need.of === undefined ? requireNamespace(need, grant, call) : requireRecord(need, grant, call, context);
    case "node-pool": {
      if (need.listing === true) return;
      const name = call.parameters["name"] ?? call.body().text("Name");
      if (!need.any.some((capability) => mayNodePool(grant, name, capability))) throw deniedFor(need, call.namespace);
      return;
    }
    case "variable":
      return requireVariable(need, grant, call);
    case "somebody":
      if (grant.Subject === "anonymous") throw deniedFor(need, call.namespace);
      return;
    default:
      if (!meets(grant, need, {})) throw deniedFor(need, call.namespace);
  }
}

type OfNamespace = Extract<Requirement, { kind: "namespace" }>;

function requireNamespace(need: OfNamespace, grant: Grant, { namespace }: Call): void {
  // What may not be seen is left out of the answer.
  if (need.listing === true && namespace === "*") return;
  if (!may(need, grant, namespace)) throw deniedFor(need, namespace);
}

async function requireRecord(need: OfNamespace, grant: Grant, call: Call, context: Context): Promise<void> {
  if (need.of === undefined) return;
  const namespace = await namespaceOfRecord(need.of, recordId(call), context);
  if (namespace !== undefined && may(need, grant, namespace)) return;
  const asked = call.namespace === "*" ? need.any.some((one) => mayInAnyNamespace(grant, one)) : may(need, grant, call.namespace);
  if (!asked) throw deniedFor(need, call.namespace);
  // One that is not there was asked of the others (namespaceOfRecord): what is hidden takes as long. Scaling policies' ids can be guessed.
  if (namespace !== undefined) await context.cluster?.read();
  if (need.listed !== true) throw unknownRecord(need.of);
}

function may(need: OfNamespace, grant: Grant, namespace: string): boolean {
  if (need.workload === true && mayReadServices(grant, namespace)) return true;
  return need.any.some((capability) => mayInNamespace(grant, namespace, capability));
}

function requireVariable(need: Extract<Requirement, { kind: "variable" }>, grant: Grant, call: Call): void {
  const { namespace } = call;
  if (need.listing === true) {
    if (namespace !== "*" && !mayListVariables(grant, namespace)) throw deniedFor(need, namespace);
    return;
  }
  const path = (call.parameters["*"] ?? "").replace(/^\/+|\/+$/g, "");
  const met = need.any.some((capability) => mayVariable(grant, namespace, path, capability as VariableCapability));
  if (!met) throw deniedFor(need, namespace);
}

/** Throws 403 unless one of the capabilities is given in the namespace. */
export function requireCapability(grant: Grant, namespace: string, ...any: readonly string[]): void {
  if (grant.Management || any.some((capability) => mayInNamespace(grant, namespace, capability))) return;
  throw denied(`It needs ${any.join(" or ")} in namespace ${JSON.stringify(namespace)}.`);
}
