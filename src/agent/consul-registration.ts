/**
 * The agent itself in Consul: its server as `nomad` (tags http, rpc, serf), its node as `nomad-client` (tag http), kept true while it runs
 * and taken out when it stops. nomad.md §5.4 consul { auto_advertise }.
 *
 * What is registered hangs on the agent's own id, never on an address: one that moved is replaced (F32), and what an agent that was killed
 * left behind is found by its owner and nobody else's touched (F29).
 */
import { createHash } from "node:crypto";
import type { AllocationId } from "#model";
import { catalogDigest, type Catalog, type CheckInstance, type Clock, type Random, type ServiceInstance, type Timer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { ConsulConfig } from "./config/mod.ts";

/** What the agent is and where others reach it; host:port. undefined: it is not that, or does not listen there. */
export interface AgentPresence {
  /** The same after a restart. */
  readonly owner: string;
  readonly server: { readonly http: Place; readonly rpc: Place; readonly serf: Place } | undefined;
  readonly client: { readonly http: Place } | undefined;
  readonly httpsOnly: boolean;
}

export interface Place {
  /** As others are told. */
  readonly advertised: string;
  /** As this machine's Consul reaches it. "": nothing listens there (yet), so it is not checked. */
  readonly bound: string;
}

/** Pure. */
export function agentServices(consul: ConsulConfig, { owner, server, client, httpsOnly }: AgentPresence): readonly ServiceInstance[] {
  if (!consul.autoAdvertise) return [];
  const { checkNames, checksUseAdvertise, serverFailures, clientFailures } = consul;
  const service = (role: "server" | "client", tag: string, place: Place, check: { readonly name: string; readonly path: string }) => {
    const ID = `_nomad-${role}-${shortHash(`${owner} ${role} ${tag}`)}`;
    const checked = checksUseAdvertise ? place.advertised : place.bound;
    const checks =
      place.bound === "" ? [] : [checkInstance(ID, checked, check, httpsOnly, role === "server" ? serverFailures : clientFailures)];
    const name = role === "server" ? consul.serverServiceName : consul.clientServiceName;
    return serviceInstance(ID, name, [tag, ...consul.tags], place.advertised, checks);
  };
  return [
    ...(server === undefined
      ? []
      : [
          service("server", "http", server.http, { name: checkNames.serverHttp, path: "/v1/agent/health?type=server" }),
          service("server", "rpc", server.rpc, { name: checkNames.serverRpc, path: "" }),
          service("server", "serf", server.serf, { name: checkNames.serverSerf, path: "" }),
        ]),
    ...(client === undefined
      ? []
      : [service("client", "http", client.http, { name: checkNames.clientHttp, path: "/v1/agent/health?type=client" })]),
  ];
}

function serviceInstance(
  ID: string,
  Name: string,
  Tags: readonly string[],
  advertised: string,
  Checks: readonly CheckInstance[],
): ServiceInstance {
  const { host, port } = placeOf(advertised);
  return {
    ID,
    Provider: "consul",
    Name,
    AllocationID: "" as AllocationId,
    Task: "",
    Tags,
    Meta: {},
    Address: host,
    Port: port,
    TaggedAddresses: {},
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    Kind: "",
    Checks,
  };
}

/** An HTTP look at a path, or, without one, a connection. */
function checkInstance(
  ServiceID: string,
  place: string,
  { name, path }: { readonly name: string; readonly path: string },
  httpsOnly: boolean,
  failures: ConsulConfig["serverFailures"],
): CheckInstance {
  const { host, port } = placeOf(place);
  return {
    ID: `_nomad-check-${shortHash(ServiceID)}`,
    ServiceID,
    Name: name,
    Type: path === "" ? "tcp" : "http",
    Address: reachable(host),
    Port: port,
    Protocol: httpsOnly ? "https" : "http",
    Path: path,
    Method: "GET",
    Header: {},
    Body: "",
    Command: "",
    Args: [],
    Task: "",
    IntervalNs: 10e9,
    TimeoutNs: 3e9,
    // It answers already when it registers itself: others find it at once.
    InitialStatus: "passing",
    OnUpdate: "require_healthy",
    SuccessBeforePassing: 0,
    FailuresBeforeCritical: failures.beforeCritical,
    FailuresBeforeWarning: failures.beforeWarning,
    TlsServerName: "",
    // Its certificate names a role (server.<region>.nomad), not this address.
    TlsSkipVerify: httpsOnly,
    GrpcService: "",
    GrpcUseTls: false,
    Notes: "",
    Restart: null,
  };
}

function placeOf(place: string): { readonly host: string; readonly port: number } {
  const at = place.lastIndexOf(":");
  return { host: place.slice(0, at).replaceAll(/^\[|\]$/g, ""), port: Number(place.slice(at + 1)) };
}

/** "All addresses" is no address to connect to. */
function reachable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}

