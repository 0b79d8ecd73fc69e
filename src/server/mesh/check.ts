/**
 * May one service of the mesh call another? Pure: facts → steps, in the order a call travels:
 *
 *   Consul answers ─► source runs ─► its proxy is up ─► it knows a way (upstream) ─► the intention allows it ─► destination is there ─► its proxy is up
 *     ─► certificates of both hold ─► the source's proxy sees endpoints ─► the destination's checks pass
 *
 * Every step is said, also after one that failed: a person mends them in one go.
 */
import type { MeshCheck, MeshStep, Upstream } from "#model";
import type { Permission, ProxyReport } from "#ports";
import type { AllocationFacts, Definition, Elsewhere, MeshFacts, SideFacts } from "./facts.ts";

type Finding = Omit<MeshStep, "Step">;

const STEPS: readonly (readonly [step: string, find: (facts: MeshFacts) => Finding])[] = [
  ["consul", answers],
  ["source", ({ source }) => runs(source)],
  ["source-proxy", ({ source }) => proxyUp(source, "every")],
  ["upstream", knowsWay],
  ["intention", allowed],
  ["destination", ({ destination }) => runs(destination)],
  ["destination-proxy", ({ destination }) => proxyUp(destination, "one")],
  ["certificates", certificatesHold],
  ["endpoints", seesEndpoints],
  ["checks", checksPass],
];

export function checkMesh(facts: MeshFacts, namespace: string): MeshCheck {
  const steps = STEPS.map(([Step, find]): MeshStep => ({ Step, ...find(facts) }));
  const standings = steps.map((step) => step.Standing);
  return {
    Source: facts.source.service,
    Destination: facts.destination.service,
    Namespace: namespace,
    Verdict: standings.includes("failed") ? "unreachable" : standings.includes("unknown") ? "unknown" : "reachable",
    Steps: steps,
  };
}

const good = (Text: string): Finding => ({ Standing: "good", Text, Fix: "" });
const failed = (Text: string, Fix: string): Finding => ({ Standing: "failed", Text, Fix });
const unknown = (Text: string, Fix: string): Finding => ({ Standing: "unknown", Text, Fix });

const LOOK = "drover alloc status";
const ASK_THERE = "Ask there: drover mesh check.";

/** Said once, with what is wrong; steps that need it only say that it could not be asked. */
function answers({ authority }: MeshFacts): Finding {
  if (!authority.known) {
    const fix = /consul block/.test(authority.problem)
      ? "Add consul { } to the servers' configuration."
      : "Does Consul run, and do the servers reach it?";
    return unknown(`Consul could not be asked: ${authority.problem}`, fix);
  }
  const { provider, trustDomain, roots } = authority.value;
  if (roots === 0)
    return failed(
      "Consul's mesh is off: it has no certificate authority",
      "Write connect { enabled = true } into the configuration of Consul's servers.",
    );
  return good(`Consul answers; ${provider === "" ? "it" : provider} signs certificates for ${trustDomain}`);
}

function runs(side: SideFacts): Finding {
  const name = JSON.stringify(side.service);
  const place = placeOf(side.elsewhere);
  if (side.elsewhere !== undefined && side.elsewhere.peer !== "")
    return unknown(`whether ${name} runs at${place} is known there`, ASK_THERE);
  const jobs = [...new Set(side.definitions.map((each) => each.jobId))];
  const running = side.allocations.filter((each) => each.clientStatus === "running");
  if (running.length > 0) return good(`${name} runs: ${count(running.length, "allocation")} of job ${quoted(jobs)}`);
  const [coming] = side.allocations;
  if (coming !== undefined)
    return failed(
      `${name} does not run yet: allocation ${short(coming.id)} of job ${quoted(jobs)} is ${coming.clientStatus}`,
      `${LOOK} ${short(coming.id)} says what it waits for`,
    );
  const instances = side.registered.known ? (side.registered.value?.instances ?? []) : [];
  if (jobs.length === 0 && instances.length > 0)
    return good(`${name} is registered by somebody else${place === "" ? "" : ` in${place}`}: ${count(instances.length, "instance")}`);
  if (jobs.length === 0) {
    if (!side.registered.known)
      return unknown(
        `no job${place === "" ? "" : ` in${place}`} offers ${name}, and Consul could not be asked whether somebody else does`,
        "Is the name right, and the namespace (-namespace)?",
      );
    return failed(
      `nobody${place === "" ? "" : ` in${place}`} offers ${name}`,
      'Is the name right, and the namespace (-namespace)? It is the name in service { name = "…" }.',
    );
  }
  const first = jobs[0] as string;
  if (side.definitions.every((each) => each.stopped))
    return failed(`${name} is not running: job ${quoted(jobs)} is stopped`, `drover job start ${first}`);
  return failed(`${name} is not running: no allocation of job ${quoted(jobs)} is`, `drover job why ${first}`);
}

