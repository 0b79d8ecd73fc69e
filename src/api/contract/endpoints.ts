/**
 * Every endpoint of nomad.md §3.2, once: its path, the methods it takes, and whether this version answers it.
 *
 * In a path `:name` stands for one segment, percent-encoded by the client and decoded once by the server. `:job` may also be
 * written with plain slashes (`/v1/job/team/web/allocations`); a trailing `*` stands for anything below.
 * PUT stands for PUT and POST, GET for GET and HEAD.
 */
export type Method = "GET" | "PUT" | "DELETE";

export interface Endpoint {
  readonly path: string;
  readonly methods: readonly Method[];
  /** Absent: answered. "later": the server says 501 and that it is not in this version. */
  readonly when?: "later";
  /** Reads may come from any web page (nomad.md §3.1, CORS). */
  readonly crossOrigin?: true;
}

/** What this version answers. The server has one handler for each name and method (checked by the compiler). */
export const ENDPOINTS = {
  jobs: { path: "/v1/jobs", methods: ["GET", "PUT"] },
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
  "job-submission": { path: "/v1/job/:job/submission", methods: ["GET"] },
  "job-services": { path: "/v1/job/:job/services", methods: ["GET"] },
  "job-actions": { path: "/v1/job/:job/actions", methods: ["GET"] },
  "validate-job": { path: "/v1/validate/job", methods: ["PUT"] },
  nodes: { path: "/v1/nodes", methods: ["GET"] },
  node: { path: "/v1/node/:id", methods: ["GET"] },
  "node-allocations": { path: "/v1/node/:id/allocations", methods: ["GET"] },
  "node-evaluate": { path: "/v1/node/:id/evaluate", methods: ["PUT"] },
  "node-eligibility": { path: "/v1/node/:id/eligibility", methods: ["PUT"] },
  "node-purge": { path: "/v1/node/:id/purge", methods: ["PUT"] },
  "node-pools": { path: "/v1/node/pools", methods: ["GET"] },
  "node-pool": { path: "/v1/node/pool/:name", methods: ["GET"] },
  "node-pool-nodes": { path: "/v1/node/pool/:name/nodes", methods: ["GET"] },
  "node-pool-jobs": { path: "/v1/node/pool/:name/jobs", methods: ["GET"] },
  allocations: { path: "/v1/allocations", methods: ["GET"] },
  allocation: { path: "/v1/allocation/:id", methods: ["GET"] },
  "allocation-stop": { path: "/v1/allocation/:id/stop", methods: ["PUT"] },
  "allocation-services": { path: "/v1/allocation/:id/services", methods: ["GET"] },
  evaluations: { path: "/v1/evaluations", methods: ["GET"] },
  "evaluations-count": { path: "/v1/evaluations/count", methods: ["GET"] },
  evaluation: { path: "/v1/evaluation/:id", methods: ["GET"] },
  "evaluation-allocations": { path: "/v1/evaluation/:id/allocations", methods: ["GET"] },
  deployments: { path: "/v1/deployments", methods: ["GET"] },
  deployment: { path: "/v1/deployment/:id", methods: ["GET"] },
  services: { path: "/v1/services", methods: ["GET"] },
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
  "client-stats": { path: "/v1/client/stats", methods: ["GET"], crossOrigin: true },
  "client-gc": { path: "/v1/client/gc", methods: ["GET", "PUT"] },
  "agent-self": { path: "/v1/agent/self", methods: ["GET"] },
  "agent-members": { path: "/v1/agent/members", methods: ["GET"] },
  "agent-servers": { path: "/v1/agent/servers", methods: ["GET"] },
  "agent-health": { path: "/v1/agent/health", methods: ["GET"] },
  "agent-monitor": { path: "/v1/agent/monitor", methods: ["GET"] },
  "status-leader": { path: "/v1/status/leader", methods: ["GET"] },
  "status-peers": { path: "/v1/status/peers", methods: ["GET"] },
  regions: { path: "/v1/regions", methods: ["GET"] },
  "system-gc": { path: "/v1/system/gc", methods: ["PUT"] },
  search: { path: "/v1/search", methods: ["PUT"] },
  namespaces: { path: "/v1/namespaces", methods: ["GET"] },
  namespace: { path: "/v1/namespace/:name", methods: ["GET"] },
  "scheduler-configuration": { path: "/v1/operator/scheduler/configuration", methods: ["GET", "PUT"] },
  "event-stream": { path: "/v1/event/stream", methods: ["GET"] },
  metrics: { path: "/v1/metrics", methods: ["GET"] },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

/** What exists in Nomad's API and comes later here. */
export const LATER_PATHS: readonly string[] = [
  "/v1/jobs/statuses",
  "/v1/job/:job/versions/:tag/tag",
  "/v1/job/:job/revert",
  "/v1/job/:job/stable",
  "/v1/job/:job/dispatch",
  "/v1/job/:job/dispatch/payload",
  "/v1/job/:job/periodic/force",
  "/v1/job/:job/scale",
  "/v1/job/:job/action",
  "/v1/node/:id/drain",
  "/v1/allocation/:id/checks",
  "/v1/deployment/:verb/:id",
  "/v1/volumes",
  "/v1/volumes/*",
  "/v1/volume/*",
  "/v1/plugins",
  "/v1/plugin/*",
  "/v1/service/*",
  "/v1/client/allocation/:id/exec",
  "/v1/client/allocation/:id/snapshot",
  "/v1/client/allocation/:id/checks",
  "/v1/client/allocation/:id/pause",
  "/v1/client/metadata",
  "/v1/client/identity",
  "/v1/client/identity/*",
  "/v1/agent/join",
  "/v1/agent/force-leave",
  "/v1/agent/host",
  "/v1/agent/reload",
  "/v1/agent/monitor/export",
  "/v1/agent/schedulers",
  "/v1/agent/schedulers/config",
  "/v1/agent/keyring/*",
  "/v1/agent/pprof/*",
  "/v1/search/fuzzy",
  "/v1/scaling/policies",
  "/v1/scaling/policy/*",
  "/v1/namespace",
  "/v1/vars",
  "/v1/var/*",
  "/v1/operator/raft/*",
  "/v1/operator/autopilot/*",
  "/v1/operator/snapshot",
  "/v1/operator/keyring/*",
  "/v1/operator/license",
  "/v1/operator/utilization",
  "/v1/operator/upgrade-check/*",
  "/v1/system/reconcile/summaries",
  "/v1/acl/*",
  "/.well-known/jwks.json",
  "/.well-known/openid-configuration",
  "/v1/quotas",
  "/v1/quota",
  "/v1/quota/*",
  "/v1/quota-usages",
  "/v1/sentinel/*",
  "/v1/recommendation",
  "/v1/recommendation/*",
  "/v1/recommendations",
  "/v1/recommendations/*",
];

/** Methods Nomad takes on a path answered here in part: 501, not 405, so that a client sees a clear answer. */
export const LATER_METHODS: Partial<Readonly<Record<EndpointName, readonly Method[]>>> = {
  "node-pools": ["PUT"],
  "node-pool": ["PUT", "DELETE"],
  namespace: ["PUT", "DELETE"],
  evaluations: ["DELETE"],
};

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