export interface ConsulRegistrationNeeds {
  /** This owner's own: nothing else is registered through it. */
  readonly catalog: Catalog;
  /** Asked every time: addresses may change. */
  readonly wanted: () => readonly ServiceInstance[];
  readonly clock: Clock;
  readonly random: Random;
  /** Once for each kind of trouble, and once when it is over. */
  readonly report: (level: "info" | "warn", message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

export interface ConsulRegistration {
  /** Something may have changed. */
  nudge(): void;
  /** Takes out what it put in; does not wait for a Consul that is silent longer than its own limit. */
  close(): Promise<void>;
}

const AT_REST_MS = 30_000;
const IN_TROUBLE_MS = 5_000;

/** Begins at once, in the background: an agent starts without Consul (F33). */
export function keepRegistered({ catalog, wanted, clock, random, report }: ConsulRegistrationNeeds): ConsulRegistration {
  let timer: Timer | undefined;
  let closed = false;
  let trouble: Trouble | undefined;
  let running = Promise.resolve();

  const pass = async (): Promise<void> => {
    if (closed) return;
    timer?.cancel();
    let problem: Trouble | undefined;
    try {
      await makeTrue(catalog, wanted());
    } catch (thrown) {
      problem = troubleOf(thrown);
    }
    if (problem !== undefined && trouble?.kind !== problem.kind)
      report("warn", "cannot register this agent in Consul, trying on", { problem: problem.text });
    if (problem === undefined && trouble !== undefined) report("info", "this agent is registered in Consul again");
    trouble = problem;
    if (!closed) timer = clock.after((problem === undefined ? AT_REST_MS : IN_TROUBLE_MS) * (0.9 + random.fraction() / 5), step);
  };
  const step = (): void => {
    running = running.then(pass);
  };
  step();
  return {
    nudge: step,
    async close() {
      closed = true;
      timer?.cancel();
      await running;
      await makeTrue(catalog, []).catch((thrown: unknown) => {
        report("warn", "this agent stays in Consul: it could not be taken out", { problem: messageOf(thrown) });
      });
    },
  };
}

interface Trouble {
  /** Of another kind it is told anew: who mended the connection learns what is wrong with the token. */
  readonly kind: string;
  readonly text: string;
}

function troubleOf(thrown: unknown): Trouble {
  if (!(thrown instanceof NamedError)) return { kind: "", text: messageOf(thrown) };
  return { kind: thrown.code, text: thrown.fix === undefined ? thrown.message : `${thrown.message} (${thrown.fix})` };
}

async function makeTrue(catalog: Catalog, wanted: readonly ServiceInstance[]): Promise<void> {
  const owned = await catalog.owned();
  const ids = new Set(wanted.map((each) => each.ID));
  for (const id of owned.keys()) if (!ids.has(id)) await catalog.deregister(id, "");
  for (const instance of wanted) {
    if (owned.get(instance.ID)?.digest !== catalogDigest(instance)) await catalog.register(instance, "");
  }
}
