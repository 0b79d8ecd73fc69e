/** What is asked, in order: every endpoint of Nomad's that Drover has, with something to tell where there can be. nomad.md §3. */
import { bad, cron, everywhere, greeter, HCL, hold, nowhere, once, sweep, web } from "./jobs.ts";
import type { Asks, Get, Step } from "./play.ts";

const NOBODY = "00000000-0000-0000-0000-000000000000";
const get = (...paths: readonly string[]): Asks[] => paths.map((path) => ({ asks: `GET ${path}` }));
const again = (as: string, ...paths: readonly string[]): Asks[] => paths.map((path) => ({ asks: `GET ${path}`, as }));
const put = (path: string, body?: unknown, as?: string): Asks => ({
  asks: `PUT ${path}`,
  ...(body === undefined ? {} : { body }),
  ...(as === undefined ? {} : { as }),
});
const remove = (path: string, as?: string): Asks => ({ asks: `DELETE ${path}`, ...(as === undefined ? {} : { as }) });
/** The first that is still there: to be asked before a hundred others come. */
const events = (...topics: readonly string[]): Asks[] =>
  topics.map((topic) => ({ asks: `GET /v1/event/stream?index=1&topic=${topic}`, frame: "Events" }));
const waits = (what: string, until: (get: Get) => Promise<boolean>): Step => ({ waits: what, until });

interface Allocation {
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly State: string }>> | null;
}
const allocationsOf = (ask: Get, job: string) => ask<Allocation[]>(`/v1/job/${job}/allocations`);
const deployment = (job: string, fits: (each: { Status: string; JobVersion: number; TaskGroups: Groups }) => boolean): Step =>
  waits(`the deployment of "${job}"`, async (ask) => {
    const found = await ask<{ Status: string; JobVersion: number; TaskGroups: Groups } | null>(`/v1/job/${job}/deployment`);
    return found !== null && fits(found);
  });
type Groups = Readonly<Record<string, { readonly HealthyAllocs: number; readonly DesiredTotal: number }>>;
const evaluated: Step = waits("every evaluation to be done", async (ask) => {
  const all = await ask<{ Status: string; WaitUntil?: string }[]>("/v1/evaluations?namespace=*");
  return all.every((each) => each.Status !== "pending");
});

/** Nothing is on its way any more: what is asked then does not depend on the moment. */
const settled: Step = waits("everything to have settled", async (ask) => {
  const all = await ask<Allocation[]>("/v1/allocations?namespace=*");
  const still = all.every(
    ({ ClientStatus, DesiredStatus, TaskStates }) =>
      ["complete", "failed"].includes(ClientStatus) ||
      (ClientStatus === "running" &&
        DesiredStatus === "run" &&
        Object.entries(TaskStates ?? {}).every(([name, { State }]) => State === (name === "init" ? "dead" : "running"))),
  );
  return still && (await allocationsOf(ask, "bad")).length === 2;
});