/** `wanted`: each source calls through its own proxy; of destinations one is enough. */
function proxyUp(side: SideFacts, wanted: "every" | "one"): Finding {
  const name = JSON.stringify(side.service);
  const [definition] = side.definitions;
  const connect = definition?.service.Connect ?? null;
  if (definition !== undefined && connect === null)
    return failed(
      `${name} is not in the mesh: its service block has no connect`,
      `Add connect { sidecar_service {} } to service ${name} of job ${JSON.stringify(definition.jobId)} and run it.`,
    );
  if (connect?.Native === true) return good(`${name} speaks the mesh's TLS itself (native): it needs no proxy`);
  if (definition === undefined) return foreignProxy(side);
  const asked = side.allocations.filter((each) => each.clientStatus === "running");
  if (asked.length === 0) return unknown(`no allocation of ${name} runs whose proxy could be asked`, "");
  const ready = asked.filter((each) => each.proxy.known && isReady(each.proxy.value));
  const [bad] = asked.filter((each) => !ready.includes(each));
  if (bad === undefined) return good(`${asked.length === 1 ? "its proxy is" : `all ${asked.length} proxies are`} ready`);
  const text = `proxy of allocation ${short(bad.id)} ${proxyProblem(bad)}`;
  const fix = `${LOOK} ${short(bad.id)}`;
  if (wanted === "one" && ready.length > 0) return good(`${ready.length} of ${asked.length} proxies are ready; ${text}`);
  return bad.proxy.known ? failed(text, fix) : unknown(text, fix);
}

/** Of a service no job of ours offers: all there is to know is in the catalog. */
function foreignProxy(side: SideFacts): Finding {
  if (!side.registered.known) return unknown(`Consul could not be asked for its proxy${reasonOf(side.registered.problem)}`, "");
  const proxies = side.registered.value?.proxies ?? [];
  if (proxies.length === 0)
    return failed(
      `${JSON.stringify(side.service)} has no proxy in the mesh`,
      "Register it with a sidecar, or behind a terminating gateway.",
    );
  const up = proxies.filter((each) => each.status !== "critical");
  if (up.length > 0)
    return good(`${up.length} of ${count(proxies.length, "proxy", "proxies")} of others' making ${up.length === 1 ? "is" : "are"} well`);
  return failed(`its proxy is critical: ${proxies[0]?.failing[0] ?? "no check passes"}`, "It is run by somebody else: look there.");
}

/** The way the source is told to go. Where several jobs offer the service, each must know one. */
function knowsWay({ source, destination }: MeshFacts): Finding {
  if (source.definitions.length === 0) return unknown(`what ${JSON.stringify(source.service)} may call is not said in a job here`, "");
  const ways = source.definitions
    .filter((each) => !each.stopped || source.definitions.every(({ stopped }) => stopped))
    .map((each) => wayOf(each, destination.service));
  return ways.find((way) => way.Standing !== "good") ?? (ways[0] as Finding);
}

/** An upstream, transparent_proxy, a gateway's listener, or its own knowledge (native). */
function wayOf(definition: Definition, destination: string): Finding {
  const connect = definition.service.Connect;
  const name = JSON.stringify(destination);
  if (connect?.Native === true) return good(`it finds ${name} itself (native)`);
  const gateway = connect?.Gateway ?? null;
  if (gateway !== null) {
    const listener = gateway.Ingress?.Listeners.find((each) => each.Services.some(({ Name }) => Name === destination || Name === "*"));
    const linked = gateway.Terminating?.Services.some((each) => each.Name === destination || each.Name === "*") === true;
    if (listener !== undefined) return good(`its gateway listens for ${name} on port ${listener.Port}`);
    if (linked || gateway.Mesh !== null) return good(`its gateway passes on to ${name}`);
    return failed(
      `no listener of the gateway names ${name}`,
      `Add service { name = ${name} } to a listener of job ${JSON.stringify(definition.jobId)} and run it.`,
    );
  }
  const proxy = connect?.SidecarService?.Proxy ?? null;
  const upstream = proxy?.Upstreams.find((each) => each.DestinationName === destination);
  if (upstream !== undefined) return good(`${name} is its upstream at ${upstreamPlace(upstream)}${elsewhere(upstream)}`);
  if ((proxy?.TransparentProxy ?? null) !== null) return good(`transparent_proxy: ${destination}.virtual.consul leads to it`);
  const query = proxy?.Upstreams.find((each) => each.DestinationType === "prepared_query");
  if (query !== undefined)
    return unknown(`whether the prepared query ${JSON.stringify(query.DestinationName)} finds ${name} is Consul's to say`, "");
  return failed(
    `no upstream of it names ${name}`,
    `Add upstreams { destination_name = ${name}, local_bind_port = 8080 } to the proxy of job ${JSON.stringify(definition.jobId)} and run it.`,
  );
}

