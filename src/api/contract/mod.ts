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
export { ENDPOINTS, endpointPath, variableEndpointPath } from "./endpoints.ts";
export { NEEDS, needsOf } from "./capabilities.ts";
export type { RecordKind, Requirement } from "./capabilities.ts";
export { LATER_ENDPOINTS, LATER_METHODS, awaitedText } from "./later.ts";
export type { Awaited, LaterEndpoint } from "./later.ts";
export type { Endpoint, EndpointName, Method, PathParameters } from "./endpoints.ts";
export { HEADERS } from "./headers.ts";
export { FUZZY_CONTEXTS, SEARCH_CONTEXTS, SEARCH_RESULTS_MAX } from "./shapes.ts";
export type {
  AclAuthMethodAnswer,
  AclAuthMethodStub,
  AclBindingRuleStub,
  AclPolicyStub,
  AclTokenStub,
  AgentHealthAnswer,
  AgentHostAnswer,
  AgentMember,
  AgentMembersAnswer,
  AgentSchedulersAnswer,
  AgentSchedulersConfigAnswer,
  AgentSelfAnswer,
  AllocationDetail,
  AllocationStub,
  AutopilotConfigurationAnswer,
  AutopilotHealthAnswer,
  DeploymentUpdateAnswer,
  EvaluationAnswer,
  EvaluationDetail,
  EvaluationStub,
  FuzzyContext,
  FuzzyMatch,
  FuzzySearchAnswer,
  FuzzySearchBody,
  Gauge,
  JobAction,
  JobDeregisterAnswer,
  JobDispatchAnswer,
  JobDispatchBody,
  JobParseBody,
  JobPlanAnswer,
  JobPlanBody,
  JobRegisterAnswer,
  JobRegisterBody,
  JobScaleBody,
  JobScaleStatusAnswer,
  JobStatus,
  JobStub,
  JobTagAnswer,
  JobValidateAnswer,
  JobVersionsAnswer,
  MetricsAnswer,
  NamespaceServices,
  NodeDetail,
  NodeDrainBody,
  NodePoolDetail,
  NodeStub,
  NodeUpdateAnswer,
  RaftConfigurationAnswer,
  RootKeyAnswer,
  Sample,
  ScalingPolicyStub,
  SchedulerConfigurationAnswer,
  SearchAnswer,
  SearchBody,
  SearchContext,
  StreamFrame,
} from "./shapes.ts";