/** Before there is any job. */
const AGENT: readonly Step[] = [
  waits("the node to be ready", async (ask) => (await ask<{ Status: string }[]>("/v1/nodes")).some((each) => each.Status === "ready")),
  ...again("nothing", "/v1/jobs", "/v1/allocations", "/v1/evaluations", "/v1/deployments", "/v1/services", "/v1/vars"),
  ...get(
    "/v1/nodes",
    "/v1/nodes?os=true&resources=true",
    "/v1/node/{node}",
    "/v1/node/pools",
    "/v1/node/pool/all",
    "/v1/node/pool/all/nodes",
  ),
  ...get("/v1/namespaces", "/v1/namespace/default", "/v1/regions", "/v1/status/leader", "/v1/status/peers"),
  ...get("/v1/agent/self", "/v1/agent/members", "/v1/agent/servers", "/v1/agent/health", "/v1/agent/health?type=server"),
  ...get("/v1/agent/schedulers", "/v1/agent/schedulers/config", "/v1/agent/host", "/v1/agent/keyring/list"),
  ...get("/v1/operator/raft/configuration", "/v1/operator/autopilot/configuration", "/v1/operator/autopilot/health"),
  ...get("/v1/operator/scheduler/configuration", "/v1/operator/keyring/keys", "/v1/operator/license"),
  ...get("/.well-known/jwks.json", "/.well-known/openid-configuration"),
  ...get("/v1/client/stats", "/v1/client/metadata", "/v1/client/identity", "/v1/metrics", "/v1/metrics?format=prometheus"),
  ...get("/v1/quotas", "/v1/recommendations", "/v1/sentinel/policies", "/v1/nothing", "/"),
  ...events("Node"),
  { asks: "POST /v1/client/metadata", body: { NodeID: "{node}", Meta: { color: "red" } } },
  put("/v1/operator/scheduler/configuration", { SchedulerAlgorithm: "binpack", PreemptionConfig: { SystemSchedulerEnabled: true } }),
  put("/v1/operator/autopilot/configuration", { CleanupDeadServers: true, LastContactThreshold: "200ms", MaxTrailingLogs: 250 }),
  put("/v1/operator/keyring/rotate"),
  { asks: "GET /v1/agent/monitor?log_level=debug", frame: "Data", meanwhile: "/v1/operator/keyring/rotate" },
  put("/v1/agent/join?address=127.0.0.1:1"),
  put("/v1/agent/force-leave?node=nobody"),
  put("/v1/system/gc"),
  put("/v1/system/reconcile/summaries"),
  get("/v1/volumes?type=csi")[0] as Asks,
  get("/v1/volumes?type=host")[0] as Asks,
  get("/v1/plugins?type=csi")[0] as Asks,
];

const SUBMITTED: readonly Step[] = [
  put("/v1/jobs/parse", { JobHCL: HCL, Canonicalize: true }, "canonical"),
  put("/v1/jobs/parse", { JobHCL: HCL, Variables: 'who = "you"' }),
  put("/v1/jobs/parse", { JobHCL: "job {" }, "wrong"),
  put("/v1/validate/job", { Job: web("1") }),
  put("/v1/validate/job", { Job: { ...once, Priority: 1000 } }, "wrong"),
  put("/v1/job/web/plan", { Job: web("1"), Diff: true }, "new"),
  put("/v1/job/nowhere/plan", { Job: nowhere, Diff: false }),
  put("/v1/jobs", { Job: web("1"), Submission: { Source: "job", Format: "hcl2", Variables: "", VariableFlags: { a: "b" } } }),
  ...[once, bad, everywhere, sweep, cron, greeter, nowhere, hold].map((Job) => put("/v1/jobs", { Job }, Job.ID)),
  ...events("Job"),
  put("/v1/jobs", { Job: { ID: "wrong", Name: "wrong", Priority: "high" } }, "wrong type"),
  put("/v1/jobs", { Job: { ID: "wrong", Name: "wrong", Datacenters: ["dc1"] } }, "no groups"),
  put("/v1/jobs", { Job: once, EnforceIndex: true, JobModifyIndex: 1 }, "wrong index"),
  deployment("web", (each) => each.Status === "successful"),
  deployment("hold", (each) => each.Status === "successful"),
  put("/v1/job/greeter/dispatch", { Meta: { who: "me" }, Payload: "aGVsbG8K" }, "child"),
  put("/v1/job/greeter/dispatch", {}, "without"),
  put("/v1/job/cron/periodic/force"),
  put("/v1/job/cron/evaluate", { JobID: "cron" }),
  put("/v1/job/web/evaluate", { JobID: "web", EvalOptions: { ForceReschedule: true } }),
  evaluated,
  settled,
];