function allowed({ intention, source, destination }: MeshFacts): Finding {
  if (!intention.known) return unknown(`Consul could not be asked whether an intention allows it${reasonOf(intention.problem)}`, "");
  const { allowed: may, because, defaultAllow } = intention.value;
  const rule =
    because === undefined
      ? `by default (${defaultAllow ? "allow" : "deny"})`
      : `by intention ${because.source} => ${because.destination} (${because.action})`;
  const only = because?.permissions ?? [];
  const there = destination.elsewhere;
  if (there !== undefined && (there.peer !== "" || because === undefined))
    return unknown(
      `whether it is allowed is for${placeOf(there)} to say; here it is ${may ? "allowed" : "denied"} ${rule}`,
      `Ask there: consul intention check ${source.service} ${destination.service}`,
    );
  if (only.length > 0 && may) return good(`some calls are allowed ${rule}: ${only.join("; ")}`);
  if (may) return good(`allowed ${rule}`);
  const which = only.length > 0 ? `: ${only.join("; ")}` : "";
  return failed(`denied ${rule}${which}`, allowing(source.service, destination.service, intention.value));
}

/** A command that works whatever is there: Consul's own refuses to touch what it did not make. */
function allowing(source: string, destination: string, { because, declared }: Permission): string {
  if (because?.declared !== true && declared !== true)
    return `consul intention create${because === undefined ? "" : " -replace"} -allow ${source} ${destination}`;
  const path = `/v1/connect/intentions/exact?source=${source}&destination=${destination}`;
  return `curl -X PUT -H "X-Consul-Token: $CONSUL_HTTP_TOKEN" -d '{"SourceType":"consul","Action":"allow"}' "\${CONSUL_HTTP_ADDR:-localhost:8500}${path}" (or write it where ${because?.declared === true ? "that intention is" : `those for ${JSON.stringify(destination)} are`} written)`;
}

function certificatesHold({ source, destination, nowMs }: MeshFacts): Finding {
  const reports = [source, destination].flatMap((side) =>
    side.allocations.flatMap((each) =>
      each.proxy.known && each.proxy.value?.Standing ? [{ side, each, standing: each.proxy.value.Standing }] : [],
    ),
  );
  const [bare] = reports.filter(({ standing }) => standing.certificate === null);
  if (bare !== undefined)
    return failed(
      `proxy of allocation ${short(bare.each.id)} has no certificate`,
      `${LOOK} ${short(bare.each.id)}; consul connect ca get-config`,
    );
  const [over] = reports.filter(({ standing }) => (standing.certificate?.expiresAtMs ?? Infinity) <= nowMs);
  if (over !== undefined)
    return failed(
      `the certificate of allocation ${short(over.each.id)} has expired`,
      `drover alloc restart ${short(over.each.id)} gets a new one; are the clocks right?`,
    );
  const domains = new Set(reports.map(({ standing }) => /^spiffe:\/\/([^/]+)/.exec(standing.certificate?.uri ?? "")?.[1] ?? ""));
  if (domains.size > 1)
    return failed(`the two are certified for different meshes: ${[...domains].join(", ")}`, "Are both in the same Consul?");
  if (reports.length === 0) return unknown("no proxy of either could be asked for its certificate", "");
  const soonest = Math.min(...reports.map(({ standing }) => standing.certificate?.expiresAtMs ?? Infinity));
  return good(`${count(reports.length, "certificate")} of ${[...domains][0]}, good for ${duration(soonest - nowMs)} at least`);
}

