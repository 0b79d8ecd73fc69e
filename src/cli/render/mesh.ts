/** The mesh as commands show it: what a machine lacks, how proxies stand, where a call ends. Pure. */
import type { MeshCheck } from "#model";
import type { AllocationMesh, Finding, ProxyReport, ProxyTraffic } from "#ports";
import type { Palette } from "./colour.ts";
import { table } from "./columns.ts";
import { bytes, spell } from "./time.ts";

/** A line for each step, and under one that is not good how to mend it. */
export function meshCheckText(check: MeshCheck, colours: Palette): string {
  const marks = { good: colours.green("✓"), failed: colours.red("✗"), unknown: colours.yellow("?") };
  const lines = check.Steps.flatMap((step) => [
    `  ${marks[step.Standing]} ${step.Step}: ${step.Text}`,
    ...(step.Fix === "" || step.Standing === "good" ? [] : [`      ${colours.grey(`fix: ${step.Fix}`)}`]),
  ]);
  const [source, destination] = [JSON.stringify(check.Source), JSON.stringify(check.Destination)];
  const verdict = {
    reachable: colours.green(`${source} can call ${destination}`),
    unreachable: colours.red(`${source} cannot call ${destination}`),
    unknown: colours.yellow(`Whether ${source} can call ${destination} could not be seen to the end`),
  }[check.Verdict];
  return `${colours.bold(`${check.Source} => ${check.Destination}`)}\n${lines.join("\n")}\n\n${verdict}`;
}

/** A line for each thing, and how to mend what is not good. */
export function preflightText(findings: readonly Finding[], colours: Palette): string {
  if (findings.length === 0) return "This node says nothing of networks and the mesh";
  const marks = { good: colours.green("✓"), warning: colours.yellow("!"), missing: colours.red("✗") };
  return findings
    .flatMap((finding) => [
      `${marks[finding.standing]} ${finding.what}${finding.problem === "" ? "" : `: ${finding.problem}`}`,
      ...(finding.fix === "" || finding.standing === "good" ? [] : [`    ${colours.grey(`fix: ${finding.fix}`)}`]),
    ])
    .join("\n");
}

/** One line for node status; undefined: the node says nothing. `id`: what to ask the other command for. */
export function preflightLine(findings: readonly Finding[], id: string): string | undefined {
  if (findings.length === 0) return undefined;
  const named = (standing: Finding["standing"]) => findings.filter((each) => each.standing === standing).map((each) => each.what);
  const missing = named("missing");
  const doubtful = named("warning");
  if (missing.length === 0 && doubtful.length === 0) return "ready";
  const words = [
    missing.length === 0 ? "ready" : `missing: ${missing.join(", ")}`,
    ...(doubtful.length === 0 ? [] : [`doubtful: ${doubtful.join(", ")}`]),
  ];
  return `${words.join("; ")} (see drover check mesh -node=${id})`;
}

/** Sections of alloc status: title and text. */
export function allocationMeshSections(
  mesh: AllocationMesh,
  how: { readonly nowMs: number; readonly stats: boolean },
): readonly (readonly [title: string, text: string])[] {
  if (mesh.Proxies.length === 0) return [];
  const sections: (readonly [string, string])[] = [["Mesh", proxyTable(mesh.Proxies, how.nowMs)]];
  const upstreams = mesh.Proxies.flatMap((proxy) =>
    (proxy.Standing?.upstreams ?? []).map((each) => [proxy.Service, clusterName(each.cluster), `${each.healthy}/${each.total}`]),
  );
  if (upstreams.length > 0) sections.push(["Mesh Upstreams", table([["Service", "Upstream", "Healthy"], ...upstreams])]);
  if (mesh.IntentionsProblem !== "") sections.push(["Mesh Intentions", `N/A: ${mesh.IntentionsProblem}`]);
  else if (mesh.Intentions.length > 0) {
    const rows = mesh.Intentions.map((each) => [
      each.source,
      each.destination,
      each.permissions.length > 0 ? each.permissions.join("; ") : each.action,
    ]);
    sections.push(["Mesh Intentions", table([["Source", "Destination", "Action"], ...rows])]);
  }
  if (how.stats) sections.push(...trafficSections(mesh.Proxies));
  return sections;
}

function proxyTable(proxies: readonly ProxyReport[], nowMs: number): string {
  const rows = proxies.map((proxy) => [
    proxy.Service,
    proxy.Task,
    proxy.Step,
    proxy.Standing?.state ?? "N/A",
    certificateText(proxy, nowMs),
    proxy.Standing === null ? "N/A" : proxy.Standing.stream.connected ? "connected" : "lost",
  ]);
  const problems = proxies.filter((each) => each.Problem !== "").map((each) => `${each.Task}: ${each.Problem}`);
  return [table([["Service", "Proxy", "Step", "State", "Certificate", "Stream"], ...rows]), ...problems].join("\n");
}

function certificateText(proxy: ProxyReport, nowMs: number): string {
  const certificate = proxy.Standing?.certificate ?? null;
  if (certificate === null) return "N/A";
  const leftMs = certificate.expiresAtMs - nowMs;
  return leftMs <= 0 ? `expired ${spell(-leftMs)} ago` : `${spell(leftMs)} left`;
}

/** "api.default.dc1.internal.1234.consul" → "api"; what stands before the namespace is kept ("v2.api"), another datacenter is said. */
function clusterName(cluster: string): string {
  const at = cluster.indexOf(".internal.");
  if (at < 0) return cluster;
  const parts = cluster.slice(0, at).split(".");
  const datacenter = parts.pop() ?? "";
  const name = parts.slice(0, -1).join(".") || cluster;
  return `${name} (${datacenter})`;
}

function trafficSections(proxies: readonly ProxyReport[]): readonly (readonly [string, string])[] {
  const rows = proxies.flatMap(({ Service, Statistics }) =>
    Statistics === null
      ? []
      : [
          trafficRow(Service, "in", Statistics.inbound),
          ...Object.entries(Statistics.outbound).map(([name, traffic]) => trafficRow(Service, `out: ${name}`, traffic)),
        ],
  );
  if (rows.length === 0) return [];
  return [
    [
      "Mesh Traffic",
      table([["Service", "Direction", "Connections", "Active", "Requests", "5xx", "Denied", "Received", "Sent", "p50", "p99"], ...rows]),
    ],
  ];
}

function trafficRow(service: string, direction: string, traffic: ProxyTraffic): string[] {
  const time = (ms: number) => (traffic.requests === 0 ? "-" : `${Math.round(ms * 10) / 10}ms`);
  return [
    service,
    direction,
    ...[traffic.connections, traffic.connectionsActive, traffic.requests, traffic.errors5xx, traffic.denied].map(String),
    bytes(traffic.bytesIn),
    bytes(traffic.bytesOut),
    time(traffic.p50Ms),
    time(traffic.p99Ms),
  ];
}
