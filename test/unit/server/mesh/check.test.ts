import assert from "node:assert/strict";
import { test } from "node:test";
import { admitJob } from "#jobspec";
import type { MeshCheck, Service } from "#model";
import type { MeshService, ProxyReport, ProxyStanding } from "#ports";
import { checkMesh } from "../../../../src/server/mesh/check.ts";
import type { AllocationFacts, MeshFacts, SideFacts } from "../../../../src/server/mesh/facts.ts";

const NOW_MS = Date.UTC(2026, 0, 2);
const DOMAIN = "11111111-2222-3333-4444-555555555555.consul";

function service(name: string, connect: object | null): Service {
  const { job } = admitJob(
    {
      ID: "j",
      Name: "j",
      Type: "service",
      Datacenters: ["dc1"],
      TaskGroups: [
        {
          Name: "g",
          Networks: [{ Mode: "bridge" }],
          Services: [{ Name: name, PortLabel: "9001", Provider: "consul" }],
          Tasks: [{ Name: "t", Driver: "exec", Config: { command: "true" } }],
        },
      ],
    },
    { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 100 },
  );
  return { ...(job.TaskGroups[0]?.Services[0] as Service), Connect: connect as Service["Connect"] };
}

const sidecar = (proxy: object) => ({
  Native: false,
  SidecarTask: null,
  Gateway: null,
  SidecarService: {
    Tags: [],
    Port: "",
    Meta: {},
    DisableDefaultTCPCheck: false,
    Proxy: { Upstreams: [], TransparentProxy: null, ...proxy },
  },
});
const upstream = (name: string, more: object = {}) => ({
  DestinationName: name,
  DestinationType: "service",
  DestinationPeer: "",
  Datacenter: "",
  LocalBindAddress: "",
  LocalBindPort: 8080,
  LocalBindSocketPath: "",
  ...more,
});

function standing(name: string, more: Partial<ProxyStanding> = {}): ProxyStanding {
  return {
    state: "LIVE",
    certificate: { uri: `spiffe://${DOMAIN}/ns/default/dc/dc1/svc/${name}`, expiresAtMs: NOW_MS + 72 * 3_600_000, authority: "Consul CA" },
    listeners: [],
    upstreams: [],
    stream: { connected: true, updates: 3, lastUpdateAtMs: NOW_MS, rejected: 0 },
    startedAtMs: NOW_MS - 1000,
    ...more,
  };
}
function report(name: string, more: Partial<ProxyReport> = {}): ProxyReport {
  return {
    Task: `connect-proxy-${name}`,
    Service: name,
    Kind: `connect-proxy:${name}`,
    Standing: standing(name),
    Statistics: null,
    Problem: "",
    Step: "ready",
    ...more,
  };
}
const allocation = (id: string, proxy: ProxyReport | undefined): AllocationFacts => ({
  id,
  clientStatus: "running",
  proxy: { known: true, value: proxy },
});
function registered(name: string, more: Partial<MeshService> = {}): MeshService {
  const one = { id: `${name}-1`, node: "n", address: "10.0.0.1", port: 9001, status: "passing" as const, failing: [] };
  return { name, protocol: "tcp", instances: [one], proxies: [{ ...one, id: `${name}-1-sidecar-proxy` }], ...more };
}
function side(name: string, connect: object | null, proxies: readonly AllocationFacts[], more: Partial<SideFacts> = {}): SideFacts {
  return {
    service: name,
    definitions: [{ jobId: `job-${name}`, group: "g", stopped: false, service: service(name, connect) }],
    allocations: proxies,
    registered: { known: true, value: registered(name) },
    ...more,
  };
}

