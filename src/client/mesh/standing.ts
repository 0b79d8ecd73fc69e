/**
 * What is to be said, and done, of one proxy by what was last seen of it. Pure: time and sights are arguments.
 *
 *   coming up ──LIVE, certificate, listeners──► ready ──something is wrong for long, and Consul answers──► stale: replaced
 *       │                                        ▲ │
 *       │ nothing comes though Consul answers    │ └── Consul is away, or the like: serves on with what it last had
 *       └──► stale                               └──── seen well again
 *
 * A proxy that Consul does not talk to serves on with its last configuration; a new one in its place would have none. So nothing is replaced unless
 * Consul is known to answer (F35), and each replacement of the same proxy waits longer than the one before.
 */
import type { ProxyReport, ProxyStanding } from "#ports";
import type { FollowedProxy } from "../contract.ts";

export interface Sight {
  readonly atMs: number;
  /** undefined: it does not answer; `problem` says how. */
  readonly standing: ProxyStanding | undefined;
  readonly problem: string;
  /** Consul takes streams now: it took one of another proxy here, or a connection. */
  readonly consulAnswers: boolean;
}

/** Since when; 0: not so. */
export interface Memory {
  readonly followedAtMs: number;
  readonly silentMs: number;
  readonly strandedMs: number;
  readonly drainingMs: number;
  readonly lackingMs: number;
  /** It was whole once. */
  readonly wasReady: boolean;
  /** LIVE, but not whole. */
  readonly liveMs: number;
}

export interface Judgement {
  readonly memory: Memory;
  readonly ready: boolean;
  readonly step: ProxyReport["Step"];
  readonly problem: string;
  /** Start it anew, for this reason; "": leave it alone. */
  readonly replace: string;
}

export const SILENT_MAX_MS = 20_000;
/** With what comes before it (a silence that the proxy notices, our own look) less than a minute (F35). */
export const STRANDED_MAX_MS = 25_000;
const DRAINING_MAX_MS = 15_000;
/** From its first configuration to the rest of it. */
const LACKING_MAX_MS = 40_000;
const CERTIFICATE_LEFT_MIN_MS = 10 * 60_000;
/** Consul has the next one made after nine tenths of a certificate's life at the latest, however short that is. */
const CERTIFICATE_LEFT_MIN_SHARE = 0.05;
/** What an upstream's listener waits for may not come for long (a peer that is away): the others serve. */
const UPSTREAMS_WAIT_MS = 20_000;

export function newMemory(nowMs: number): Memory {
  return { followedAtMs: nowMs, silentMs: 0, strandedMs: 0, drainingMs: 0, lackingMs: 0, wasReady: false, liveMs: 0 };
}

export function judge(
  proxy: Pick<FollowedProxy, "kind" | "listenersWanted">,
  before: Memory,
  { atMs, standing, problem, consulAnswers }: Sight,
): Judgement {
  const since = (is: boolean, then: number): number => (is ? then || atMs : 0);
  const lack = standing === undefined ? undefined : lacking(proxy, standing);
  const memory: Memory = {
    ...before,
    silentMs: since(standing === undefined, before.silentMs),
    // What is not known is not held against it.
    strandedMs: since(standing?.stream.connected === false && consulAnswers, before.strandedMs),
    drainingMs: since(standing?.state === "DRAINING", before.drainingMs),
    lackingMs: since(lack !== undefined && consulAnswers, before.lackingMs),
    liveMs: since(standing?.state === "LIVE", before.liveMs),
  };
  if (standing === undefined) {
    const reason = long(memory.silentMs, atMs, SILENT_MAX_MS) && consulAnswers ? `it has not answered for ${SILENT_MAX_MS / 1e3} s` : "";
    return { memory, ready: false, step: before.wasReady ? "ready" : "bootstrap", problem, replace: reason };
  }
  const bare = lack !== undefined && lack.essential;
  const patient = lack !== undefined && !lack.essential && long(memory.liveMs, atMs, UPSTREAMS_WAIT_MS);
  const ready = standing.state === "LIVE" && !bare && (lack === undefined || patient || before.wasReady);
  const step = ready ? "ready" : (lack?.step ?? "listener");
  const shown = [
    ...(lack === undefined ? [] : [lack.problem]),
    ...(standing.state === "LIVE" ? [] : [`it is ${standing.state}`]),
    ...(standing.stream.connected ? [] : ["it has no stream to Consul"]),
    ...(standing.stream.rejected > 0 ? [`it refused ${standing.stream.rejected} updates of Consul's`] : []),
  ].join("; ");
  return {
    memory: { ...memory, wasReady: before.wasReady || ready },
    ready,
    step,
    problem: shown,
    replace: consulAnswers ? wrong(memory, standing, lack, atMs) : "",
  };
}

