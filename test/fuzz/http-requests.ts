/** Requests that are almost right: every endpoint and method of the contract, with paths, queries, headers and bodies that are a little off. */
import { ENDPOINTS, type Endpoint, type EndpointName } from "#api/contract";
import type { Chance } from "./seeded.ts";

export interface FuzzRequest {
  readonly endpoint: EndpointName;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** What ends the server, waits for minutes, or is measured elsewhere. */
const LEFT_OUT: readonly EndpointName[] = [
  "raft-peer",
  "raft-transfer-leadership",
  "agent-profile",
  "agent-reload",
  "keyring-rotate",
  "acl-bootstrap",
];
const NAMES = Object.keys(ENDPOINTS).filter((name) => !(LEFT_OUT as readonly string[]).includes(name)) as EndpointName[];
const UUID = "11111111-2222-4333-8444-555555555555";
/** Few that could be meant, so that what is made is made again and not more and more. */
const WORDS = ["web", "default", "global", UUID, UUID.slice(0, 8), "team", "self", "p1", "r1"];
const ODD = [
  "",
  "*",
  ".",
  "..",
  "%2e%2e%2f",
  "%00",
  "%ff",
  "%",
  "a%2Fb",
  "__proto__",
  "constructor",
  "é",
  "x".repeat(300),
  "-1",
  "1e400",
  "null",
  "${env}",
  "<script>",
  "a b",
  "\\",
  "..;/",
];
const QUERIES = [
  "namespace",
  "region",
  "prefix",
  "index",
  "wait",
  "stale",
  "consistent",
  "filter",
  "per_page",
  "next_token",
  "reverse",
  "pretty",
  "all",
  "purge",
  "global",
  "eval_priority",
  "cas",
  "path",
  "task",
  "type",
  "origin",
  "offset",
  "limit",
  "follow",
  "node_id",
  "topic",
  "format",
  "version",
  "diffs",
  "resources",
  "force",
  "lock-operation",
  "job",
  "log_level",
  "command",
];
const FILTERS = [
  'ID == "x"',
  "Meta[",
  'Name matches "(a+)+$"',
  "not not not ID",
  '"a" in b',
  "(".repeat(400),
  'ID contains "',
  "Status is empty",
];

const JOB = {
  ID: "web",
  Name: "web",
  Type: "service",
  Datacenters: ["*"],
  Namespace: "default",
  Priority: 50,
  Meta: { a: "b" },
  Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" }],
  Update: { MaxParallel: 1, MinHealthyTime: 10_000_000_000 },
  TaskGroups: [
    {
      Name: "g",
      Count: 1,
      Networks: [{ Mode: "host", DynamicPorts: [{ Label: "http" }] }],
      Services: [{ Name: "web", PortLabel: "http", Provider: "nomad", Checks: [{ Type: "http", Path: "/", Interval: 1e9, Timeout: 1e9 }] }],
      Tasks: [
        {
          Name: "t",
          Driver: "raw_exec",
          Config: { command: "/bin/true", args: ["a"] },
          Env: { A: "b" },
          Resources: { CPU: 100, MemoryMB: 64 },
          Templates: [{ EmbeddedTmpl: "{{ key `a` }}", DestPath: "local/x" }],
        },
      ],
    },
  ],
};
const BODIES: Partial<Record<EndpointName, readonly unknown[]>> = {
  jobs: [{ Job: JOB }, { Job: JOB, EnforceIndex: true, JobModifyIndex: 0 }],
  job: [{ Job: JOB }],
  "job-plan": [{ Job: JOB, Diff: true }],
  "validate-job": [{ Job: JOB }],
  "jobs-parse": [
    { JobHCL: 'job "web" { group "g" { task "t" { driver = "raw_exec" } } }', Canonicalize: true },
    { JobHCL: "job {".repeat(200) },
  ],
  "jobs-statuses": [{ jobs: [{ id: "web", namespace: "default" }] }],
  "job-evaluate": [{ JobID: "web", EvalOptions: { ForceReschedule: true } }],
  "job-version-tag": [{ Description: "d", Version: 0 }],
  "job-revert": [{ JobID: "web", JobVersion: 0 }],
  "job-stable": [{ JobID: "web", JobVersion: 0, Stable: true }],
  "job-dispatch": [{ Payload: "aGVsbG8=", Meta: { a: "b" } }],
  "job-scale": [{ Target: { Group: "g" }, Count: 2, Message: "m" }],
  "node-eligibility": [{ Eligibility: "eligible" }],
  "node-drain": [{ DrainSpec: { Deadline: 1e9, IgnoreSystemJobs: true }, MarkEligible: true, Meta: {} }],
  "node-pools": [{ Name: "p1", Description: "d", Meta: {} }],
  "node-pool": [{ Name: "p1", Description: "d", SchedulerConfiguration: { SchedulerAlgorithm: "spread" } }],
  "namespace-create": [{ Name: "team", Description: "d", Capabilities: { EnabledTaskDrivers: ["docker"] } }],
  namespace: [{ Name: "team" }],
  "deployment-pause": [{ DeploymentID: UUID, Pause: true }],
  "deployment-promote": [{ DeploymentID: UUID, All: true, Groups: [] }],
  "deployment-allocation-health": [{ DeploymentID: UUID, HealthyAllocationIDs: [UUID], UnhealthyAllocationIDs: [] }],
  search: [{ Prefix: "w", Context: "all" }],
  "search-fuzzy": [{ Text: "w", Context: "all" }],
  variable: [{ Path: "app/x", Namespace: "default", Items: { a: "b" } }],
  "scheduler-configuration": [{ SchedulerAlgorithm: "binpack", PreemptionConfig: { SystemSchedulerEnabled: true } }],
  "autopilot-configuration": [{ CleanupDeadServers: true, LastContactThreshold: "200ms", MaxTrailingLogs: 250 }],
  "client-metadata": [{ NodeID: UUID, Meta: { a: null } }],
  "client-allocation-restart": [{ TaskName: "t", AllTasks: false }],
  "client-allocation-signal": [{ Task: "t", Signal: "SIGHUP" }],
  "acl-policy": [{ Name: "p1", Description: "d", Rules: 'namespace "default" { policy = "read" }' }],
  "acl-token-create": [{ Name: "t", Type: "client", Policies: ["p1"], ExpirationTTL: "1h", Roles: [{ Name: "r1" }] }],
  "acl-token": [{ AccessorID: UUID, Name: "t", Type: "client", Policies: ["p1"] }],
  "acl-role-create": [{ Name: "r1", Policies: [{ Name: "p1" }] }],
  "acl-role": [{ ID: UUID, Name: "r1", Policies: [{ Name: "p1" }] }],
  "acl-auth-method-create": [
    {
      Name: "p1",
      Type: "JWT",
      TokenLocality: "local",
      MaxTokenTTL: "1h",
      Config: { JWTValidationPubKeys: ["x"], BoundAudiences: ["a"], ClaimMappings: { a: "b" } },
    },
  ],
  "acl-auth-method": [{ Name: "p1", Type: "JWT", MaxTokenTTL: "2h" }],
  "acl-binding-rule-create": [{ AuthMethod: "p1", BindType: "policy", BindName: "${value.a}", Selector: 'value.a == "b"' }],
  "acl-binding-rule": [{ ID: UUID, Selector: "value.a is empty" }],
  "acl-token-onetime-exchange": [{ OneTimeSecretID: UUID }],
  "acl-login": [{ AuthMethodName: "p1", LoginToken: "a.b.c" }],
  "acl-oidc-auth-url": [{ AuthMethodName: "p1", RedirectURI: "http://localhost/oidc", ClientNonce: "n" }],
  "acl-oidc-complete-auth": [{ AuthMethodName: "p1", RedirectURI: "http://localhost/oidc", ClientNonce: "n", State: "s", Code: "c" }],
  "agent-keyring-install": [{ Key: "aGVsbG8=" }],
  snapshot: [{}],
};

export function anyRequest(by: Chance, tokens: readonly string[]): FuzzRequest {
  const endpoint = by.one(NAMES);
  const { path, methods, rawBody }: Endpoint = ENDPOINTS[endpoint];
  const method = by.rarely(8) ? by.one(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"]) : by.one(methods);
  const filled = path.replace(/:(\w+)/g, () => word(by)).replace("*", () => `${word(by)}/x`);
  const target = by.rarely(40) ? `/${encodeOdd(by.one(ODD))}/${word(by)}` : filled;
  const token = by.one(tokens);
  const headers: Record<string, string> =
    token === "" ? {} : by.rarely(4) ? { authorization: `Bearer ${token}` } : { "x-nomad-token": token };
  if (by.rarely(15))
    headers[
      by.one(["accept-encoding", "origin", "sec-fetch-site", "content-type", "x-drover-relayed", "expect", "range", "x-nomad-token"])
    ] = oddHeader(by);
  const takesBody = method === "PUT" || method === "POST" || by.rarely(30);
  return {
    endpoint,
    method,
    target: target + queryOf(endpoint, by),
    headers,
    body: takesBody ? bodyOf(endpoint, rawBody === true, by) : undefined,
  };
}

const word = (by: Chance): string => (by.rarely(4) ? encodeOdd(by.one(ODD)) : by.one(WORDS));
/** What node would not send at all is sent by broken-http.ts. */
const encodeOdd = (text: string): string => text.replaceAll(/[^\x21-\x7e]/g, encodeURIComponent);
const oddHeader = (by: Chance): string =>
  by.one(["gzip;q=0", "*", "null", "http://evil.example", "cross-site", "9", "-1", "x".repeat(2_000), "bytes=0-1", ""]);

function queryOf(endpoint: EndpointName, by: Chance): string {
  const parts: string[] = [];
  for (let left = by.below(4); left > 0; left--) {
    const key = by.rarely(12) ? encodeURIComponent(by.one(ODD)) : by.one(QUERIES);
    const value =
      key === "filter"
        ? by.one(FILTERS)
        : by.one([...WORDS, ...ODD, "true", "false", "1", "0", "5", "stdout", "Job:web", "9007199254740993"]);
    parts.push(`${key}=${by.rarely(10) ? encodeOdd(value) : encodeURIComponent(value.replaceAll(/[\ud800-\udfff]/g, ""))}`);
  }
  // Waiting is asked for, but not for long; a command is at once done with.
  if (parts.some((part) => part.startsWith("index="))) parts.push("wait=20ms");
  if (endpoint === "agent-host" || endpoint === "job-action") parts.length = 0;
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

function bodyOf(endpoint: EndpointName, raw: boolean, by: Chance): Uint8Array {
  if (raw || by.rarely(25)) return by.bytes(500);
  let text = JSON.stringify(mutated(by.one(BODIES[endpoint] ?? [{}, { ID: "web" }]), by, by.below(4)));
  if (by.rarely(20)) text = text.slice(0, by.below(text.length + 1));
  if (by.rarely(30)) text = text.replace(/"[A-Za-z]+":/, by.one(['"__proto__":', '"constructor":', '"\\ud800":', '"":']));
  if (by.rarely(60)) text = `${'{"Job":'.repeat(by.below(400))}${text}`;
  const bytes = Buffer.from(text);
  for (let flips = by.rarely(20) ? 1 + by.below(4) : 0; flips > 0 && bytes.length > 0; flips--)
    bytes[by.below(bytes.length)] = by.below(256);
  return bytes;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  "",
  "x",
  "é".repeat(200),
  "10s",
  "\u0000",
  [],
  {},
  [null],
  [[[[]]]],
  { a: { b: {} } },
  "${meta.x}",
  "../../etc/passwd",
  Array.from({ length: 300 }, () => "x"),
];

/** So many places of it are something else, gone, or there twice. */
function mutated(value: unknown, by: Chance, changes: number): unknown {
  const copy = structuredClone(value);
  for (let left = changes; left > 0; left--) {
    let at = copy as Record<string, unknown>;
    for (;;) {
      const keys = Object.keys(at ?? {});
      if (keys.length === 0) break;
      const key = by.one(keys);
      const inner = at[key];
      if (typeof inner === "object" && inner !== null && !by.rarely(4)) {
        at = inner as Record<string, unknown>;
        continue;
      }
      if (by.rarely(4)) delete at[key];
      else if (by.rarely(6)) at[by.one(["Extra", key.toLowerCase(), "ID"])] = structuredClone(inner);
      else at[key] = structuredClone(by.one(VALUES));
      break;
    }
  }
  return copy;
}
