/** The links in an agent: a server listens for nodes and servers; a node without a server in its agent finds one. gRPC is loaded only where it is used. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { LinkTls, NetworkLink, NetworkPeers, ServedLink } from "#integrations/link";
import { writeWhole } from "#integrations/host";
import type { Clock, Link, LinkConnection, PeerEnd, Random } from "#ports";
import type { Config } from "./config/mod.ts";
import type { AgentConsul } from "./consul.ts";
import { reporter, type AgentLog } from "./log.ts";

/** Listens for nodes, and for other servers where there may be some. Rejects with NamedError LINK_LISTEN_FAILED when the port is taken. */
export async function openServedLink(needs: {
  readonly config: Config;
  readonly log: AgentLog;
  readonly tls: LinkTls | undefined;
  readonly accept: () => Link | undefined;
  /** What other servers are answered; undefined: this server stands alone. */
  readonly peer: PeerEnd | undefined;
  /** Connections of nodes to this server's API. */
  readonly api: (connection: Duplex) => void;
  /** Where this server's HTTP API is reached: told to nodes. */
  readonly httpAddress: string;
}): Promise<ServedLink> {
  const { config, log, tls, accept, peer, api, httpAddress } = needs;
  const { serveLink } = await import("#integrations/link");
  const served = await serveLink({
    accept,
    host: config.bind.rpc,
    port: config.ports.rpc,
    httpAddress,
    api,
    connectionsPerClientMax: config.limits.rpcConnectionsPerClientMax,
    handshakeTimeoutMs: config.limits.rpcHandshakeTimeoutMs,
    upgradeMode: config.tls.rpcUpgradeMode,
    ...(tls === undefined ? {} : { tls }),
    ...(peer === undefined ? {} : { peer }),
    report: reporter(log, "link"),
  });
  log.write("DEBUG", "link", "listening for nodes", { address: served.address });
  return served;
}

export async function openPeers(needs: {
  readonly tls: LinkTls | undefined;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<NetworkPeers> {
  const { networkPeers } = await import("#integrations/link");
  const { tls, clock, random } = needs;
  return networkPeers({ clock, random, ...(tls === undefined ? {} : { tls }) });
}

/** A node's way to servers elsewhere. */
export interface NodeLink {
  readonly link: Link;
  /** A connection to the API of the server it is connected to. Rejects with LINK_REFUSED while it is connected to none. */
  readonly serverApi: () => Promise<Duplex>;
  /** Of a task on this node: judged by the servers. Rejects when there is no connection. */
  readonly verifyIdentity: (token: string) => Promise<boolean>;
  /** host:port of the servers it would try. */
  readonly servers: () => readonly string[];
  /** These and no others, until servers tell who they are; kept for the next start. */
  readonly setServers: (addresses: readonly string[]) => Promise<void>;
  reload(tls: LinkTls): void;
}

/** What the servers told last, or somebody set: more is known than what the configuration says. */
const KEPT = "servers.json";
const RPC_PORT = 4647;

export async function openNodeLink(needs: {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
  readonly tls: LinkTls | undefined;
  readonly consul: AgentConsul | undefined;
}): Promise<NodeLink> {
  const { config, clock, random, log, consul, tls } = needs;
  const { networkLink } = await import("#integrations/link");
  const named = config.client.servers;
  const path = join(config.client.stateDirectory, KEPT);
  const discovers = consul !== undefined && config.consul?.clientAutoJoin === true;
  const keep = (servers: readonly string[]): void => {
    try {
      mkdirSync(config.client.stateDirectory, { recursive: true, mode: 0o700 });
      writeWhole(path, `${JSON.stringify(servers)}\n`);
    } catch (error) {
      log.write("WARN", "link", "the list of servers could not be kept for the next start", { path, error });
    }
  };
  const link: NetworkLink = networkLink({
    clock,
    random,
    ...(tls === undefined ? {} : { tls }),
    async servers() {
      const kept = keptServers(path);
      const known = [...named, ...kept];
      // Those that were named are tried although Consul is away; with none known its failure is what the operator must read.
      const found = discovers ? await consul.servers().catch((error: unknown) => (known.length > 0 ? [] : Promise.reject(error))) : [];
      return [...new Set([...known, ...found])];
    },
    connected: ({ server }) => log.write("INFO", "link", "connected to a server", { server }),
    serversChanged: keep,
  });
  let current: LinkConnection | undefined;
  const remembered: Link = {
    async connect(...words) {
      current = await link.connect(...words);
      return current;
    },
  };
  return {
    link: remembered,
    async verifyIdentity(token) {
      if (current === undefined) throw new Error("no server has been reached yet");
      return current.verifyIdentity(token);
    },
    serverApi: () => link.openApi(),
    servers: () => [...new Set([...link.known(), ...named])],
    async setServers(addresses) {
      const servers = addresses.map((each) => (/:\d+$/.test(each) && !/^\[[^\]]*\]$/.test(each) ? each : `${each}:${RPC_PORT}`));
      keep(servers);
      link.setServers(servers);
      log.write("INFO", "link", "the servers were set", { servers: servers.join(" ") });
    },
    reload: (renewed) => link.reload(renewed),
  };
}

function keptServers(path: string): readonly string[] {
  try {
    const kept: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : [];
  } catch {
    // The first start; or a disk that lost it: what is configured will do.
    return [];
  }
}