/** web → api, and all is well. */
function well(): MeshFacts {
  const seen = standing("web", { upstreams: [{ cluster: `api.default.dc1.internal.${DOMAIN}`, healthy: 2, total: 2 }] });
  return {
    source: side("web", sidecar({ Upstreams: [upstream("api")] }), [allocation("aaaaaaaa-1", report("web", { Standing: seen }))]),
    destination: side("api", sidecar({}), [allocation("bbbbbbbb-1", report("api")), allocation("cccccccc-1", report("api"))]),
    intention: { known: true, value: { allowed: true, because: undefined, defaultAllow: true } },
    authority: { known: true, value: { provider: "consul", trustDomain: DOMAIN, roots: 1 } },
    nowMs: NOW_MS,
  };
}
const textOf = (check: MeshCheck, step: string) => check.Steps.find((each) => each.Step === step);

/** The only step that is not good. */
function fault(facts: MeshFacts): [step: string, text: string, fix: string] {
  const bad = checkMesh(facts, "default").Steps.filter((each) => each.Standing !== "good");
  assert.equal(bad.length, 1, JSON.stringify(bad, null, 2));
  const [{ Step, Text, Fix }] = bad as [MeshCheck["Steps"][number]];
  return [Step, Text, Fix];
}

test("two services with proxies that are up, an upstream and no rule against it: reachable, in the order a call travels", () => {
  const check = checkMesh(well(), "default");
  assert.equal(check.Verdict, "reachable");
  assert.deepEqual(
    check.Steps.map((each) => each.Step),
    [
      "consul",
      "source",
      "source-proxy",
      "upstream",
      "intention",
      "destination",
      "destination-proxy",
      "certificates",
      "endpoints",
      "checks",
    ],
  );
  assert.ok(check.Steps.every((each) => each.Standing === "good" && each.Fix === "" && each.Text !== ""));
  assert.equal(textOf(check, "upstream")?.Text, '"api" is its upstream at 127.0.0.1:8080');
});