/** The source's Envoy knows a healthy place to send the call to. */
function seesEndpoints({ source, destination }: MeshFacts): Finding {
  const name = JSON.stringify(destination.service);
  if (source.definitions[0]?.service.Connect?.Native === true) return good("it looks for endpoints itself (native)");
  const asked = source.allocations.flatMap((each) =>
    each.proxy.known && each.proxy.value?.Standing ? [{ each, standing: each.proxy.value.Standing }] : [],
  );
  if (asked.length === 0) return unknown(`no proxy of ${JSON.stringify(source.service)} could be asked what it sees of ${name}`, "");
  let healthy = 0;
  for (const { each, standing } of asked) {
    const clusters = standing.upstreams.filter(({ cluster }) => isClusterOf(cluster, destination.service));
    if (clusters.length === 0)
      return failed(`proxy of allocation ${short(each.id)} knows no cluster ${name}`, "Consul has told it none: see the steps above.");
    const sum = clusters.reduce((total, cluster) => total + cluster.healthy, 0);
    if (sum === 0) {
      const total = clusters.reduce((all, cluster) => all + cluster.total, 0);
      return failed(
        `proxy of allocation ${short(each.id)} sees ${total === 0 ? "no endpoint" : `${count(total, "endpoint")}, none of them healthy,`} of ${name}`,
        `Does ${name} run, and do its checks pass? See the steps around.`,
      );
    }
    healthy = Math.max(healthy, sum);
  }
  return good(`${asked.length === 1 ? "its proxy sees" : "its proxies see"} ${count(healthy, "healthy endpoint")} of ${name}`);
}

function checksPass({ destination }: MeshFacts): Finding {
  const name = JSON.stringify(destination.service);
  if (destination.elsewhere !== undefined && destination.elsewhere.peer !== "")
    return unknown(
      `how the checks of ${name} go is known at${placeOf(destination.elsewhere)}; its endpoints above are what it says of them`,
      ASK_THERE,
    );
  if (!destination.registered.known)
    return unknown(`Consul could not be asked for the checks of ${name}${reasonOf(destination.registered.problem)}`, "");
  const service = destination.registered.value;
  if (service === undefined || service.instances.length === 0)
    return failed(
      `${name} is not registered in Consul${destination.elsewhere === undefined ? "" : ` of${placeOf(destination.elsewhere)}`}`,
      `Is provider = "consul" in its service block? ${LOOK} says how registering goes.`,
    );
  const well = service.instances.filter((each) => each.status !== "critical");
  const [bad] = service.instances.filter((each) => each.status === "critical");
  if (well.length === 0)
    return failed(
      `every instance of ${name} is critical: ${bad?.failing[0] ?? "no check passes"}`,
      `drover service info ${destination.service}; drover alloc checks`,
    );
  return good(
    `${well.length} of ${count(service.instances.length, "instance")} of ${name} ${well.length === 1 ? "passes its" : "pass their"} checks`,
  );
}

/** " datacenter "dc2""; "": here. */
function placeOf(elsewhere: Elsewhere | undefined): string {
  if (elsewhere === undefined) return "";
  return elsewhere.peer === "" ? ` datacenter ${JSON.stringify(elsewhere.datacenter)}` : ` peer ${JSON.stringify(elsewhere.peer)}`;
}

/** What the first step says of all is not said again. */
const reasonOf = (problem: string): string => (/consul block/.test(problem) ? "" : `: ${problem}`);

function isReady(report: ProxyReport | undefined): boolean {
  return report !== undefined && report.Standing?.state === "LIVE" && report.Step === "ready";
}

function proxyProblem({ proxy }: AllocationFacts): string {
  if (!proxy.known) return `could not be asked: ${proxy.problem}`;
  if (proxy.value === undefined) return "is not there";
  const { Problem, Step, Standing } = proxy.value;
  if (Standing === null && Step === "ready") return `does not answer: ${Problem}`;
  if (Problem !== "") return `is not ready (${Step}): ${Problem}`;
  return `is not ready: ${Standing === null ? `it is at its ${Step}` : Standing.state === "LIVE" ? `it is at its ${Step}` : `it is ${Standing.state}`}`;
}

/** "api.default.dc1.internal.<domain>"; with a subset before it, or "~" where a proxy listens itself. */
function isClusterOf(cluster: string, service: string): boolean {
  const parts = cluster.split("~").at(-1)?.split(".") ?? [];
  return parts[0] === service || parts[1] === service;
}

function upstreamPlace(upstream: Upstream): string {
  if (upstream.LocalBindSocketPath !== "") return upstream.LocalBindSocketPath;
  return `${upstream.LocalBindAddress === "" ? "127.0.0.1" : upstream.LocalBindAddress}:${upstream.LocalBindPort}`;
}
function elsewhere(upstream: Upstream): string {
  if (upstream.DestinationPeer !== "") return `, of peer ${JSON.stringify(upstream.DestinationPeer)}`;
  return upstream.Datacenter === "" ? "" : `, in datacenter ${JSON.stringify(upstream.Datacenter)}`;
}

const short = (id: string): string => id.slice(0, 8);
const count = (many: number, one: string, several = `${one}s`): string => `${many} ${many === 1 ? one : several}`;
const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(", ");
function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