const READ: readonly Step[] = [
  ...get(
    "/v1/jobs",
    "/v1/jobs?meta=true",
    "/v1/jobs?per_page=2",
    "/v1/jobs/statuses",
    "/v1/jobs?namespace=*&filter=Type+%3D%3D+%22batch%22",
  ),
  { asks: "POST /v1/jobs/statuses", body: { Jobs: [{ ID: "web", Namespace: "default" }] } },
  ...get("/v1/job/web", "/v1/job/cron", "/v1/job/greeter", "/v1/job/everywhere", "/v1/job/{made:child}", "/v1/job/nobody"),
  ...get("/v1/job/web/allocations", "/v1/job/web/evaluations", "/v1/job/web/deployments", "/v1/job/web/deployment", "/v1/job/web/summary"),
  ...get("/v1/job/nowhere/evaluations", "/v1/job/nowhere/summary", "/v1/job/greeter/summary", "/v1/job/nowhere/deployment"),
  ...get("/v1/job/web/versions", "/v1/job/web/versions?diffs=true", "/v1/job/web/scale", "/v1/job/web/submission?version=0"),
  ...get("/v1/job/web/services", "/v1/job/web/actions", "/v1/job/nobody/summary", "/v1/job/nobody/submission"),
  ...get(
    "/v1/allocations",
    "/v1/allocations?resources=true&task_states=false",
    "/v1/allocations?per_page=1",
    "/v1/node/{node}/allocations",
  ),
  ...get("/v1/allocation/{allocation:web}", "/v1/allocation/{allocation:everywhere}", "/v1/allocation/{allocation:once}"),
  ...get("/v1/allocation/{allocation:web}/services", "/v1/allocation/{allocation:web}/checks", `/v1/allocation/${NOBODY}`),
  ...get("/v1/evaluations", "/v1/evaluations/count", "/v1/evaluation/{evaluation:web}", "/v1/evaluation/{evaluation:web}?related=true"),
  ...get("/v1/evaluation/{evaluation:web}/allocations", "/v1/evaluation/{waiting:nowhere}", `/v1/evaluation/${NOBODY}`),
  ...get("/v1/deployments", "/v1/deployment/{deployment:web}", "/v1/deployment/allocations/{deployment:web}", `/v1/deployment/${NOBODY}`),
  ...get("/v1/services", "/v1/services?namespace=*", "/v1/service/web-api", "/v1/service/web-api?choose=1|key", "/v1/service/nobody"),
  ...get("/v1/scaling/policies", "/v1/scaling/policy/{policy:web}", `/v1/scaling/policy/${NOBODY}`),
  ...get(
    "/v1/node/pool/default/jobs",
    `/v1/node/${NOBODY}`,
    "/v1/jobs?filter=Nonsense+!!",
    "/v1/jobs?per_page=x",
    "/v1/job/web?region=mars",
  ),
  put("/v1/search", { Prefix: "w", Context: "jobs" }),
  put("/v1/search", { Prefix: "", Context: "all" }, "everything"),
  put("/v1/search/fuzzy", { Text: "we", Context: "all" }),
  put("/v1/search", { Prefix: "w", Context: "bananas" }, "wrong"),
  put("/v1/job/web/plan", { Job: web("1"), Diff: true }, "same"),
  put("/v1/job/web/plan", { Job: { ...web("2", 3), Meta: { other: "x" } }, Diff: true }, "changed"),
  ...events("Evaluation", "Allocation", "Deployment", "Service"),
  { asks: "DELETE /v1/jobs" },
  { asks: "GET /v1/jobs/parse" },
];