test("an intention that denies is named, with the command that allows", () => {
  const because = { source: "*", destination: "api", action: "deny" as const, permissions: [], precedence: 8 };
  const facts = { ...well(), intention: { known: true as const, value: { allowed: false, because, defaultAllow: true } } };
  assert.deepEqual(fault(facts), ["intention", "denied by intention * => api (deny)", "consul intention create -replace -allow web api"]);
  // What was not made by `consul intention create` it refuses to change.
  const declared = {
    ...well(),
    intention: { known: true as const, value: { allowed: false, because: { ...because, declared: true as const }, defaultAllow: true } },
  };
  assert.match(fault(declared)[2] ?? "", /^curl -X PUT .*intentions\/exact\?source=web&destination=api/);
  const byDefault = { ...well(), intention: { known: true as const, value: { allowed: false, because: undefined, defaultAllow: false } } };
  assert.deepEqual(fault(byDefault), ["intention", "denied by default (deny)", "consul intention create -allow web api"]);
  // One more is not added by it to those that were written otherwise, though none of them is about this source.
  const beside = {
    ...well(),
    intention: { known: true as const, value: { allowed: false, because: undefined, defaultAllow: false, declared: true as const } },
  };
  assert.match(fault(beside)[2] ?? "", /^curl -X PUT .*destination=api" \(or write it where those for "api" are written\)$/);
  assert.equal(checkMesh(facts, "default").Verdict, "unreachable");
});

test("permissions of which none allows anything are a denial", () => {
  const of = (...permissions: string[]) => {
    const because = { source: "web", destination: "api", action: "permissions" as const, permissions, precedence: 9 };
    return {
      ...well(),
      intention: {
        known: true as const,
        value: { allowed: permissions.some((each) => each.startsWith("allow")), because, defaultAllow: true },
      },
    };
  };
  assert.deepEqual(fault(of("deny /*")).slice(0, 2), ["intention", "denied by intention web => api (permissions): deny /*"]);
  const some = checkMesh(of("allow GET /public*", "deny *"), "default");
  assert.equal(textOf(some, "intention")?.Text, "some calls are allowed by intention web => api (permissions): allow GET /public*; deny *");
});

test("a proxy that was ready and says nothing any more does not answer", () => {
  const facts = well();
  const silent = allocation("bbbbbbbb-1", report("api", { Standing: null, Problem: "it did not answer in time" }));
  assert.deepEqual(fault({ ...facts, destination: { ...facts.destination, allocations: [silent] } }).slice(0, 2), [
    "destination-proxy",
    "proxy of allocation bbbbbbbb does not answer: it did not answer in time",
  ]);
});

test("of a destination in another datacenter or at a peer only what can be known here is said", () => {
  const facts = well();
  const abroad = (elsewhere: NonNullable<SideFacts["elsewhere"]>, more: Partial<SideFacts> = {}) => ({
    ...facts,
    destination: {
      service: "api",
      definitions: [],
      allocations: [],
      registered: { known: true as const, value: registered("api") },
      elsewhere,
      ...more,
    },
  });
  const dc2 = checkMesh(abroad({ datacenter: "dc2", peer: "" }), "default");
  assert.equal(dc2.Verdict, "unknown");
  assert.equal(textOf(dc2, "destination")?.Text, '"api" is registered by somebody else in datacenter "dc2": 1 instance');
  assert.deepEqual(textOf(dc2, "intention"), {
    Step: "intention",
    Standing: "unknown",
    Text: 'whether it is allowed is for datacenter "dc2" to say; here it is allowed by default (allow)',
    Fix: "Ask there: consul intention check web api",
  });
  // Intentions are written once for all datacenters that are joined.
  const because = { source: "web", destination: "api", action: "deny" as const, permissions: [], precedence: 9 };
  const intention = { known: true as const, value: { allowed: false, because, defaultAllow: true } };
  assert.equal(checkMesh({ ...abroad({ datacenter: "dc2", peer: "" }), intention }, "default").Verdict, "unreachable");
  const missing = checkMesh(abroad({ datacenter: "dc2", peer: "" }, { registered: { known: true, value: undefined } }), "default");
  assert.equal(textOf(missing, "destination")?.Text, 'nobody in datacenter "dc2" offers "api"');

  const peer = checkMesh(
    { ...abroad({ datacenter: "", peer: "east" }, { registered: { known: false, problem: "" } }), intention },
    "default",
  );
  const unknown = peer.Steps.filter((each) => each.Standing === "unknown").map((each) => each.Step);
  assert.deepEqual([peer.Verdict, unknown], ["unknown", ["intention", "destination", "destination-proxy", "checks"]]);
});

test("what cannot be asked is unknown, not failed", () => {
  const facts = { ...well(), intention: { known: false as const, problem: "connection refused" } };
  const check = checkMesh(facts, "default");
  assert.deepEqual([check.Verdict, textOf(check, "intention")?.Standing], ["unknown", "unknown"]);
  assert.match(textOf(check, "intention")?.Text ?? "", /connection refused/);
});

test("a Consul without a certificate authority, and servers without Consul, are said first and once", () => {
  const authority = { known: true as const, value: { provider: "", trustDomain: "", roots: 0 } };
  assert.deepEqual(fault({ ...well(), authority }).slice(0, 2), ["consul", "Consul's mesh is off: it has no certificate authority"]);
  const none = { known: false as const, problem: "the servers know no Consul: their configuration has no consul block" };
  const nobody = (name: string): SideFacts => ({ service: name, definitions: [], allocations: [], registered: none });
  const facts = { source: nobody("web"), destination: nobody("api"), intention: none, authority: none, nowMs: NOW_MS };
  const check = checkMesh(facts, "default");
  assert.equal(check.Verdict, "unknown");
  assert.equal(check.Steps.filter((each) => each.Text.includes("no consul block")).length, 1);
  assert.equal(check.Steps[0]?.Fix, "Add consul { } to the servers' configuration.");
});

test("a service without connect, without upstream, without a running allocation, without any job: each is said with its job", () => {
  const facts = well();
  const [step, text, fix] = fault({ ...facts, source: { ...facts.source, definitions: side("web", sidecar({}), []).definitions } });
  assert.deepEqual([step, text], ["upstream", 'no upstream of it names "api"']);
  assert.match(fix, /destination_name = "api".*job "job-web"/);

  const plain = { ...facts, destination: { ...facts.destination, definitions: side("api", null, []).definitions } };
  assert.match(fault(plain)[1], /"api" is not in the mesh: its service block has no connect/);

  const stopped = {
    ...facts.destination,
    allocations: [],
    definitions: facts.destination.definitions.map((each) => ({ ...each, stopped: true })),
  };
  const check = checkMesh({ ...facts, destination: stopped }, "default");
  assert.deepEqual(
    [textOf(check, "destination")?.Text, textOf(check, "destination")?.Fix],
    ['"api" is not running: job "job-api" is stopped', "drover job start job-api"],
  );

  const pending = {
    ...facts.destination,
    allocations: facts.destination.allocations.map((each) => ({ ...each, clientStatus: "pending" })),
  };
  assert.equal(
    textOf(checkMesh({ ...facts, destination: pending }, "default"), "destination")?.Text,
    '"api" does not run yet: allocation bbbbbbbb of job "job-api" is pending',
  );

  const nobody: SideFacts = { service: "api", definitions: [], allocations: [], registered: { known: true, value: undefined } };
  assert.equal(textOf(checkMesh({ ...facts, destination: nobody }, "default"), "destination")?.Text, 'nobody offers "api"');
});

test("transparent_proxy, native and gateways know their way without an upstream", () => {
  const facts = well();
  const through = (connect: object) => {
    const definitions = side("web", connect, []).definitions;
    return textOf(checkMesh({ ...facts, source: { ...facts.source, definitions } }, "default"), "upstream");
  };
  assert.equal(through(sidecar({ TransparentProxy: { UID: "" } }))?.Text, "transparent_proxy: api.virtual.consul leads to it");
  assert.equal(through({ Native: true, SidecarService: null, SidecarTask: null, Gateway: null })?.Standing, "good");
  const ingress = (name: string) => ({
    Native: false,
    SidecarService: null,
    SidecarTask: null,
    Gateway: {
      Proxy: null,
      Terminating: null,
      Mesh: null,
      Ingress: { TLS: null, Listeners: [{ Port: 8080, Protocol: "http", Services: [{ Name: name }] }] },
    },
  });
  assert.equal(through(ingress("api"))?.Text, 'its gateway listens for "api" on port 8080');
  assert.equal(through(ingress("*"))?.Standing, "good");
  assert.equal(through(ingress("other"))?.Standing, "failed");
});

test("where two jobs offer the source, both must know the way; one that is stopped counts only when all are", () => {
  const facts = well();
  const [knowing] = facts.source.definitions;
  const [blind] = side("web", sidecar({}), []).definitions;
  assert.ok(knowing !== undefined && blind !== undefined);
  const of = (stopped: boolean) => ({
    ...facts,
    source: { ...facts.source, definitions: [knowing, { ...blind, jobId: "other", stopped }] },
  });
  assert.match(fault(of(false))[2], /job "other"/);
  assert.equal(checkMesh(of(true), "default").Verdict, "reachable");
});

test("a source's proxy must be ready everywhere, of a destination's one is enough", () => {
  const facts = well();
  const waiting = allocation("dddddddd-1", report("web", { Standing: null, Step: "certificate", Problem: "no certificate after 12 s" }));
  const source = { ...facts.source, allocations: [...facts.source.allocations, waiting] };
  assert.deepEqual(fault({ ...facts, source }), [
    "source-proxy",
    "proxy of allocation dddddddd is not ready (certificate): no certificate after 12 s",
    "drover alloc status dddddddd",
  ]);
  const destination = { ...facts.destination, allocations: [...facts.destination.allocations, allocation("eeeeeeee-1", undefined)] };
  const check = checkMesh({ ...facts, destination }, "default");
  assert.equal(check.Verdict, "reachable");
  assert.match(textOf(check, "destination-proxy")?.Text ?? "", /^2 of 3 proxies are ready; proxy of allocation eeeeeeee is not there/);
});

test("certificates that are over, missing or of another mesh are said", () => {
  const facts = well();
  const withCertificate = (certificate: ProxyStanding["certificate"]) => ({
    ...facts,
    destination: {
      ...facts.destination,
      allocations: [allocation("bbbbbbbb-1", report("api", { Standing: standing("api", { certificate }) }))],
    },
  });
  assert.match(fault(withCertificate(null))[1], /proxy of allocation bbbbbbbb has no certificate/);
  const uri = `spiffe://${DOMAIN}/ns/default/dc/dc1/svc/api`;
  assert.match(
    fault(withCertificate({ uri, expiresAtMs: NOW_MS - 1, authority: "" }))[1],
    /certificate of allocation bbbbbbbb has expired/,
  );
  const foreign = { uri: "spiffe://other.consul/svc/api", expiresAtMs: NOW_MS + 1000, authority: "" };
  assert.match(fault(withCertificate(foreign))[1], /different meshes: .*other\.consul/);
});

test("a source's Envoy that sees no healthy endpoint is where the call ends", () => {
  const facts = well();
  const seeing = (upstreams: ProxyStanding["upstreams"]) => ({
    ...facts,
    source: { ...facts.source, allocations: [allocation("aaaaaaaa-1", report("web", { Standing: standing("web", { upstreams }) }))] },
  });
  const cluster = `api.default.dc1.internal.${DOMAIN}`;
  assert.match(fault(seeing([{ cluster, healthy: 0, total: 2 }]))[1], /sees 2 endpoints, none of them healthy, of "api"/);
  assert.match(fault(seeing([{ cluster, healthy: 0, total: 0 }]))[1], /sees no endpoint of "api"/);
  assert.match(fault(seeing([{ cluster: `apiary.default.dc1.internal.${DOMAIN}`, healthy: 1, total: 1 }]))[1], /knows no cluster "api"/);
  assert.equal(checkMesh(seeing([{ cluster: `v2.${cluster}`, healthy: 1, total: 1 }]), "default").Verdict, "reachable");
});

test("a destination that fails its checks everywhere is said with the check's words; one well instance is enough", () => {
  const facts = well();
  const [one] = registered("api").instances;
  const ill = { ...(one as MeshService["instances"][number]), status: "critical" as const, failing: ["http: 503 Service Unavailable"] };
  const withInstances = (instances: MeshService["instances"]) => ({
    ...facts,
    destination: { ...facts.destination, registered: { known: true as const, value: registered("api", { instances }) } },
  });
  assert.deepEqual(fault(withInstances([ill])).slice(0, 2), [
    "checks",
    'every instance of "api" is critical: http: 503 Service Unavailable',
  ]);
  assert.equal(checkMesh(withInstances([ill, one as MeshService["instances"][number]]), "default").Verdict, "reachable");
});

test("a destination that somebody else runs is judged by the catalog alone", () => {
  const facts = well();
  const foreign: SideFacts = { service: "api", definitions: [], allocations: [], registered: { known: true, value: registered("api") } };
  assert.equal(checkMesh({ ...facts, destination: foreign }, "default").Verdict, "reachable");
  const [well1] = registered("api").proxies as [MeshService["proxies"][number]];
  const ill = { ...well1, status: "critical" as const, failing: ["alive: timeout"] };
  const withProxies = (...proxies: MeshService["proxies"]) =>
    checkMesh({ ...facts, destination: { ...foreign, registered: { known: true, value: registered("api", { proxies }) } } }, "default");
  assert.match(textOf(withProxies(well1, ill), "destination-proxy")?.Text ?? "", /^1 of 2 proxies/);
  assert.equal(textOf(withProxies(ill), "destination-proxy")?.Text, "its proxy is critical: alive: timeout");
  const bare: SideFacts = { ...foreign, registered: { known: true, value: registered("api", { proxies: [] }) } };
  assert.deepEqual(fault({ ...facts, destination: bare }).slice(0, 2), ["destination-proxy", '"api" has no proxy in the mesh']);
});
