/**
 * The parts list of one agent: who is given what, in which order. Started in order, closed in reverse; whatever was opened is closed again when
 * a later part fails. Which maker stands behind which window: cluster.ts, open-server.ts, open-client.ts.
 */
import { accessThroughServer, createApi, type Api, type ListenAddress } from "#api/server";
import type { Client } from "#client";
import { createHostClock, createHostRandom } from "#integrations/host";
import { createMemoryLink } from "#integrations/memory";
import type { NodeServices } from "#ports";
import type { RunningServer } from "#server";
import { openCluster } from "./cluster.ts";
import type { Others } from "./cluster-contract.ts";
import type { Config } from "./config/mod.ts";
import { advertiseAgent, openConsul, withPort } from "./consul.ts";
import { openDns } from "./dns.ts";
import { agentFacts } from "./facts.ts";
import { openNodeLink, openServedLink, type NodeLink } from "./link.ts";
import { openClient } from "./open-client.ts";
import { openServer } from "./open-server.ts";
import type { AgentSurroundings, Parts } from "./parts.ts";
import { readTls, type AgentTls } from "./tls.ts";
import { watchExpiry } from "./tls-expiry.ts";
import { openVault } from "./vault.ts";

export interface RunningAgent {
  /** Where the HTTP API listens: "127.0.0.1:4646". */
  readonly httpAddresses: readonly string[];
  /** Where nodes connect: "127.0.0.1:4647"; undefined without a server. */
  readonly rpcAddress: string | undefined;
  readonly server: RunningServer | undefined;
  readonly client: Client | undefined;
  /** Certificates are read again, from the files of this configuration. */
  reload(config: Config): Promise<void>;
  /** stopTasks: the dev agent takes everything with it. leaves: the other servers are told that this one goes for good. */
  close(how: { readonly stopTasks: boolean; readonly leaves?: boolean }): Promise<void>;
}

