/** PUT /v1/search/fuzzy: what has the text anywhere in its name, and where that name stands. nomad.md §3.2. */
import type { Job } from "#model";
import type { Snapshot } from "#state";
import { FUZZY_CONTEXTS, SEARCH_CONTEXTS, SEARCH_RESULTS_MAX, type FuzzyContext, type FuzzyMatch } from "../../contract/mod.ts";
import { value, type Handler } from "../call.ts";
import type { Grant } from "#access";
import { mayFind, maySearch, requireSearch } from "../guard/contexts.ts";
import { compareText } from "../listing/order.ts";
import { collect, sortInSlices } from "../listing/slices.ts";
import { badRequest } from "../refusal.ts";
import { requireCluster } from "../require.ts";
import { listerOf, type MayList, namespaceOf } from "./search.ts";

const TERM_MIN = 2;

interface Candidate {
  readonly name: string;
  /** Where the scope does not begin with it. */
  readonly namespace?: string;
  readonly scope: readonly string[];
}

/** Kinds whose ids are made by the servers are found by the beginning of the id, the others by a part of the name. */
const BY_PREFIX: readonly FuzzyContext[] = ["allocs", "evals", "deployment"];

export const fuzzySearch: Handler = async (call, context) => {
  const body = call.body();
  const text = body.text("Text").toLowerCase();
  const wanted = body.text("Context") || "all";
  if (text.length < TERM_MIN) throw badRequest(`fuzzy search query must be at least ${TERM_MIN} characters, got ${text.length}`);
  if (wanted !== "all" && !CONTEXTS.includes(wanted)) {
    throw badRequest(`Invalid context ${JSON.stringify(wanted)}: wanted "all" or one of ${CONTEXTS.join(", ")}`);
  }
  const namespace = namespaceOf(call, body);
  const kinds = FUZZY_CONTEXTS.filter((kind) => wanted === "all" || wanted === kind || (wanted === "jobs" && INSIDE_JOBS.includes(kind)));
  requireSearch(call.grant, kinds.length === 0 ? [wanted] : kinds, namespace);
  const mayList = wanted === "all" || wanted === "vars" ? await listerOf(call, context) : () => false;
  const snapshot = await requireCluster(context).read();
  const matches: Partial<Record<FuzzyContext, readonly FuzzyMatch[]>> = {};
  const truncations: Partial<Record<FuzzyContext, boolean>> = {};
  // Asking for jobs finds what is inside them too.
  for (const kind of kinds) {
    if (!maySearch(call.grant, kind, namespace)) continue;
    const found = await best(seen(candidates(snapshot, namespace, kind, mayList), kind, call.grant), text, BY_PREFIX.includes(kind));
    truncations[kind] = found.length > SEARCH_RESULTS_MAX;
    if (found.length > 0) matches[kind] = found.slice(0, SEARCH_RESULTS_MAX).map(({ name, scope }) => ({ ID: name, Scope: scope }));
  }
  return value(
    { Matches: matches, Truncations: truncations, Index: snapshot.index, LastContact: 0, KnownLeader: true, NextToken: "" },
    { index: snapshot.index },
  );
};

const INSIDE_JOBS: readonly FuzzyContext[] = ["groups", "tasks", "services", "images", "commands", "classes"];

/** Kinds there is nothing of here may be asked for all the same. */
const CONTEXTS: readonly string[] = [...new Set<string>([...FUZZY_CONTEXTS, ...SEARCH_CONTEXTS])];

/** The earlier in the name the better, then the shorter name, then by alphabet. */
async function best(all: Iterable<Candidate>, text: string, prefixOnly: boolean): Promise<readonly Candidate[]> {
  const placeIn = ({ name }: Candidate) => name.toLowerCase().indexOf(text);
  const found = await collect(all, (candidate) => {
    const at = placeIn(candidate);
    return at === 0 || (at > 0 && !prefixOnly);
  });
  const order = (a: Candidate, b: Candidate) => placeIn(a) - placeIn(b) || a.name.length - b.name.length || compareText(a.name, b.name);
  return (await sortInSlices(found, order)).slice(0, SEARCH_RESULTS_MAX + 1);
}

const WITHOUT_NAMESPACE: readonly FuzzyContext[] = ["nodes", "node_pools", "namespaces"];

/** Those that may be told; variables have been judged by their paths. */
function* seen(all: Iterable<Candidate>, kind: FuzzyContext, grant: Grant): Generator<Candidate> {
  for (const one of all) {
    const of = WITHOUT_NAMESPACE.includes(kind) ? { Name: one.name } : { Namespace: one.namespace ?? one.scope[0] ?? "" };
    if (kind === "vars" || mayFind(grant, kind, of)) yield one;
  }
}

function* candidates(snapshot: Snapshot, namespace: string, kind: FuzzyContext, mayList: MayList): Generator<Candidate> {
  const here = (of: { readonly Namespace: string }) => namespace === "*" || of.Namespace === namespace;
  switch (kind) {
    case "jobs":
      for (const job of snapshot.jobs(namespace)) yield { name: job.Name, scope: [job.Namespace, job.ID] };
      return;
    case "groups":
    case "tasks":
    case "services":
    case "images":
    case "commands":
    case "classes":
      for (const job of snapshot.jobs(namespace)) yield* insideJob(job, kind);
      return;
    case "nodes":
      for (const node of snapshot.nodes()) yield { name: node.Name, scope: [node.ID] };
      return;
    case "node_pools":
      for (const pool of snapshot.nodePools()) yield { name: pool.Name, scope: [] };
      return;
    case "namespaces":
      for (const one of snapshot.namespaces()) yield { name: one.Name, scope: [] };
      return;
    case "allocs":
      for (const one of snapshot.allocations()) if (here(one)) yield { name: one.Name, scope: [one.Namespace, one.ID] };
      return;
    case "evals":
      for (const one of snapshot.evaluations()) if (here(one)) yield { name: one.ID, scope: [], namespace: one.Namespace };
      return;
    case "deployment":
      for (const one of snapshot.deployments()) if (here(one)) yield { name: one.ID, scope: [], namespace: one.Namespace };
      return;
    case "vars":
      for (const one of snapshot.variables(namespace)) if (mayList(one)) yield { name: one.Path, scope: [one.Namespace] };
      return;
  }
}

function* insideJob(job: Job, kind: FuzzyContext): Generator<Candidate> {
  for (const group of job.TaskGroups) {
    const inGroup = [job.Namespace, job.ID, group.Name];
    if (kind === "groups") yield { name: group.Name, scope: [job.Namespace, job.ID] };
    if (kind === "services") for (const service of group.Services) yield { name: service.Name, scope: inGroup };
    for (const task of group.Tasks) {
      const inTask = [...inGroup, task.Name];
      if (kind === "tasks") yield { name: task.Name, scope: inGroup };
      if (kind === "services") for (const service of task.Services) yield { name: service.Name, scope: inTask };
      const config = task.Config as Readonly<Record<string, unknown>> | null;
      const field = kind === "images" ? "image" : kind === "commands" ? "command" : kind === "classes" ? "class" : undefined;
      const text = field === undefined ? undefined : config?.[field];
      if (typeof text === "string" && text !== "") yield { name: text, scope: inTask };
    }
  }
}
