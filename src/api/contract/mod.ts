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
 * Read next: endpoints.ts, shapes/ (by noun), then ../client/mod.ts and ../server/mod.ts.
 */
export { ENDPOINTS, endpointPath, variableEndpointPath } from "./endpoints.ts";
export { NEEDS, needsOf } from "./capabilities.ts";
export type { RecordKind, Requirement } from "./capabilities.ts";
export { LATER_ENDPOINTS, LATER_METHODS, awaitedText } from "./later.ts";
export type { Awaited, LaterEndpoint } from "./later.ts";
export type { Endpoint, EndpointName, Method, PathParameters } from "./endpoints.ts";
export { HEADERS } from "./headers.ts";
export { FUZZY_CONTEXTS, SEARCH_CONTEXTS, SEARCH_RESULTS_MAX } from "./shapes/search.ts";
export type {
  AclAuthMethodAnswer,
  AclAuthMethodStub,
  AclBindingRuleStub,
  AclPolicyStub,
  AclTokenAnswer,
  AclTokenStub,
} from "./shapes/access.ts";
export type {
  AgentHealthAnswer,
  AgentHostAnswer,
  AgentMember,
  AgentMembersAnswer,
  AgentSchedulersAnswer,
  AgentSchedulersConfigAnswer,
  AgentSelfAnswer,
} from "./shapes/agent.ts";
export type { AllocationDetail, AllocationStub, StreamFrame } from "./shapes/allocation.ts";
export type { DeploymentUpdateAnswer, EvaluationAnswer, EvaluationDetail, EvaluationStub } from "./shapes/evaluation.ts";
export type {
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
  ScalingPolicyStub,
} from "./shapes/job.ts";
export type { Gauge, MetricsAnswer, Sample } from "./shapes/metrics.ts";
export type { NodeDetail, NodeDrainBody, NodePoolDetail, NodeStub, NodeUpdateAnswer } from "./shapes/node.ts";
export type {
  AutopilotConfigurationAnswer,
  AutopilotHealthAnswer,
  RaftConfigurationAnswer,
  RootKeyAnswer,
  SchedulerConfigurationAnswer,
} from "./shapes/operator.ts";
export type {
  FuzzyContext,
  FuzzyMatch,
  FuzzySearchAnswer,
  FuzzySearchBody,
  SearchAnswer,
  SearchBody,
  SearchContext,
} from "./shapes/search.ts";
export type { NamespaceServices } from "./shapes/services.ts";