export async function startAgent(config: Config, surroundings: AgentSurroundings): Promise<RunningAgent> {
  const parts: Parts = { ...surroundings, config, clock: createHostClock({ keepAlive: true }), random: createHostRandom() };
  const opened: (() => Promise<void> | void)[] = [];
  let stopTasks = false;
  let leaves = false;
  const closeAll = async (): Promise<void> => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    const tls = readTls(config);
    const expiry = await watchExpiry(tls, parts);
    opened.push(async () => expiry?.close());
    const consul = config.consul === null ? undefined : openConsul(config.consul, config.client.template);
    if (consul !== undefined) opened.push(() => consul.close());
    const vault = config.vault === null ? undefined : openVault(config.vault, config.client.template.vaultDefaultLeaseMs);
    if (vault !== undefined) opened.push(() => vault.close());
    // The lock on the data directory first (the log's), then the port, then tasks: a second agent touches nothing.
    const servers = config.server.enabled ? await openCluster({ parts, tls: tls.link, consul }) : undefined;
    if (servers !== undefined) opened.push(() => servers.close({ leaves }));
    const server = servers === undefined ? undefined : await openServer(parts, servers, consul);
    if (server !== undefined) opened.push(() => server.close());

    const nodeLink = config.client.enabled && server === undefined ? await openNodeLink({ ...parts, tls: tls.link, consul }) : undefined;
    let client: Client | undefined;
    const api = openApi({ parts, tls, server, others: servers?.others, nodeLink, client: () => client });
    opened.push(() => api.close());
    const httpAddresses = (await api.listen(listenAddresses(config))).map(addressText);
    const httpAddress = httpAddresses[0] ?? config.advertise.http;
    const served =
      server === undefined
        ? undefined
        : await openServedLink({
            ...parts,
            tls: tls.link,
            accept: () => server.link,
            peer: servers?.others?.peerEnd(server, api),
            api: (connection) => api.connect(connection),
            httpAddress: withPort(config.advertise.http, httpAddress),
          });
    if (served !== undefined) {
      opened.push(() => served.close());
      await servers?.others?.begin(served);
    }

    const link = server === undefined ? nodeLink?.link : createMemoryLink(server.ownLink);
    if (config.client.enabled && link !== undefined) {
      const dns = await openDns({ config: config.client.dns, log: parts.log, random: parts.random, node: () => client?.node() });
      if (dns !== undefined) opened.push(() => dns.close());
      const running = await openClient(parts, { link, httpAddress, taskSockets: api.taskSockets, dns, consul, vault });
      client = running;
      opened.push(() => running.close({ stopTasks }));
    }
    if (consul !== undefined) {
      const runs = { server: server !== undefined, client: client !== undefined };
      const advertised = advertiseAgent({ ...parts, connection: consul.connection, httpAddresses, rpcAddress: served?.address, runs });
      if (advertised !== undefined) opened.push(() => advertised.close());
    }
    return {
      httpAddresses,
      rpcAddress: served?.address,
      server,
      client,
      async reload(next) {
        const renewed = readTls(next);
        if (renewed.http !== undefined) api.renewTls(renewed.http);
        if (renewed.link !== undefined) {
          served?.reload(renewed.link);
          nodeLink?.reload(renewed.link);
          await servers?.others?.reload(renewed.link);
        }
        expiry?.renew(renewed);
      },
      async close(how) {
        stopTasks = how.stopTasks;
        leaves = how.leaves === true;
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

interface ApiNeeds {
  readonly parts: Parts;
  readonly tls: AgentTls;
  readonly server: RunningServer | undefined;
  readonly others: Others | undefined;
  readonly nodeLink: NodeLink | undefined;
  readonly client: () => Client | undefined;
}

function openApi({ parts, tls, server, others, nodeLink, client }: ApiNeeds): Api {
  const { config, clock, random, log, environment } = parts;
  return createApi({
    server: server ?? null,
    cluster: server?.cluster ?? null,
    localNode: localNode(client),
    ...(nodeLink === undefined
      ? {}
      : {
          serverApi: nodeLink.serverApi,
          verifyIdentity: nodeLink.verifyIdentity,
          ...(config.acl.enabled ? { access: accessThroughServer(nodeLink.serverApi, clock) } : {}),
        }),
    ...(others === undefined ? {} : { peerApi: (address) => others.peers.at(address).openApi(), membership: others.membership }),
    tls: tls.http ?? null,
    agent: agentFacts({
      config,
      log,
      server,
      client,
      serverAddresses: nodeLink?.servers,
      setServerAddresses:
        nodeLink &&
        (async (addresses) => {
          await nodeLink.setServers(addresses);
          client()?.serversChanged();
        }),
      environment,
      startedAtMs: clock.nowMs(),
    }),
    clock,
    random,
    region: config.region,
    datacenter: config.datacenter,
    responseHeaders: config.httpHeaders,
    prometheus: config.telemetry.prometheus,
    debug: config.enableDebug,
    publish: { node: config.telemetry.publishNodeMetrics, allocations: config.telemetry.publishAllocationMetrics },
    connectionsPerClientMax: config.httpConnectionsPerClientMax,
    hostNames: [config.name],
    onFault: ({ method, path, error }) => log.write("ERROR", "http", "request failed", { method, path, error }),
    onAnswered: ({ method, path, status, durationMs }) => {
      log.write("DEBUG", "http", "request complete", { method, path, status, duration: `${Math.max(0, Math.round(durationMs))}ms` });
    },
  });
}

/** The API listens before the node runs; until then the node has no id and nothing to ask. */
function localNode(client: () => Client | undefined): { readonly id: string; readonly services: NodeServices } | null {
  return {
    get id() {
      return client()?.nodeId ?? "";
    },
    get services() {
      return client()?.services as NodeServices;
    },
  };
}

function listenAddresses(config: Config): readonly ListenAddress[] {
  return config.bind.http.map((host) => ({ host, port: config.ports.http }));
}

function addressText(address: ListenAddress): string {
  if ("path" in address) return `unix://${address.path}`;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
