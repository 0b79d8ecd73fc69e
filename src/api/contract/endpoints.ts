/**
 * Every endpoint of nomad.md §3.2 this version answers, once: its path and the methods it takes. later.ts has the others.
 *
 * In a path `:name` stands for one segment, percent-encoded by the client and decoded once by the server. `:job` may also be
 * written with plain slashes (`/v1/job/team/web/allocations`); a trailing `*` stands for anything below.
 * PUT stands for PUT and POST, GET for GET and HEAD.
 */
export type Method = "GET" | "PUT" | "DELETE";

export interface Endpoint {
  readonly path: string;
  readonly methods: readonly Method[];
  /** Reads may come from any web page (nomad.md §3.1, CORS). */
  readonly crossOrigin?: true;
  /** The body is bytes, not JSON. */
  readonly rawBody?: true;
  /** Spoken over a websocket; a plain request is a 400. */
  readonly socket?: true;
}

/** What this version answers. The server has one handler for each name and method (checked by the compiler). */
export const ENDPOINTS = {
  jobs: { path: "/v1/jobs", methods: ["GET", "PUT"] },
  "jobs-statuses": { path: "/v1/jobs/statuses", methods: ["GET", "PUT"] },
  "jobs-parse": { path: "/v1/jobs/parse", methods: ["PUT"] },
  job: { path: "/v1/job/:job", methods: ["GET", "PUT", "DELETE"] },
  "job-plan": { path: "/v1/job/:job/plan", methods: ["PUT"] },
  "job-evaluate": { path: "/v1/job/:job/evaluate", methods: ["PUT"] },
  "job-allocations": { path: "/v1/job/:job/allocations", methods: ["GET"] },
  "job-evaluations": { path: "/v1/job/:job/evaluations", methods: ["GET"] },
  "job-deployments": { path: "/v1/job/:job/deployments", methods: ["GET"] },
  "job-deployment": { path: "/v1/job/:job/deployment", methods: ["GET"] },
  "job-summary": { path: "/v1/job/:job/summary", methods: ["GET"] },
  "job-versions": { path: "/v1/job/:job/versions", methods: ["GET"] },
  "job-version-tag": { path: "/v1/job/:job/versions/:tag/tag", methods: ["PUT", "DELETE"] },
  "job-revert": { path: "/v1/job/:job/revert", methods: ["PUT"] },
  "job-stable": { path: "/v1/job/:job/stable", methods: ["PUT"] },
  "job-dispatch": { path: "/v1/job/:job/dispatch", methods: ["PUT"] },
  "job-dispatch-payload": { path: "/v1/job/:job/dispatch/payload", methods: ["PUT"], rawBody: true },
  "job-periodic-force": { path: "/v1/job/:job/periodic/force", methods: ["PUT"] },
  "job-scale": { path: "/v1/job/:job/scale", methods: ["GET", "PUT"] },
  /** Drover's own: what is wanted and absent, and why. */
  "job-why": { path: "/v1/job/:job/why", methods: ["GET"] },
  "job-submission": { path: "/v1/job/:job/submission", methods: ["GET"] },
  "job-services": { path: "/v1/job/:job/services", methods: ["GET"] },
  "job-actions": { path: "/v1/job/:job/actions", methods: ["GET"] },
  "job-action": { path: "/v1/job/:job/action", methods: ["GET"], socket: true },
  "validate-job": { path: "/v1/validate/job", methods: ["PUT"] },
  nodes: { path: "/v1/nodes", methods: ["GET"] },
  node: { path: "/v1/node/:id", methods: ["GET"] },
  "node-allocations": { path: "/v1/node/:id/allocations", methods: ["GET"] },
  "node-evaluate": { path: "/v1/node/:id/evaluate", methods: ["PUT"] },
  "node-eligibility": { path: "/v1/node/:id/eligibility", methods: ["PUT"] },
  "node-drain": { path: "/v1/node/:id/drain", methods: ["PUT"] },
  "node-purge": { path: "/v1/node/:id/purge", methods: ["PUT"] },
  "node-pools": { path: "/v1/node/pools", methods: ["GET", "PUT"] },
  "node-pool": { path: "/v1/node/pool/:name", methods: ["GET", "PUT", "DELETE"] },
  "node-pool-nodes": { path: "/v1/node/pool/:name/nodes", methods: ["GET"] },
  "node-pool-jobs": { path: "/v1/node/pool/:name/jobs", methods: ["GET"] },
  allocations: { path: "/v1/allocations", methods: ["GET"] },
  allocation: { path: "/v1/allocation/:id", methods: ["GET"] },
  "allocation-stop": { path: "/v1/allocation/:id/stop", methods: ["PUT"] },
  "allocation-services": { path: "/v1/allocation/:id/services", methods: ["GET"] },
  "allocation-checks": { path: "/v1/allocation/:id/checks", methods: ["GET"] },
  evaluations: { path: "/v1/evaluations", methods: ["GET", "DELETE"] },
  "evaluations-count": { path: "/v1/evaluations/count", methods: ["GET"] },
  evaluation: { path: "/v1/evaluation/:id", methods: ["GET"] },
  "evaluation-allocations": { path: "/v1/evaluation/:id/allocations", methods: ["GET"] },
  deployments: { path: "/v1/deployments", methods: ["GET"] },
  deployment: { path: "/v1/deployment/:id", methods: ["GET"] },
  "deployment-allocations": { path: "/v1/deployment/allocations/:id", methods: ["GET"] },
  "deployment-fail": { path: "/v1/deployment/fail/:id", methods: ["PUT"] },
  "deployment-pause": { path: "/v1/deployment/pause/:id", methods: ["PUT"] },
  "deployment-promote": { path: "/v1/deployment/promote/:id", methods: ["PUT"] },
  "deployment-allocation-health": { path: "/v1/deployment/allocation-health/:id", methods: ["PUT"] },
  "scaling-policies": { path: "/v1/scaling/policies", methods: ["GET"] },
  "scaling-policy": { path: "/v1/scaling/policy/:id", methods: ["GET"] },
  /** Of volumes and plugins there are none: lists without an entry. */
  volumes: { path: "/v1/volumes", methods: ["GET"] },
  plugins: { path: "/v1/plugins", methods: ["GET"] },
  services: { path: "/v1/services", methods: ["GET"] },
  service: { path: "/v1/service/:name", methods: ["GET"] },
  "service-registration": { path: "/v1/service/:name/:id", methods: ["DELETE"] },
  "files-ls": { path: "/v1/client/fs/ls/:allocation", methods: ["GET"], crossOrigin: true },
  "files-stat": { path: "/v1/client/fs/stat/:allocation", methods: ["GET"], crossOrigin: true },
  "files-cat": { path: "/v1/client/fs/cat/:allocation", methods: ["GET"], crossOrigin: true },
  "files-readat": { path: "/v1/client/fs/readat/:allocation", methods: ["GET"], crossOrigin: true },
  "files-stream": { path: "/v1/client/fs/stream/:allocation", methods: ["GET"], crossOrigin: true },
  "files-logs": { path: "/v1/client/fs/logs/:allocation", methods: ["GET"], crossOrigin: true },
  "client-allocation-stats": { path: "/v1/client/allocation/:id/stats", methods: ["GET"], crossOrigin: true },
  "client-allocation-restart": { path: "/v1/client/allocation/:id/restart", methods: ["PUT"] },
  "client-allocation-signal": { path: "/v1/client/allocation/:id/signal", methods: ["PUT"] },
  "client-allocation-gc": { path: "/v1/client/allocation/:id/gc", methods: ["GET", "PUT"] },
  "client-allocation-exec": { path: "/v1/client/allocation/:id/exec", methods: ["GET"], socket: true },
  "client-allocation-checks": { path: "/v1/client/allocation/:id/checks", methods: ["GET"] },
  /** Drover's own: how an allocation's proxies stand. */
  "client-allocation-mesh": { path: "/v1/client/allocation/:id/mesh", methods: ["GET"] },
  /** Drover's own: what networks and the mesh need of a node's machine. */
  "client-preflight": { path: "/v1/client/preflight", methods: ["GET"] },
  /** Drover's own: may one service call another, step by step. */
  "mesh-check": { path: "/v1/mesh/check", methods: ["GET"] },
  "client-stats": { path: "/v1/client/stats", methods: ["GET"], crossOrigin: true },
  "client-identity": { path: "/v1/client/identity", methods: ["GET"], crossOrigin: true },
  "client-identity-renew": { path: "/v1/client/identity/renew", methods: ["PUT"] },
  "client-introduction": { path: "/v1/acl/identity/client-introduction-token", methods: ["PUT"] },
  "client-metadata": { path: "/v1/client/metadata", methods: ["GET", "PUT"], crossOrigin: true },
  "client-gc": { path: "/v1/client/gc", methods: ["GET", "PUT"] },
  "agent-self": { path: "/v1/agent/self", methods: ["GET"] },
  "agent-members": { path: "/v1/agent/members", methods: ["GET"] },
  "agent-servers": { path: "/v1/agent/servers", methods: ["GET", "PUT"] },
  "agent-join": { path: "/v1/agent/join", methods: ["PUT"] },
  "agent-force-leave": { path: "/v1/agent/force-leave", methods: ["PUT"] },
  "agent-keyring-list": { path: "/v1/agent/keyring/list", methods: ["GET"] },
  "agent-keyring-install": { path: "/v1/agent/keyring/install", methods: ["PUT"] },
  "agent-keyring-use": { path: "/v1/agent/keyring/use", methods: ["PUT"] },
  "agent-keyring-remove": { path: "/v1/agent/keyring/remove", methods: ["PUT"] },
  "agent-health": { path: "/v1/agent/health", methods: ["GET"] },
  "agent-monitor": { path: "/v1/agent/monitor", methods: ["GET"] },
  "agent-host": { path: "/v1/agent/host", methods: ["GET"] },
  "agent-reload": { path: "/v1/agent/reload", methods: ["PUT"] },
  "agent-schedulers": { path: "/v1/agent/schedulers", methods: ["GET"] },
  "agent-schedulers-config": { path: "/v1/agent/schedulers/config", methods: ["GET"] },
  "agent-profile": { path: "/v1/agent/pprof/:profile", methods: ["GET"] },
  "status-leader": { path: "/v1/status/leader", methods: ["GET"] },
  "status-peers": { path: "/v1/status/peers", methods: ["GET"] },
  regions: { path: "/v1/regions", methods: ["GET"] },
  "system-gc": { path: "/v1/system/gc", methods: ["PUT"] },
  "system-reconcile-summaries": { path: "/v1/system/reconcile/summaries", methods: ["PUT"] },
  search: { path: "/v1/search", methods: ["PUT"] },
  "search-fuzzy": { path: "/v1/search/fuzzy", methods: ["PUT"] },
  namespaces: { path: "/v1/namespaces", methods: ["GET"] },
  "namespace-create": { path: "/v1/namespace", methods: ["PUT"] },
  namespace: { path: "/v1/namespace/:name", methods: ["GET", "PUT", "DELETE"] },
  "raft-configuration": { path: "/v1/operator/raft/configuration", methods: ["GET"] },
  "raft-peer": { path: "/v1/operator/raft/peer", methods: ["DELETE"] },
  "raft-transfer-leadership": { path: "/v1/operator/raft/transfer-leadership", methods: ["PUT"] },
  "autopilot-configuration": { path: "/v1/operator/autopilot/configuration", methods: ["GET", "PUT"] },
  "autopilot-health": { path: "/v1/operator/autopilot/health", methods: ["GET"] },
  "keyring-keys": { path: "/v1/operator/keyring/keys", methods: ["GET"] },
  "keyring-rotate": { path: "/v1/operator/keyring/rotate", methods: ["PUT"] },
  "keyring-key": { path: "/v1/operator/keyring/key/:id", methods: ["DELETE"] },
  jwks: { path: "/.well-known/jwks.json", methods: ["GET"] },
  "openid-configuration": { path: "/.well-known/openid-configuration", methods: ["GET"] },
  snapshot: { path: "/v1/operator/snapshot", methods: ["GET", "PUT"] },
  variables: { path: "/v1/vars", methods: ["GET"] },
  /** Its path is plain: the slashes are its own. */
  variable: { path: "/v1/var/*", methods: ["GET", "PUT", "DELETE"] },
  "scheduler-configuration": { path: "/v1/operator/scheduler/configuration", methods: ["GET", "PUT"] },
  "event-stream": { path: "/v1/event/stream", methods: ["GET"] },
  metrics: { path: "/v1/metrics", methods: ["GET"] },
  /** Drover's own: what the one who asks may do. */
  "acl-grant": { path: "/v1/acl/grant", methods: ["GET"] },
  "acl-bootstrap": { path: "/v1/acl/bootstrap", methods: ["PUT"] },
  "acl-policies": { path: "/v1/acl/policies", methods: ["GET"] },
  "acl-policy-self": { path: "/v1/acl/policy/self", methods: ["GET"] },
  "acl-policy": { path: "/v1/acl/policy/:name", methods: ["GET", "PUT", "DELETE"] },
  "acl-tokens": { path: "/v1/acl/tokens", methods: ["GET"] },
  "acl-token-create": { path: "/v1/acl/token", methods: ["PUT"] },
  "acl-token-self": { path: "/v1/acl/token/self", methods: ["GET"] },
  "acl-token-onetime": { path: "/v1/acl/token/onetime", methods: ["PUT"] },
  "acl-token-onetime-exchange": { path: "/v1/acl/token/onetime/exchange", methods: ["PUT"] },
  "acl-token": { path: "/v1/acl/token/:accessor", methods: ["GET", "PUT", "DELETE"] },
  "acl-roles": { path: "/v1/acl/roles", methods: ["GET"] },
  "acl-role-create": { path: "/v1/acl/role", methods: ["PUT"] },
  "acl-role": { path: "/v1/acl/role/:id", methods: ["GET", "PUT", "DELETE"] },
  "acl-role-by-name": { path: "/v1/acl/role/name/:name", methods: ["GET"] },
  "acl-auth-methods": { path: "/v1/acl/auth-methods", methods: ["GET"] },
  "acl-auth-method-create": { path: "/v1/acl/auth-method", methods: ["PUT"] },
  "acl-auth-method": { path: "/v1/acl/auth-method/:name", methods: ["GET", "PUT", "DELETE"] },
  "acl-binding-rules": { path: "/v1/acl/binding-rules", methods: ["GET"] },
  "acl-binding-rule-create": { path: "/v1/acl/binding-rule", methods: ["PUT"] },
  "acl-binding-rule": { path: "/v1/acl/binding-rule/:id", methods: ["GET", "PUT", "DELETE"] },
  "acl-oidc-auth-url": { path: "/v1/acl/oidc/auth-url", methods: ["PUT"] },
  "acl-oidc-complete-auth": { path: "/v1/acl/oidc/complete-auth", methods: ["PUT"] },
  "acl-login": { path: "/v1/acl/login", methods: ["PUT"] },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

/** `endpointPath("variable", …)` would encode the slashes that are its own. */
export function variableEndpointPath(path: string): string {
  return `/v1/var/${path.split("/").map(encodeURIComponent).join("/")}`;
}

type Parameters<Path extends string> = Path extends `${infer Head}/${infer Tail}`
  ? Parameters<Head> | Parameters<Tail>
  : Path extends `:${infer Name}`
    ? Name
    : never;

/** What must be given to write an endpoint's path. */
export type PathParameters<Name extends EndpointName> = Record<Parameters<(typeof ENDPOINTS)[Name]["path"]>, string>;

/** The path to ask: `endpointPath("job-plan", { job: "a/b" })` → `/v1/job/a%2Fb/plan`. */
export function endpointPath<Name extends EndpointName>(name: Name, parameters: PathParameters<Name>): string {
  const values = parameters as Readonly<Record<string, string>>;
  return ENDPOINTS[name].path.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(values[key] ?? ""));
}
