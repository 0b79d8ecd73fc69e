/**
 * Who may do what. A policy's text comes in, rules go out; rules and a question come in, yes or no goes out. All of it is pure.
 *
 * Comes in: policy texts (HCL or JSON), Grants, questions (namespace and capability, node, variable path, …).
 * Goes out: Rules, and booleans. The same answers on a server and on a node's agent.
 *
 * Invariants: closed unless something opens it; deny wins over everything said of the same name; of several globs the closest match speaks alone.
 *
 * Never here: tokens being looked up (server/access), endpoints (api/contract/capabilities.ts says what each needs), effects.
 *
 * Read next: contract.ts, capabilities.ts, parse-policy.ts, questions.ts; then ../api/contract/capabilities.ts and ../server/access.
 */
export type { Grant, Level, Need, Rules, WorkloadSubject } from "./contract.ts";
export { NAMESPACE_CAPABILITIES } from "./capabilities.ts";
export { parsePolicy } from "./parse-policy.ts";
export { PolicyError } from "./policy-error.ts";
export { EVERYTHING, mergeRules, NO_RULES, NOTHING } from "./rules.ts";
export {
  mayAgent,
  mayHostVolume,
  mayInAnyNamespace,
  mayInAnyNodePool,
  mayInNamespace,
  mayListVariables,
  mayNode,
  mayNodePool,
  mayOperator,
  mayPlugin,
  mayQuota,
  mayReadServices,
  maySeeNamespace,
  mayVariable,
  meets,
  ownVariablePaths,
  type Target,
  type VariableCapability,
} from "./questions.ts";
