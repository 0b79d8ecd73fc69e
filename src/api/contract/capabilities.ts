/**
 * What a request needs, by endpoint and method, once: the API enforces this table (../server/guard), the matrix of the tests is generated from
 * it, docs/access.md tells it. An endpoint without a line does not compile. nomad.md §7 (ACL model), the "ACL Required" of Nomad's API.
 *
 * Who has write to a namespace has its single capabilities too: where Nomad names a small one (plan-job), submit-job will do as well, as in
 * Nomad's older versions.
 */
import type { Need } from "#access";
import type { ENDPOINTS, EndpointName } from "./endpoints.ts";

/** Records whose own namespace counts, not that of the query. */
export type RecordKind = "allocation" | "evaluation" | "deployment" | "scaling-policy";

/**
 * `of`: of what the path names. `listed`: what is of another namespace is left out of the answer, a list, instead of refused. `workload`: tasks and
 * services may in their own namespace, whatever their policies say.
 */
export type Requirement = Need & { readonly of?: RecordKind; readonly listed?: true; readonly workload?: true };

const anyone = { kind: "anyone" } as const satisfies Need;
const somebody = { kind: "somebody" } as const satisfies Need;
const management = { kind: "management" } as const satisfies Need;
const inside = (about: string) => ({ kind: "inside", about }) as const satisfies Need;
const may = (...any: readonly string[]) => ({ kind: "namespace", any }) as const satisfies Need;
const list = (...any: readonly string[]) => ({ kind: "namespace", any, listing: true }) as const satisfies Need;
const of = (record: RecordKind, ...any: readonly string[]) => ({ kind: "namespace", any, of: record }) as const satisfies Requirement;
const listOf = (record: RecordKind, ...any: readonly string[]) => ({ ...of(record, ...any), listed: true }) as const satisfies Requirement;
const node = (level: "read" | "write") => ({ kind: "node", level }) as const satisfies Need;
const agent = (level: "read" | "write") => ({ kind: "agent", level }) as const satisfies Need;
const operator = (level: "read" | "write", capability?: string) =>
  ({ kind: "operator", level, ...(capability === undefined ? {} : { capability }) }) as const satisfies Need;
const pool = (...any: readonly string[]) => ({ kind: "node-pool", any }) as const satisfies Need;
const variable = (...any: readonly string[]) => ({ kind: "variable", any }) as const satisfies Need;

const READ = may("read-job");
const READ_ALLOCATION = of("allocation", "read-job");
const LIFECYCLE = of("allocation", "alloc-lifecycle");
const FILES = of("allocation", "read-fs");

export type NeedTable = {
  readonly [Name in EndpointName]: {
    readonly [Method in (typeof ENDPOINTS)[Name]["methods"][number]]: Requirement | readonly Requirement[];
  };
};