const INSIDE: readonly Step[] = [
  ...get(
    "/v1/client/fs/ls/{allocation:web}?path=/",
    "/v1/client/fs/stat/{allocation:web}?path=/alloc",
    "/v1/client/fs/cat/{allocation:web}?path=/server/local/a.env",
  ),
  ...get(
    "/v1/client/fs/readat/{allocation:web}?path=/server/local/a.env&offset=1&limit=3",
    "/v1/client/fs/ls/{allocation:web}?path=/nothing",
  ),
  ...get("/v1/client/fs/logs/{allocation:web}?task=server&type=stdout&plain=true", `/v1/client/fs/ls/${NOBODY}`),
  { asks: "GET /v1/client/fs/logs/{allocation:web}?task=server&type=stdout", frame: "Data" },
  { asks: "GET /v1/client/fs/stream/{allocation:web}?path=/alloc/logs/server.stdout.0", frame: "Data" },
  waits("the node to have measured the tasks", async (ask) => {
    const [newest] = await ask<{ ID: string }[]>(`/v1/job/web/allocations`);
    const stats = await ask<{ Tasks: object | null }>(`/v1/client/allocation/${newest?.ID}/stats`);
    return Object.keys(stats.Tasks ?? {}).length > 1;
  }),
  waits("the check to have answered", async (ask) => {
    const [newest] = await ask<{ ID: string }[]>(`/v1/job/web/allocations`);
    const checks = await ask<Record<string, { Status: string }>>(`/v1/client/allocation/${newest?.ID}/checks`);
    return Object.values(checks).some((each) => each.Status === "success");
  }),
  ...get("/v1/client/allocation/{allocation:web}/stats", "/v1/client/allocation/{allocation:web}/checks"),
  ...get("/v1/client/allocation/{allocation:everywhere}/stats", `/v1/client/allocation/${NOBODY}/stats`),
  put("/v1/client/allocation/{allocation:hold}/signal", { Signal: "SIGCONT", Task: "sleep" }),
  put("/v1/client/allocation/{allocation:hold}/signal", { Signal: "SIGCONT", Task: "nobody" }, "wrong"),
  put("/v1/client/allocation/{allocation:hold}/restart", { TaskName: "sleep" }),
  put("/v1/client/allocation/{allocation:hold}/restart", { TaskName: "nobody" }, "wrong"),
  waits("the restart to be told", async (ask) => {
    const all =
      await ask<{ TaskStates: Record<string, { State: string; Restarts: number; LastRestart: unknown }> }[]>("/v1/job/hold/allocations");
    return all.some(({ TaskStates }) => {
      const events = (TaskStates["sleep"] as unknown as { Events: { Type: string }[] }).Events;
      return TaskStates["sleep"]?.State === "running" && events.filter((each) => each.Type === "Started").length === 2;
    });
  }),
  ...again("restarted", "/v1/allocation/{allocation:hold}"),
  put("/v1/allocation/{allocation:everywhere}/stop"),
  put(`/v1/allocation/${NOBODY}/stop`),
];

const CHANGED: readonly Step[] = [
  put("/v1/job/web", { Job: web("2") }),
  deployment("web", (each) => each.JobVersion === 1 && each.TaskGroups["api"]?.HealthyAllocs === 1),
  ...again("canary", "/v1/job/web/deployment", "/v1/job/web/summary", "/v1/job/web/versions?diffs=true"),
  put("/v1/job/web/plan", { Job: web("2"), Diff: true }, "canary"),
  put("/v1/deployment/pause/{deployment:web}", { DeploymentID: "{deployment:web}", Pause: true }),
  put("/v1/deployment/pause/{deployment:web}", { DeploymentID: "{deployment:web}", Pause: false }, "goes on"),
  put("/v1/deployment/promote/{deployment:web}", { DeploymentID: "{deployment:web}", Groups: ["nobody"] }, "wrong"),
  put("/v1/deployment/promote/{deployment:web}", { DeploymentID: "{deployment:web}", All: true }),
  deployment("web", (each) => each.Status === "successful"),
  put("/v1/job/web/stable", { JobID: "web", JobVersion: 0, Stable: true }),
  put("/v1/job/web/versions/good/tag", { Version: 0, Description: "d" }),
  ...get("/v1/job/web/versions?diff_tag=good"),
  remove("/v1/job/web/versions/good/tag"),
  put("/v1/job/web/revert", { JobID: "web", JobVersion: 0 }),
  deployment("web", (each) => each.JobVersion === 2 && each.TaskGroups["api"]?.HealthyAllocs === 1),
  put("/v1/deployment/allocation-health/{deployment:web}", {
    DeploymentID: "{deployment:web}",
    HealthyAllocationIDs: ["{allocation:web}"],
  }),
  put("/v1/deployment/fail/{deployment:web}"),
  put("/v1/job/hold/scale", { Count: 2, Target: { Group: "main" }, Message: "up", Meta: { why: "load" } }),
  put("/v1/job/hold/scale", { Message: "note", Target: { Group: "main" } }, "note"),
  put("/v1/job/hold/scale", { Count: 1, Target: { Group: "nobody" } }, "wrong"),
  ...get("/v1/job/hold/scale"),
  evaluated,
  settled,
  ...get("/v1/allocation/{allocation:bad}", "/v1/job/bad/allocations", "/v1/job/bad/evaluations"),
];

