/** PUT /v1/search: ids by prefix, per kind of thing, at most SEARCH_RESULTS_MAX of each. */
import type { SealedVariable } from "#model";
import type { Snapshot } from "#state";
import { SEARCH_CONTEXTS, SEARCH_RESULTS_MAX, type SearchContext } from "../../contract/mod.ts";
import type { Body } from "../body.ts";
import { value, type Call, type Context, type Handler } from "../call.ts";
import { mayVariable, type Grant } from "#access";
import { mayFind, maySearch, requireSearch } from "../guard/contexts.ts";
import { accessOf } from "../guard/who.ts";
import { badRequest } from "../refusal.ts";
import { requireCluster, requireServer } from "../require.ts";
import { policiesIn } from "./scaling.ts";

type Finder = (snapshot: Snapshot, namespace: string, prefix: string, mayList: MayList, grant: Grant) => Iterable<string>;
/** Variables are told to who may list them. */
export type MayList = (of: Pick<SealedVariable, "Namespace" | "Path">) => boolean;

const within = (namespace: string, of: { readonly Namespace: string }) => namespace === "*" || of.Namespace === namespace;

/** Kinds this version has nothing of are not here. */
const FINDERS: Partial<Readonly<Record<SearchContext, Finder>>> = {
  *jobs(snapshot, namespace, prefix, _mayList, grant) {
    for (const job of snapshot.jobs(namespace, prefix)) if (mayFind(grant, "jobs", job)) yield job.ID;
  },
  *allocs(snapshot, namespace, prefix, _mayList, grant) {
    for (const allocation of snapshot.allocations(prefix))
      if (within(namespace, allocation) && mayFind(grant, "allocs", allocation)) yield allocation.ID;
  },
  *evals(snapshot, namespace, prefix, _mayList, grant) {
    for (const evaluation of snapshot.evaluations(prefix))
      if (within(namespace, evaluation) && mayFind(grant, "evals", evaluation)) yield evaluation.ID;
  },
  *nodes(snapshot, _namespace, prefix) {
    for (const node of snapshot.nodes(prefix)) yield node.ID;
  },
  *deployment(snapshot, namespace, prefix, _mayList, grant) {
    for (const deployment of snapshot.deployments(prefix))
      if (within(namespace, deployment) && mayFind(grant, "deployment", deployment)) yield deployment.ID;
  },
  *scaling_policy(snapshot, namespace, prefix, _mayList, grant) {
    for (const policy of policiesIn(snapshot, namespace))
      if (policy.ID.startsWith(prefix) && mayFind(grant, "scaling_policy", policy)) yield policy.ID;
  },
  *namespaces(snapshot, _namespace, prefix, _mayList, grant) {
    for (const { Name } of snapshot.namespaces(prefix)) if (mayFind(grant, "namespaces", { Name })) yield Name;
  },
  *node_pools(snapshot, _namespace, prefix, _mayList, grant) {
    for (const { Name } of snapshot.nodePools(prefix)) if (mayFind(grant, "node_pools", { Name })) yield Name;
  },
  *vars(snapshot, namespace, prefix, mayList) {
    for (const variable of snapshot.variables(namespace, prefix)) if (mayList(variable)) yield variable.Path;
  },
};

export const search: Handler = async (call, context) => {
  const body = call.body();
  const prefix = body.text("Prefix");
  const wanted = body.text("Context") || "all";
  if (wanted !== "all" && !SEARCH_CONTEXTS.includes(wanted as SearchContext)) {
    throw badRequest(`Invalid context ${JSON.stringify(wanted)}: wanted "all" or one of ${SEARCH_CONTEXTS.join(", ")}`);
  }
  const namespace = namespaceOf(call, body);
  requireSearch(call.grant, wanted === "all" ? SEARCH_CONTEXTS : [wanted], namespace);
  const mayList = wanted === "all" || wanted === "vars" ? await listerOf(call, context) : () => false;
  const snapshot = await requireCluster(context).read();
  const matches: Partial<Record<SearchContext, readonly string[]>> = {};
  const truncations: Partial<Record<SearchContext, boolean>> = {};
  for (const kind of SEARCH_CONTEXTS) {
    if ((wanted !== "all" && wanted !== kind) || !maySearch(call.grant, kind, namespace)) continue;
    const found = firstOf(FINDERS[kind]?.(snapshot, namespace, prefix, mayList, call.grant) ?? [], SEARCH_RESULTS_MAX + 1);
    matches[kind] = found.slice(0, SEARCH_RESULTS_MAX);
    truncations[kind] = found.length > SEARCH_RESULTS_MAX;
  }
  return value(
    { Matches: matches, Truncations: truncations, Index: snapshot.index, LastContact: 0, KnownLeader: true, NextToken: "" },
    { index: snapshot.index },
  );
};

/** Of whose token it is. Rejects with VARIABLE_DENIED for an identity that is not believed. */
export async function listerOf(call: Call, context: Context): Promise<MayList> {
  const { variables } = requireServer(context);
  if (accessOf(context) !== undefined) return ({ Namespace, Path }) => mayVariable(call.grant, Namespace, Path, "list");
  const asker = await variables.asker(call.token);
  return ({ Namespace, Path }) => variables.may(asker, { access: "list", Namespace, Path });
}

/** Web pages name the namespace in the body. */
export function namespaceOf(call: Call, body: Body): string {
  return call.query.text("namespace") || body.text("Namespace") || "default";
}

function firstOf(ids: Iterable<string>, count: number): string[] {
  const first: string[] = [];
  for (const id of ids) {
    first.push(id);
    if (first.length === count) break;
  }
  return first;
}