/** Several: all of them. */
export const NEEDS = {
  jobs: { GET: list("list-jobs", "read-job"), PUT: inside("register-job or submit-job in the job's namespace, and its host volumes") },
  "jobs-statuses": { GET: list("read-job"), PUT: list("read-job") },
  "jobs-parse": { PUT: may("parse-job", "submit-job") },
  job: {
    GET: READ,
    PUT: inside("register-job or submit-job in the job's namespace, and its host volumes"),
    DELETE: inside("deregister-job or submit-job; with ?purge purge-job or submit-job"),
  },
  "job-plan": { PUT: inside("plan-job or submit-job in the job's namespace, and its host volumes") },
  "job-evaluate": { PUT: may("evaluate-job", "submit-job") },
  "job-allocations": { GET: READ },
  "job-evaluations": { GET: READ },
  "job-deployments": { GET: READ },
  "job-deployment": { GET: READ },
  "job-summary": { GET: READ },
  "job-versions": { GET: READ },
  "job-version-tag": { PUT: may("tag-job-version", "submit-job"), DELETE: may("tag-job-version", "submit-job") },
  "job-revert": { PUT: may("revert-job", "submit-job") },
  "job-stable": { PUT: may("stable-job", "submit-job") },
  "job-dispatch": { PUT: may("dispatch-job") },
  "job-dispatch-payload": { PUT: may("dispatch-job") },
  "job-periodic-force": { PUT: may("force-periodic-job", "dispatch-job", "submit-job") },
  "job-scale": { GET: may("read-job-scaling", "read-job"), PUT: may("scale-job", "submit-job") },
  "job-why": { GET: READ },
  "job-submission": { GET: READ },
  "job-services": { GET: READ },
  "job-actions": { GET: READ },
  "job-action": { GET: may("alloc-exec") },
  "validate-job": { PUT: may("read-job", "submit-job") },
  nodes: { GET: node("read") },
  node: { GET: node("read") },
  "node-allocations": { GET: node("read") },
  "node-evaluate": { PUT: node("write") },
  "node-eligibility": { PUT: node("write") },
  "node-drain": { PUT: node("write") },
  "node-purge": { PUT: node("write") },
  "node-pools": { GET: { kind: "node-pool", any: ["read"], listing: true }, PUT: pool("write") },
  "node-pool": { GET: pool("read"), PUT: pool("write"), DELETE: pool("delete") },
  "node-pool-nodes": { GET: [pool("read"), node("read")] },
  "node-pool-jobs": { GET: [pool("read"), list("read-job")] },
  allocations: { GET: list("read-job") },
  allocation: { GET: READ_ALLOCATION },
  "allocation-stop": { PUT: LIFECYCLE },
  "allocation-services": { GET: listOf("allocation", "read-job") },
  "allocation-checks": { GET: READ_ALLOCATION },
  evaluations: { GET: list("read-job"), DELETE: management },
  "evaluations-count": { GET: list("read-job") },
  evaluation: { GET: of("evaluation", "read-job") },
  "evaluation-allocations": { GET: listOf("evaluation", "read-job") },
  deployments: { GET: list("read-job") },
  deployment: { GET: of("deployment", "read-job") },
  "deployment-allocations": { GET: listOf("deployment", "read-job") },
  "deployment-fail": { PUT: of("deployment", "fail-deployment", "submit-job") },
  "deployment-pause": { PUT: of("deployment", "pause-deployment", "submit-job") },
  "deployment-promote": { PUT: of("deployment", "promote-deployment", "submit-job") },
  "deployment-allocation-health": { PUT: of("deployment", "set-alloc-health-deployment", "submit-job") },
  "scaling-policies": { GET: list("list-scaling-policies", "read-job") },
  "scaling-policy": { GET: of("scaling-policy", "read-scaling-policy", "read-job") },
  volumes: { GET: list("csi-list-volume", "host-volume-read", "read-job") },
  plugins: { GET: { kind: "plugin", level: "read" } },
  services: { GET: { ...list("read-job"), workload: true } },
  service: { GET: { ...READ, workload: true } },
  "service-registration": { DELETE: may("delete-service-registration", "submit-job") },
  "files-ls": { GET: FILES },
  "files-stat": { GET: FILES },
  "files-cat": { GET: FILES },
  "files-readat": { GET: FILES },
  "files-stream": { GET: FILES },
  "files-logs": { GET: of("allocation", "read-logs", "read-fs") },
  "client-allocation-stats": { GET: READ_ALLOCATION },
  "client-allocation-restart": { PUT: LIFECYCLE },
  "client-allocation-signal": { PUT: LIFECYCLE },
  "client-allocation-gc": {
    GET: of("allocation", "gc-allocation", "submit-job"),
    PUT: of("allocation", "gc-allocation", "submit-job"),
  },
  // And alloc-node-exec where a task is not kept apart from its machine: guard/exec.ts.
  "client-allocation-exec": { GET: of("allocation", "alloc-exec") },
  "client-allocation-checks": { GET: READ_ALLOCATION },
  "client-allocation-mesh": { GET: READ_ALLOCATION },
  "client-preflight": { GET: node("read") },
  "mesh-check": { GET: READ },
  "client-stats": { GET: node("read") },
  "client-identity": { GET: node("read") },
  "client-identity-renew": { PUT: node("write") },
  "client-introduction": { PUT: node("write") },
  "client-metadata": { GET: node("read"), PUT: node("write") },
  "client-gc": { GET: node("write"), PUT: node("write") },
  "agent-self": { GET: agent("read") },
  "agent-members": { GET: agent("read") },
  "agent-servers": { GET: agent("read"), PUT: agent("write") },
  "agent-join": { PUT: agent("write") },
  "agent-force-leave": { PUT: agent("write") },
  "agent-keyring-list": { GET: agent("write") },
  "agent-keyring-install": { PUT: agent("write") },
  "agent-keyring-use": { PUT: agent("write") },
  "agent-keyring-remove": { PUT: agent("write") },
  "agent-health": { GET: anyone },
  "agent-monitor": { GET: agent("read") },
  "agent-host": { GET: agent("read") },
  "agent-reload": { PUT: agent("write") },
  "agent-schedulers": { GET: agent("read") },
  "agent-schedulers-config": { GET: agent("read") },
  "agent-profile": { GET: agent("write") },
  "status-leader": { GET: anyone },
  "status-peers": { GET: anyone },
  regions: { GET: anyone },
  "system-gc": { PUT: management },
  "system-reconcile-summaries": { PUT: management },
  search: { PUT: inside("of every kind searched what listing it needs; one at least") },
  "search-fuzzy": { PUT: inside("of every kind searched what listing it needs; one at least") },
  namespaces: { GET: inside("those in which anything at all is allowed") },
  "namespace-create": { PUT: management },
  namespace: { GET: inside("anything at all in the namespace"), PUT: management, DELETE: management },
  "raft-configuration": { GET: operator("read") },
  "raft-peer": { DELETE: operator("write") },
  "raft-transfer-leadership": { PUT: operator("write") },
  "autopilot-configuration": { GET: operator("read"), PUT: operator("write") },
  "autopilot-health": { GET: operator("read") },
  "keyring-keys": { GET: management },
  "keyring-rotate": { PUT: management },
  "keyring-key": { DELETE: management },
  jwks: { GET: anyone },
  "openid-configuration": { GET: anyone },
  snapshot: { GET: operator("write", "snapshot-save"), PUT: management },
  variables: { GET: { kind: "variable", any: ["list"], listing: true } },
  variable: { GET: variable("read"), PUT: variable("write"), DELETE: variable("destroy") },
  "scheduler-configuration": { GET: operator("read"), PUT: operator("write") },
  "event-stream": { GET: inside("of every topic what reading it needs; of all topics (*) a management token") },
  metrics: { GET: anyone },
  /** Drover's own: what the one who asks may, for agents without a server. */
  "acl-grant": { GET: anyone },
  "acl-bootstrap": { PUT: anyone },
  "acl-policies": { GET: inside("a management token; others are told their own") },
  "acl-policy-self": { GET: somebody },
  "acl-policy": { GET: inside("a management token, or one that has the policy"), PUT: management, DELETE: management },
  "acl-tokens": { GET: management },
  "acl-token-create": { PUT: management },
  "acl-token-self": { GET: somebody },
  "acl-token-onetime": { PUT: somebody },
  "acl-token-onetime-exchange": { PUT: anyone },
  "acl-token": { GET: inside("a management token, or the token itself"), PUT: management, DELETE: management },
  "acl-roles": { GET: inside("a management token; others are told their own") },
  "acl-role-create": { PUT: management },
  "acl-role": { GET: inside("a management token, or one that has the role"), PUT: management, DELETE: management },
  "acl-role-by-name": { GET: inside("a management token, or one that has the role") },
  "acl-auth-methods": { GET: anyone },
  "acl-auth-method-create": { PUT: management },
  "acl-auth-method": { GET: management, PUT: management, DELETE: management },
  "acl-binding-rules": { GET: management },
  "acl-binding-rule-create": { PUT: management },
  "acl-binding-rule": { GET: management, PUT: management, DELETE: management },
  "acl-oidc-auth-url": { PUT: anyone },
  "acl-oidc-complete-auth": { PUT: anyone },
  "acl-login": { PUT: anyone },
} as const satisfies NeedTable;

/** All that a request of this endpoint and method needs. */
export function needsOf(name: EndpointName, method: string): readonly Requirement[] {
  const found = (NEEDS[name] as Readonly<Record<string, Requirement | readonly Requirement[]>>)[method];
  return found === undefined ? [] : Array.isArray(found) ? (found as readonly Requirement[]) : [found as Requirement];
}