function wrong(memory: Memory, standing: ProxyStanding, lack: Lack | undefined, atMs: number): string {
  if (long(memory.strandedMs, atMs, STRANDED_MAX_MS))
    return `it has had no stream to Consul for ${STRANDED_MAX_MS / 1e3} s, though Consul answers`;
  if (long(memory.drainingMs, atMs, DRAINING_MAX_MS)) return "it turns connections away (DRAINING), and nobody asked it to";
  const { expiresAtMs = Number.POSITIVE_INFINITY, issuedAtMs = Number.NEGATIVE_INFINITY } = standing.certificate ?? {};
  const left = expiresAtMs - atMs;
  if (left <= 0) return "its certificate has expired";
  const overdue = left < Math.min(CERTIFICATE_LEFT_MIN_MS, (expiresAtMs - issuedAtMs) * CERTIFICATE_LEFT_MIN_SHARE);
  // One that has just begun gets a new one with its first configuration.
  if (overdue && atMs - memory.followedAtMs > STRANDED_MAX_MS)
    return `its certificate ends in ${Math.ceil(left / 60_000)} min, and no other came`;
  if (lack?.essential === true && long(memory.lackingMs, atMs, LACKING_MAX_MS)) return `for ${LACKING_MAX_MS / 1e3} s ${lack.problem}`;
  return "";
}

interface Lack {
  readonly step: "certificate" | "listener";
  readonly problem: string;
  /** Without it nothing of the proxy is of use. */
  readonly essential: boolean;
}

/** What it has not got yet; undefined: it is whole. Of a gateway what it serves may be nothing yet, and it is well. */
function lacking({ kind, listenersWanted }: Pick<FollowedProxy, "kind" | "listenersWanted">, standing: ProxyStanding): Lack | undefined {
  if (kind !== "connect-proxy") {
    if (standing.stream.updates > 0) return undefined;
    return { step: "certificate", problem: "it has had no configuration from Consul", essential: true };
  }
  if (standing.certificate === null) return { step: "certificate", problem: "it has no certificate", essential: true };
  // Its author's own have no address in their name.
  const listeners = standing.listeners.filter((each) => each.name.includes(":") && !each.name.startsWith("exposed_path_"));
  if (listenersWanted > 0 && !listeners.some((each) => each.name.startsWith("public_listener")))
    return { step: "listener", problem: "it has no listener for its service", essential: true };
  if (listeners.length >= listenersWanted) return undefined;
  const problem = `it has ${listeners.length} of ${listenersWanted} listeners (${listeners.map((each) => each.name.split(":")[0]).join(", ")})`;
  return { step: "listener", problem, essential: false };
}

function long(sinceMs: number, nowMs: number, maxMs: number): boolean {
  return sinceMs > 0 && nowMs - sinceMs >= maxMs;
}

const REPLACE_FIRST_MS = 60_000;
const REPLACE_MAX_MS = 15 * 60_000;

/** How long after its n-th replacement a proxy is left alone, whatever is wrong with it. The first comes at once. */
export function restAfter(replacements: number): number {
  return Math.min(REPLACE_FIRST_MS * 2 ** Math.max(0, replacements - 1), REPLACE_MAX_MS);
}
