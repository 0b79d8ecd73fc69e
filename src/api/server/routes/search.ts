/** PUT /v1/search: ids by prefix, per kind of thing, at most SEARCH_RESULTS_MAX of each. */
import type { Snapshot } from "#state";
import { SEARCH_CONTEXTS, SEARCH_RESULTS_MAX, type SearchContext } from "../../contract/mod.ts";
import { value, type Call, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { requireCluster } from "../require.ts";
import { policiesIn } from "./scaling.ts";

type Finder = (snapshot: Snapshot, call: Call, prefix: string) => Iterable<string>;

const inNamespace = (call: Call, of: { readonly Namespace: string }) => call.namespace === "*" || of.Namespace === call.namespace;

/** Kinds this version has nothing of are not here. */
const FINDERS: Partial<Readonly<Record<SearchContext, Finder>>> = {
  *jobs(snapshot, call, prefix) {
    for (const job of snapshot.jobs(call.namespace, prefix)) yield job.ID;
  },
  *allocs(snapshot, call, prefix) {
    for (const allocation of snapshot.allocations(prefix)) if (inNamespace(call, allocation)) yield allocation.ID;
  },
  *evals(snapshot, call, prefix) {
    for (const evaluation of snapshot.evaluations(prefix)) if (inNamespace(call, evaluation)) yield evaluation.ID;
  },
  *nodes(snapshot, _call, prefix) {
    for (const node of snapshot.nodes(prefix)) yield node.ID;
  },
  *deployment(snapshot, call, prefix) {
    for (const deployment of snapshot.deployments(prefix)) if (inNamespace(call, deployment)) yield deployment.ID;
  },
  *scaling_policy(snapshot, call, prefix) {
    for (const policy of policiesIn(snapshot, call.namespace)) if (policy.ID.startsWith(prefix)) yield policy.ID;
  },
  *namespaces(snapshot, _call, prefix) {
    for (const namespace of snapshot.namespaces(prefix)) yield namespace.Name;
  },
  *node_pools(snapshot, _call, prefix) {
    for (const pool of snapshot.nodePools(prefix)) yield pool.Name;
  },
};

export const search: Handler = async (call, context) => {
  const body = call.body();
  const prefix = body.text("Prefix");
  const wanted = body.text("Context") || "all";
  if (wanted !== "all" && !SEARCH_CONTEXTS.includes(wanted as SearchContext)) {
    throw badRequest(`Invalid context ${JSON.stringify(wanted)}: wanted "all" or one of ${SEARCH_CONTEXTS.join(", ")}`);
  }
  const snapshot = await requireCluster(context).read();
  const matches: Partial<Record<SearchContext, readonly string[]>> = {};
  const truncations: Partial<Record<SearchContext, boolean>> = {};
  for (const kind of SEARCH_CONTEXTS) {
    if (wanted !== "all" && wanted !== kind) continue;
    const found = firstOf(FINDERS[kind]?.(snapshot, call, prefix) ?? [], SEARCH_RESULTS_MAX + 1);
    matches[kind] = found.slice(0, SEARCH_RESULTS_MAX);
    truncations[kind] = found.length > SEARCH_RESULTS_MAX;
  }
  return value(
    { Matches: matches, Truncations: truncations, Index: snapshot.index, LastContact: 0, KnownLeader: true },
    { index: snapshot.index },
  );
};

function firstOf(ids: Iterable<string>, count: number): string[] {
  const first: string[] = [];
  for (const id of ids) {
    first.push(id);
    if (first.length === count) break;
  }
  return first;
}
