/** The node link in an agent: a server listens for nodes; a node without a server in its agent finds one. gRPC is loaded only where it is used. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { ServedLink } from "#integrations/link";
import type { Clock, Link, LinkConnection, Random } from "#ports";
import type { RunningServer } from "#server";
import { NamedError } from "#std";
import type { Config } from "./config/mod.ts";
import type { AgentConsul } from "./consul.ts";
import { reporter, type AgentLog } from "./log.ts";

/** Listens for nodes. Rejects with NamedError LINK_LISTEN_FAILED when the port is taken. */
export async function openServedLink(needs: {
  readonly config: Config;
  readonly log: AgentLog;
  readonly server: RunningServer;
  /** Where this server's HTTP API is reached; nodes pass on to it what only servers answer. */
  readonly httpAddress: string;
}): Promise<ServedLink> {
  const { config, log, server, httpAddress } = needs;
  const { serveLink } = await import("#integrations/link");
  const served = await serveLink({
    accept: server.link,
    host: config.bind.rpc,
    port: config.ports.rpc,
    httpAddress,
    report: reporter(log, "link"),
  });
  log.write("DEBUG", "link", "listening for nodes", { address: served.address });
  if (!/^(127\.|::1$|localhost$)/.test(config.bind.rpc)) {
    log.write("WARN", "link", "nodes connect without TLS: whoever reaches this address can register a node and read along", {
      address: served.address,
      fix: "let only your own machines reach it, or bind it to a private network: addresses { rpc = … }",
    });
  }
  return served;
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
}

export async function openNodeLink(needs: {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
  readonly consul: AgentConsul | undefined;
}): Promise<NodeLink> {
  const { config, clock, random, log, consul } = needs;
  const { networkLink } = await import("#integrations/link");
  const named = config.client.servers;
  const discovers = consul !== undefined && config.consul?.clientAutoJoin === true;
  let known: readonly string[] = named;
  let serverHttp: string | undefined;
  const link = networkLink({
    clock,
    random,
    async servers() {
      // Those that were named are tried although Consul is away; with none named its failure is what the operator must read.
      const found = discovers ? await consul.servers().catch((error: unknown) => (named.length > 0 ? [] : Promise.reject(error))) : [];
      known = [...new Set([...named, ...found])];
      return known;
    },
    connected({ server, httpAddress }) {
      log.write("INFO", "link", "connected to a server", { server });
      serverHttp = httpAddress === "" ? undefined : `http://${httpAddress}`;
    },
  });
  let current: LinkConnection | undefined;
  const remembered: Link = {
    async connect(...words) {
      current = await link.connect(...words);
      return current;
    },
  };
  const verifyIdentity = async (token: string) => {
    if (current === undefined) throw new Error("no server has been reached yet");
    return current.verifyIdentity(token);
  };
  return { link: remembered, verifyIdentity, serverApi: () => openHttp(serverHttp), servers: () => known };
}

async function openHttp(address: string | undefined): Promise<Duplex> {
  if (address === undefined) throw new NamedError("LINK_REFUSED", "no server has been reached yet", { statusCode: 503 });
  const { hostname, port } = new URL(address);
  const connection = connect(Number(port), hostname.replace(/^\[(.*)\]$/, "$1"));
  await once(connection, "connect");
  return connection;
}
