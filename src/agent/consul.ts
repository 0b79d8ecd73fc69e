/** Everything of the agent that stands on `consul { … }`: made once, given to the rooms by wire.ts. */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  consulCatalog,
  consulConnection,
  consulFingerprint,
  consulMesh,
  consulServers,
  consulThings,
  consulTokens,
  type ConsulConnection,
} from "#integrations/consul";
import type { Catalog, Clock, FingerprintSource, Mesh, Random, ThingSource, TokenExchange } from "#ports";
import type { Config, ConsulConfig, TemplateConfig } from "./config/mod.ts";
import { agentServices, keepRegistered, type AgentPresence, type ConsulRegistration } from "./consul-registration.ts";
import type { AgentLog } from "./log.ts";

export interface AgentConsul {
  readonly connection: ConsulConnection;
  readonly fingerprint: FingerprintSource;
  /** Of a node's allocations. */
  catalog(nodeId: string): Catalog;
  /** undefined where workloads are given no identity: the agent's own token is used for services then. */
  readonly tokens: TokenExchange | undefined;
  /** What templates look at. */
  readonly things: ThingSource;
  /** Who may talk to whom, and where proxies are told what to do. */
  readonly mesh: Mesh;
  /** host:port of servers' node links (4647), as the catalog says now. */
  readonly servers: () => Promise<readonly string[]>;
  /** Last of all. */
  close(): void;
}

export function openConsul(consul: ConsulConfig, template: TemplateConfig): AgentConsul {
  const connection = consulConnection({ ...consul, token: consul.token.reveal(), auth: consul.auth.reveal() });
  const identified = consul.serviceIdentity !== null || consul.taskIdentity !== null;
  return {
    connection,
    fingerprint: consulFingerprint(connection),
    catalog: (nodeId) => consulCatalog({ connection, owner: nodeId }),
    tokens: identified
      ? consulTokens({ connection, methods: { service: consul.serviceAuthMethod, task: consul.taskAuthMethod } })
      : undefined,
    things: consulThings({ connection, waitMs: template.blockQueryWaitMs, maxStaleMs: template.maxStaleMs }),
    mesh: consulMesh({
      connection,
      grpcAddress: consul.grpcAddress,
      grpcCaFile: consul.grpcCaFile,
      caFile: consul.tls.caFile,
      ...(consul.shareTls ? { shared: consul.tls } : {}),
    }),
    servers: consulServers(connection, consul.serverServiceName),
    close: () => connection.close(),
  };
}

export interface AdvertiseNeeds {
  readonly config: Config;
  readonly connection: ConsulConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
  /** Where the API listens: "127.0.0.1:4646". */
  readonly httpAddresses: readonly string[];
  /** Where nodes connect to the server; undefined: nobody listens. */
  readonly rpcAddress: string | undefined;
  /** What runs in this agent. */
  readonly runs: { readonly server: boolean; readonly client: boolean };
}

/** The agent makes itself known (auto_advertise); undefined where that is switched off. Close it before the API. */
export function advertiseAgent(needs: AdvertiseNeeds): ConsulRegistration | undefined {
  const { config, connection, clock, random, log } = needs;
  const { consul } = config;
  if (consul === null || !consul.autoAdvertise) return undefined;
  const presence = presenceOf(needs, agentOwner(config, needs.httpAddresses));
  return keepRegistered({
    catalog: consulCatalog({ connection, owner: presence.owner }),
    wanted: () => agentServices(consul, presence),
    clock,
    random,
    report: (level, message, fields) => log.write(level === "warn" ? "WARN" : "INFO", "consul", message, fields),
  });
}

function presenceOf({ config, httpAddresses, rpcAddress, runs }: AdvertiseNeeds, owner: string): AgentPresence {
  const { advertise } = config;
  const bound = boundOf(httpAddresses);
  const http = { advertised: withPort(advertise.http, bound), bound };
  const rpc = { advertised: withPort(advertise.rpc, rpcAddress ?? ""), bound: rpcAddress ?? "" };
  // Gossip comes with clusters: until then nobody listens there, and nobody is asked to look.
  const serf = { advertised: advertise.serf, bound: "" };
  return { owner, httpsOnly: false, server: runs.server ? { http, rpc, serf } : undefined, client: runs.client ? { http } : undefined };
}

function boundOf(httpAddresses: readonly string[]): string {
  return httpAddresses.find((each) => !each.startsWith("unix:")) ?? "";
}

/** With `port = 0` only who listens knows the port. */
export function withPort(advertised: string, bound: string): string {
  return advertised.endsWith(":0") && bound !== "" ? advertised.replace(/0$/, bound.slice(bound.lastIndexOf(":") + 1)) : advertised;
}

/**
 * Whose registrations these are, the same after a restart. A dev agent has no disk of its own: it is the one of this name and port, so that
 * one that was killed is replaced by the next, and two that were given any free port are two (F29).
 */
export function agentOwner(
  { dev, name, advertise, dataDirectory }: Pick<Config, "dev" | "name" | "advertise" | "dataDirectory">,
  httpAddresses: readonly string[],
): string {
  const http = withPort(advertise.http, boundOf(httpAddresses));
  if (dev) return `agent-dev-${createHash("sha256").update(`${name} ${http}`).digest("hex").slice(0, 16)}`;
  const path = join(dataDirectory, "agent-id");
  try {
    const kept = readFileSync(path, "utf8").trim();
    if (/^[\w-]{8,64}$/.test(kept)) return `agent-${kept}`;
  } catch {
    // The first start.
  }
  const made = randomUUID();
  mkdirSync(dataDirectory, { recursive: true });
  writeFileSync(path, `${made}\n`, { mode: 0o600, flush: true });
  return `agent-${made}`;
}
