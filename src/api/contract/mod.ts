/**
 * Door 2 is HTTP /v1. What it says is Nomad's API, so that existing clients work unchanged; it has three rooms, entered one by one
 * (the CLI must not load the server):
 *
 *   contract/   here: what both ends agree on: paths, methods, headers, shapes (nomad.md §3)
 *   client/     the typed caller the CLI uses
 *   server/     the answering end, on fastify
 *
 * What comes in: nothing. What goes out: the table of endpoints, `endpointPath` to write a path, header names, and the types of
 * bodies and answers that are not nouns of the model.
 *
 * Invariants: an endpoint is written once, here; nothing in this folder loads a library, so the CLI starts fast.
 *
 * Never here: a request, a decision, a schema that has to be compiled.
 *
 * Read next: endpoints.ts, shapes.ts, then ../client/mod.ts and ../server/mod.ts.
 */
export { ENDPOINTS, LATER_METHODS, LATER_PATHS, endpointPath } from "./endpoints.ts";
export type { Endpoint, EndpointName, Method, PathParameters } from "./endpoints.ts";
export { HEADERS } from "./headers.ts";
export { SEARCH_CONTEXTS, SEARCH_RESULTS_MAX } from "./shapes.ts";
export type {
  AgentHealthAnswer,
  AgentMember,
  AgentMembersAnswer,
  AgentSelfAnswer,
  AllocationDetail,
  AllocationStub,
  EvaluationAnswer,
  EvaluationDetail,
  EvaluationStub,
  Gauge,
  JobDeregisterAnswer,
  JobParseBody,
  JobPlanAnswer,
  JobPlanBody,
  JobRegisterAnswer,
  JobRegisterBody,
  JobStub,
  JobValidateAnswer,
  JobVersionsAnswer,
  MetricsAnswer,
  NamespaceDetail,
  NodeDetail,
  NodePoolDetail,
  NodeStub,
  NodeUpdateAnswer,
  SchedulerConfigurationAnswer,
  SearchAnswer,
  SearchBody,
  SearchContext,
  StreamFrame,
} from "./shapes.ts";
