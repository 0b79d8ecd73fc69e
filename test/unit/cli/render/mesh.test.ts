import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshCheck } from "#model";
import type { AllocationMesh, Finding, ProxyReport } from "#ports";
import { palette } from "../../../../src/cli/render/colour.ts";
import { allocationMeshSections, meshCheckText, preflightLine, preflightText } from "../../../../src/cli/render/mesh.ts";

const PLAIN = palette(false);
const NOW_MS = Date.UTC(2026, 0, 2);
const finding = (what: string, standing: Finding["standing"], problem = "", fix = ""): Finding => ({ what, standing, problem, fix });

test("a check is a line for each step, its fix below, and a verdict", () => {
  const check: MeshCheck = {
    Source: "web",
    Destination: "api",
    Namespace: "default",
    Verdict: "unreachable",
    Steps: [
      { Step: "source", Standing: "good", Text: '"web" runs', Fix: "never shown" },
      { Step: "intention", Standing: "failed", Text: "denied by default (deny)", Fix: "consul intention create -allow web api" },
      { Step: "checks", Standing: "unknown", Text: "no answer", Fix: "" },
    ],
  };
  assert.equal(
    meshCheckText(check, PLAIN),
    `web => api
  ✓ source: "web" runs
  ✗ intention: denied by default (deny)
      fix: consul intention create -allow web api
  ? checks: no answer

"web" cannot call "api"`,
  );
});

test("preflight says each thing, and only of what is not good how to mend it; node status has it in a line", () => {
  const findings = [
    finding("cni-plugins", "missing", 'no "bridge" in /opt/cni/bin', "apt-get install containernetworking-plugins"),
    finding("ip-forward", "warning", "is off", "sysctl -w net.ipv4.ip_forward=1"),
    finding("envoy", "good", "1.40.0", "nothing"),
  ];
  assert.equal(
    preflightText(findings, PLAIN),
    `✗ cni-plugins: no "bridge" in /opt/cni/bin
    fix: apt-get install containernetworking-plugins
! ip-forward: is off
    fix: sysctl -w net.ipv4.ip_forward=1
✓ envoy: 1.40.0`,
  );
  assert.equal(preflightLine(findings, "1a2b3c4d"), "missing: cni-plugins; doubtful: ip-forward (see drover check mesh -node=1a2b3c4d)");
  assert.equal(preflightLine([finding("envoy", "good")], "x"), "ready");
  assert.equal(preflightLine([], "x"), undefined);
});

const traffic = {
  connections: 3,
  connectionsActive: 1,
  requests: 2,
  errors5xx: 0,
  denied: 0,
  bytesIn: 2048,
  bytesOut: 10,
  p50Ms: 1.25,
  p99Ms: 9,
};
const proxy: ProxyReport = {
  Task: "connect-proxy-web",
  Service: "web",
  Kind: "connect-proxy:web",
  Standing: {
    state: "LIVE",
    certificate: { uri: "spiffe://d.consul/ns/default/dc/dc1/svc/web", expiresAtMs: NOW_MS + 3 * 3_600_000 + 60_000, authority: "x" },
    listeners: [],
    upstreams: [
      { cluster: "api.default.dc1.internal.d.consul", healthy: 1, total: 2 },
      { cluster: "v2.api.default.dc2.internal.d.consul", healthy: 0, total: 0 },
    ],
    stream: { connected: true, updates: 1, lastUpdateAtMs: NOW_MS, rejected: 0 },
    startedAtMs: NOW_MS,
  },
  Statistics: { inbound: traffic, outbound: { api: { ...traffic, requests: 0 } } },
  Problem: "",
  Step: "ready",
};
const silent: ProxyReport = {
  ...proxy,
  Task: "connect-proxy-db",
  Service: "db",
  Standing: null,
  Statistics: null,
  Step: "certificate",
  Problem: "no certificate after 12 s",
};
const mesh: AllocationMesh = {
  Proxies: [proxy, silent],
  Intentions: [
    { source: "*", destination: "web", action: "allow", permissions: [], precedence: 8 },
    { source: "shop", destination: "web", action: "permissions", permissions: ["allow GET /public"], precedence: 9 },
  ],
  IntentionsProblem: "",
};

test("alloc status has its proxies with their steps, upstreams and intentions; traffic with -stats", () => {
  const shown = allocationMeshSections(mesh, { nowMs: NOW_MS, stats: true }).map(([title, text]) => `${title}\n${text}`);
  assert.equal(
    shown.join("\n\n"),
    `Mesh
Service  Proxy              Step         State  Certificate  Stream
web      connect-proxy-web  ready        LIVE   3h1m left    connected
db       connect-proxy-db   certificate  N/A    N/A          N/A
connect-proxy-db: no certificate after 12 s

Mesh Upstreams
Service  Upstream      Healthy
web      api (dc1)     1/2
web      v2.api (dc2)  0/0

Mesh Intentions
Source  Destination  Action
*       web          allow
shop    web          allow GET /public

Mesh Traffic
Service  Direction  Connections  Active  Requests  5xx  Denied  Received  Sent  p50    p99
web      in         3            1       2         0    0       2 KiB     10 B  1.3ms  9ms
web      out: api   3            1       0         0    0       2 KiB     10 B  -      -`,
  );
  assert.deepEqual(
    allocationMeshSections({ ...mesh, IntentionsProblem: "connection refused" }, { nowMs: NOW_MS, stats: false }).map(([title]) => title),
    ["Mesh", "Mesh Upstreams", "Mesh Intentions"],
  );
  const later = allocationMeshSections(mesh, { nowMs: NOW_MS + 4 * 3_600_000, stats: false });
  assert.match(later[0]?.[1] ?? "", /^web .* LIVE +expired 59m ago +connected$/m);
  assert.deepEqual(allocationMeshSections({ ...mesh, Proxies: [] }, { nowMs: NOW_MS, stats: true }), []);
});