const KEPT: readonly Step[] = [
  put("/v1/namespace", { Name: "team", Description: "d", Meta: { a: "b" }, Capabilities: { EnabledTaskDrivers: ["raw_exec"] } }),
  put("/v1/namespace/team", { Name: "team", Description: "e" }),
  ...get("/v1/namespace/team", "/v1/namespace/nobody"),
  put("/v1/namespace", { Name: "not a name" }, "wrong"),
  put("/v1/node/pools", { Name: "gpu", Description: "d", Meta: { a: "b" } }),
  put("/v1/node/pool/gpu", { Name: "gpu", Description: "e" }),
  ...get("/v1/node/pool/gpu", "/v1/node/pool/gpu/nodes", "/v1/node/pool/nobody"),
  put("/v1/var/a/b", { Items: { k: "v" } }, "variable"),
  put("/v1/var/a/b?cas={index:variable}", { Items: { k: "w" } }, "in time"),
  put("/v1/var/a/b?cas=1", { Items: { k: "w" } }, "too late"),
  put("/v1/var/lock?lock-acquire", { Items: { k: "v" }, Lock: { TTL: "20s", LockDelay: "1s" } }, "lock"),
  ...get("/v1/var/lock"),
  put("/v1/var/lock?lock-renew", { Lock: { ID: "{made:lock}" } }),
  put("/v1/var/lock?lock-release", { Lock: { ID: "{made:lock}" } }),
  put("/v1/var/x", { Items: {} }, "wrong"),
  ...get("/v1/vars", "/v1/vars?prefix=a", "/v1/var/a/b", "/v1/var/nobody"),
  remove("/v1/var/a/b?cas=1", "too late"),
  remove("/v1/var/a/b"),
  remove("/v1/node/pool/gpu"),
  remove("/v1/namespace/team"),
  remove("/v1/namespace/nobody"),
];

