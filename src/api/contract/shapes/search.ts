/** What a search takes and gives. nomad.md §3.2–3.5. */

export const SEARCH_CONTEXTS = [
  "allocs",
  "deployment",
  "evals",
  "jobs",
  "nodes",
  "node_pools",
  "namespaces",
  "plugins",
  "scaling_policy",
  "vars",
  "volumes",
  "host_volumes",
] as const;
export type SearchContext = (typeof SEARCH_CONTEXTS)[number];

/** PUT /v1/search */
export interface SearchBody {
  readonly Prefix: string;
  /** "" and "all": every context. */
  readonly Context?: SearchContext | "all" | "";
}

export interface SearchAnswer {
  readonly Matches: Partial<Readonly<Record<SearchContext, readonly string[]>>>;
  /** True when there were more than SEARCH_RESULTS_MAX. */
  readonly Truncations: Partial<Readonly<Record<SearchContext, boolean>>>;
  readonly Index: number;
}
export const SEARCH_RESULTS_MAX = 20;

/** PUT /v1/search/fuzzy */
export const FUZZY_CONTEXTS = [
  "jobs",
  "groups",
  "tasks",
  "services",
  "images",
  "commands",
  "classes",
  "nodes",
  "node_pools",
  "namespaces",
  "allocs",
  "evals",
  "deployment",
  "vars",
] as const;
export type FuzzyContext = (typeof FUZZY_CONTEXTS)[number];

export interface FuzzySearchBody {
  /** At least two characters. */
  readonly Text: string;
  readonly Context?: FuzzyContext | "all" | "";
}

export interface FuzzyMatch {
  /** The name that matched. */
  readonly ID: string;
  /** Namespace, job, group, task, as far as it lies in them; for what has a made id that id last. */
  readonly Scope: readonly string[];
}

export interface FuzzySearchAnswer {
  readonly Matches: Partial<Readonly<Record<FuzzyContext, readonly FuzzyMatch[]>>>;
  readonly Truncations: Partial<Readonly<Record<FuzzyContext, boolean>>>;
  readonly Index: number;
}