const RULES = 'namespace "default" {\n  policy = "read"\n}\n';
const METHOD = {
  Name: "method",
  Type: "JWT",
  TokenLocality: "local",
  MaxTokenTTL: "1h",
  Config: {
    // The public half of a key of nobody's.
    JWTValidationPubKeys: [
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----",
    ],
    BoundAudiences: ["us"],
    ClaimMappings: { sub: "sub" },
  },
};
const as = (token: string, step: Asks): Asks => ({ ...step, token, as: step.as ?? (token === "" ? "nobody" : "small token") });
const ACCESS: readonly Step[] = [
  put("/v1/acl/bootstrap", undefined, "again"),
  put("/v1/acl/policy/reader", { Name: "reader", Description: "d", Rules: RULES }),
  put("/v1/acl/policy/wrong", { Name: "wrong", Rules: "{{{" }),
  ...get("/v1/acl/policy/reader", "/v1/acl/policies", "/v1/acl/policy/nobody", "/v1/acl/policy/self"),
  put("/v1/acl/token", { Name: "small", Type: "client", Policies: ["reader"] }, "small"),
  put("/v1/acl/token", { Name: "short", Type: "client", Policies: ["reader"], ExpirationTTL: "1h" }, "short"),
  put("/v1/acl/token/{made:small}", { AccessorID: "{made:small}", Name: "renamed", Type: "client", Policies: ["reader"] }),
  ...events("ACLToken"),
  put("/v1/acl/token", { Name: "wrong", Type: "banana" }, "wrong"),
  ...get("/v1/acl/tokens", "/v1/acl/token/{made:small}", "/v1/acl/token/self", `/v1/acl/token/${NOBODY}`, "/v1/acl/token/{accessor}"),
  put("/v1/acl/role", { Name: "role", Description: "d", Policies: [{ Name: "reader" }] }, "role"),
  put("/v1/acl/role", { Name: "wrong", Policies: [] }, "wrong"),
  put("/v1/acl/token", { Name: "by role", Type: "client", Roles: [{ Name: "role" }] }, "by role"),
  ...get("/v1/acl/roles", "/v1/acl/role/{made:role}", "/v1/acl/role/name/role", `/v1/acl/role/${NOBODY}`),
  put("/v1/acl/auth-method", METHOD),
  put("/v1/acl/auth-method/method", { ...METHOD, MaxTokenTTL: "2h" }),
  ...get("/v1/acl/auth-methods", "/v1/acl/auth-method/method", "/v1/acl/auth-method/nobody"),
  put("/v1/acl/binding-rule", { AuthMethod: "method", BindType: "policy", BindName: "reader", Selector: "value.sub == x" }, "rule"),
  ...get("/v1/acl/binding-rules", "/v1/acl/binding-rule/{made:rule}", `/v1/acl/binding-rule/${NOBODY}`),
  put("/v1/acl/login", { AuthMethodName: "method", LoginToken: "banana" }),
  put("/v1/acl/oidc/auth-url", { AuthMethodName: "method", RedirectURI: "http://127.0.0.1/", ClientNonce: "n" }),
  put("/v1/acl/token/onetime", undefined, "onetime"),
  put("/v1/acl/token/onetime/exchange", { OneTimeSecretID: "{made:onetime}" }),
  put("/v1/acl/identity/client-introduction-token", { TTL: "5m" }),
  ...get(
    "/v1/jobs",
    "/v1/nodes",
    "/v1/agent/self",
    "/v1/agent/health",
    "/v1/status/leader",
    "/v1/regions",
    "/v1/acl/tokens",
    "/v1/acl/token/self",
    "/v1/namespaces",
    "/v1/vars",
  ).map((each) => as("", each)),
  ...get(
    "/v1/jobs",
    "/v1/nodes",
    "/v1/acl/policies",
    "/v1/acl/tokens",
    "/v1/acl/token/self",
    "/v1/acl/policy/self",
    "/v1/operator/scheduler/configuration",
    "/v1/job/web",
  ).map((each) => as("{secret:small}", each)),
  as("{secret:small}", put("/v1/jobs", { Job: once })),
  as(NOBODY, { ...put("/v1/search", { Prefix: "", Context: "all" }), as: "unknown token" }),
  remove("/v1/acl/token/{made:small}"),
  remove("/v1/acl/binding-rule/{made:rule}"),
  remove("/v1/acl/auth-method/method"),
  remove("/v1/acl/role/{made:role}"),
  remove("/v1/acl/policy/reader"),
  remove(`/v1/acl/token/${NOBODY}`),
];

const GONE: readonly Step[] = [
  put("/v1/node/{node}/eligibility", { NodeID: "{node}", Eligibility: "ineligible" }),
  put("/v1/node/{node}/eligibility", { NodeID: "{node}", Eligibility: "banana" }, "wrong"),
  put("/v1/node/{node}/eligibility", { NodeID: "{node}", Eligibility: "eligible" }, "again"),
  put("/v1/node/{node}/evaluate"),
  put("/v1/node/{node}/drain", { NodeID: "{node}", DrainSpec: { Deadline: -1 }, Meta: { message: "why" } }),
  waits("the drain to be over", async (ask) => {
    const [node] = await ask<{ Drain: boolean; ID: string }[]>("/v1/nodes");
    return node !== undefined && !node.Drain && (await ask<{ LastDrain: object | null }>(`/v1/node/${node.ID}`)).LastDrain !== null;
  }),
  ...again("drained", "/v1/node/{node}", "/v1/nodes"),
  put("/v1/node/{node}/drain", { NodeID: "{node}", DrainSpec: null, MarkEligible: true }, "over"),
  remove("/v1/job/hold"),
  remove("/v1/job/once?purge=true"),
  remove("/v1/job/nobody"),
  ...again("stopped", "/v1/job/hold"),
  put("/v1/job/hold/evaluate", { JobID: "hold" }),
  remove("/v1/evaluations"),
  ...get("/v1/operator/snapshot"),
  remove("/v1/service/web-api/nobody"),
  put("/v1/node/{node}/purge"),
];

export const STEPS: readonly Step[] = [...AGENT, ...SUBMITTED, ...READ, ...INSIDE, ...CHANGED, ...KEPT, ...ACCESS, ...GONE];
