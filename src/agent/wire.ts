/**
 * The parts list of one agent: which maker stands behind which window, and who is given what. Started in order, closed in
 * reverse; whatever was opened is closed again when a later part fails.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createApi, type Api, type ListenAddress } from "#api/server";
import { startClient, networkFingerprint, CLIENT_DEFAULTS, type Client } from "#client";
import { openRecordedLog, startCluster, type Cluster } from "#cluster";
import {
  createHostClock,
  createHostRandom,
  diskKeyEncryption,
  execDriver,
  hostClientStore,
  hostDisk,
  hostMachine,
  hostProbe,
  hostSealingKey,
  hostTunnels,
  keptTaskLogs,
  openSnapshotStore,
  openSqliteLog,
  ownerLabel,
  rawExecDriver,
} from "#integrations/host";
import { dockerDriver } from "#integrations/docker";
import { envoyFingerprint, envoyProxies } from "#integrations/envoy";
import { createMemoryLink, mockDevices, mockDriver } from "#integrations/memory";
import type { Clock, Driver, FingerprintSource, Link, NodeServices, Random, TaskSockets, ThingSource } from "#ports";
import { startServer, type RunningServer } from "#server";
import { VERSION } from "#std";
import { HOST_VARIABLES_DENIED } from "#task";
import { createRenderer, type NodeAddress } from "#template";
import { hostNetworksOf, type Config } from "./config/mod.ts";
import { advertiseAgent, openConsul, withPort, type AgentConsul } from "./consul.ts";
import { makerDisk } from "./maker-disk.ts";
import { type AgentDns, openDns, resolvConfFor } from "./dns.ts";
import { agentFacts, SCHEDULER_WORKERS_DEFAULT } from "./facts.ts";
import { killPointFrom } from "./kill-point.ts";
import { openNodeLink, openServedLink, type NodeLink } from "./link.ts";
import { reporter, type AgentLog } from "./log.ts";
import { agentNetworks } from "./networks.ts";
import { releaseParts } from "./release.ts";
import { openVault, type AgentVault } from "./vault.ts";

export interface RunningAgent {
  /** Where the HTTP API listens: "127.0.0.1:4646". */
  readonly httpAddresses: readonly string[];
  /** Where nodes connect: "127.0.0.1:4647"; undefined without a server. */
  readonly rpcAddress: string | undefined;
  readonly server: RunningServer | undefined;
  readonly client: Client | undefined;
  /** stopTasks: the dev agent takes everything with it. */
  close(how: { readonly stopTasks: boolean }): Promise<void>;
}

export interface AgentSurroundings {
  readonly log: AgentLog;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What every part is given. */
interface Parts extends AgentSurroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
}

export async function startAgent(config: Config, surroundings: AgentSurroundings): Promise<RunningAgent> {
  const parts: Parts = { ...surroundings, config, clock: createHostClock({ keepAlive: true }), random: createHostRandom() };
  const opened: (() => Promise<void> | void)[] = [];
  let stopTasks = false;
  const closeAll = async (): Promise<void> => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    const consul = config.consul === null ? undefined : openConsul(config.consul, config.client.template);
    if (consul !== undefined) opened.push(() => consul.close());
    const vault = config.vault === null ? undefined : openVault(config.vault, config.client.template.vaultDefaultLeaseMs);
    if (vault !== undefined) opened.push(() => vault.close());
    // The lock on the data directory first (the log's), then the port, then tasks: a second agent touches nothing.
    const cluster = config.server.enabled ? await openCluster(parts) : undefined;
    if (cluster !== undefined) opened.push(() => cluster.close());
    const server = cluster === undefined ? undefined : await openServer(parts, cluster, consul);
    if (server !== undefined) opened.push(() => server.close());

    const nodeLink = config.client.enabled && server === undefined ? await openNodeLink({ ...parts, consul }) : undefined;
    let client: Client | undefined;
    const api = openApi(parts, server, () => client, nodeLink);
    opened.push(() => api.close());
    const httpAddresses = (await api.listen(listenAddresses(config))).map(addressText);
    const httpAddress = httpAddresses[0] ?? config.advertise.http;
    const served =
      server === undefined
        ? undefined
        : await openServedLink({ ...parts, server, httpAddress: withPort(config.advertise.http, httpAddress) });
    if (served !== undefined) opened.push(() => served.close());

    const link = server === undefined ? nodeLink?.link : createMemoryLink(server.link);
    if (config.client.enabled && link !== undefined) {
      const dns = await openDns({ config: config.client.dns, log: parts.log, random: parts.random, node: () => client?.node() });
      if (dns !== undefined) opened.push(() => dns.close());
      const running = await openClient(parts, {
        link,
        httpAddress,
        taskSockets: api.taskSockets,
        dns,
        consul,
        vault,
      });
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
      async close(how) {
        stopTasks = how.stopTasks;
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openCluster({ config, clock, random, log }: Parts): Promise<Cluster> {
  const directory = config.server.dataDirectory;
  const workerUrl = releaseParts().sqliteLogWorker;
  const opened = await openRecordedLog({
    disk: makerDisk(directory),
    dataDir: directory,
    wanted: "sqlite",
    open: () =>
      openSqliteLog({ path: join(directory, "log.sqlite"), clusterId: random.uuid(), ...(workerUrl === undefined ? {} : { workerUrl }) }),
  });
  try {
    return await startCluster({
      log: opened,
      snapshots: openSnapshotStore(join(directory, "snapshots")),
      clock,
      random,
      address: config.advertise.rpc,
      warn: (message) => log.write("WARN", "cluster", message),
      firstConfiguration: config.server.scheduler,
    });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function openServer({ config, clock, random, log }: Parts, cluster: Cluster, consul: AgentConsul | undefined): Promise<RunningServer> {
  const { server } = config;
  return startServer({
    cluster,
    clock,
    random,
    report: reporter(log, "server"),
    admission: {
      defaultNamespace: "default",
      defaultRegion: config.region,
      priorityDefault: server.jobPriorityDefault,
      priorityMax: server.jobPriorityMax,
      countMax: server.jobCountMax,
      sourceBytesMax: server.jobSourceBytesMax,
      ...(config.consul === null
        ? {}
        : { consul: { serviceIdentity: config.consul.serviceIdentity, taskIdentity: config.consul.taskIdentity } }),
      ...(config.vault === null ? {} : { vault: { defaultIdentity: config.vault.defaultIdentity } }),
      templateFunctionsDenied: config.client.template.functionsDenied,
    },
    ...(consul === undefined ? {} : { mesh: consul.mesh }),
    workers: server.schedulers ?? SCHEDULER_WORKERS_DEFAULT,
    garbage: {
      intervalMs: server.jobIntervalMs,
      jobThresholdMs: server.jobThresholdMs,
      evaluationThresholdMs: server.evaluationThresholdMs,
      batchEvaluationThresholdMs: server.batchEvaluationThresholdMs,
      deploymentThresholdMs: server.deploymentThresholdMs,
      nodeThresholdMs: server.nodeThresholdMs,
    },
    rejections: server.rejections,
    heartbeats: {
      ttlMinMs: server.heartbeatTtlMinMs,
      graceMs: server.heartbeatGraceMs,
      heartbeatsPerSecondMax: server.heartbeatsPerSecondMax,
    },
    keyEncryption: diskKeyEncryption({ folder: join(server.dataDirectory, "keystore") }),
    keyring: {
      rotationMs: server.rootKeyRotationMs,
      garbageIntervalMs: server.rootKeyGarbageIntervalMs,
      garbageThresholdMs: server.rootKeyGarbageThresholdMs,
    },
    oidcIssuer: server.oidcIssuer,
    generatedIdentities: {
      consulService: config.consul?.serviceIdentity ?? null,
      consulTask: config.consul?.taskIdentity ?? null,
      vaultTask: config.vault?.defaultIdentity ?? null,
    },
  });
}

function openApi(
  { config, clock, random, log, environment }: Parts,
  server: RunningServer | undefined,
  client: () => Client | undefined,
  nodeLink: NodeLink | undefined,
): Api {
  return createApi({
    server: server ?? null,
    cluster: server?.cluster ?? null,
    localNode: localNode(client),
    ...(nodeLink === undefined ? {} : { serverApi: nodeLink.serverApi, verifyIdentity: nodeLink.verifyIdentity }),
    agent: agentFacts({ config, log, server, client, serverAddresses: nodeLink?.servers, environment, startedAtMs: clock.nowMs() }),
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

interface ClientSurroundings {
  readonly link: Link;
  readonly httpAddress: string;
  readonly taskSockets: TaskSockets;
  readonly dns: AgentDns | undefined;
  readonly consul: AgentConsul | undefined;
  readonly vault: AgentVault | undefined;
}

function openClient(
  { config, clock, random, log, environment }: Parts,
  { link, httpAddress, taskSockets, dns, consul, vault }: ClientSurroundings,
): Promise<Client> {
  const { client } = config;
  const { logKeeper: keeper, templateProcess } = releaseParts();
  mkdirSync(client.stateDirectory, { recursive: true, mode: 0o700 });
  // Tasks reach their own folders below it, so others may pass through.
  mkdirSync(client.allocationDirectory, { recursive: true, mode: 0o711 });
  const store = hostClientStore(client.stateDirectory);
  // Consul is told whose services these are: a node's first life has its name before it starts.
  const nodeId = store.identity()?.ID ?? random.uuid();
  const owner = ownerLabel(client.stateDirectory);
  const searchPath = environment["PATH"];
  const networks = agentNetworks(config, owner, dns);
  const proxies = envoyProxies({ searchPath: searchPath ?? "", envoyPath: client.network.envoyPath, clock });
  return startClient({
    link,
    taskSockets,
    probe: hostProbe(),
    ...(dns === undefined ? {} : { servicesChanged: dns.accept }),
    fingerprintSources: present([consul?.fingerprint, vault?.fingerprint, networkFingerprint(networks), envoyFingerprint(proxies)]),
    thingSources: present([consul?.things, vault?.things]),
    ...(consul === undefined ? {} : { catalogs: [consul.catalog(nodeId)] }),
    ...(consul?.tokens === undefined ? {} : { tokenExchange: consul.tokens }),
    ...(vault === undefined ? {} : { vaultTokenExchange: vault.tokens }),
    renderer: () => createRenderer({ workerUrl: templateProcess, clock, addresses: hostAddresses }),
    sealingKey: hostSealingKey(client.stateDirectory),
    networks,
    proxies,
    tunnels: hostTunnels(),
    ...(consul === undefined ? {} : { mesh: consul.mesh }),
    drivers: drivers(config, owner, log),
    devices: client.options["device.mock"] === undefined ? [] : [mockDevices(client.options["device.mock"], clock)],
    taskLogs: keptTaskLogs({ stateDirectory: client.stateDirectory, ...(keeper === undefined ? {} : { entry: [keeper] }) }),
    disk: hostDisk(),
    machine: hostMachine({
      version: VERSION.nomad,
      allocationDirectory: client.allocationDirectory,
      networkInterface: client.networkInterface,
      cpuTotalMHz: client.cpuTotalMHz,
      memoryTotalMB: client.memoryTotalMB,
      minDynamicPort: client.dynamicPorts.min,
      maxDynamicPort: client.dynamicPorts.max,
    }),
    store,
    clock,
    random,
    report: reporter(log, "client"),
    killPoint: killPointFrom(environment),
    settings: {
      ...CLIENT_DEFAULTS,
      nodeId,
      name: config.name,
      datacenter: config.datacenter,
      region: config.region,
      nodePool: client.nodePool,
      nodeClass: client.nodeClass,
      meta: client.meta,
      hostNetworks: hostNetworksOf(config),
      attributes: {
        "unique.advertise.address": httpAddress.replace(/:\d+$/, ""),
        "drover.version": VERSION.drover,
        "nomad.service_discovery": "true",
        ...(dns === undefined || dns.address === "" ? {} : { "unique.drover.dns.address": dns.address }),
      },
      httpAddress,
      allocationDirectory: client.allocationDirectory,
      reserved: client.reserved,
      dynamicPorts: client.dynamicPorts,
      totals: { cpuMHz: client.cpuTotalMHz, memoryMB: client.memoryTotalMB, diskMB: client.diskTotalMB },
      maxKillTimeoutMs: client.maxKillTimeoutMs,
      remoteExecDisabled: client.remoteExecDisabled,
      template: client.template,
      garbage: client.garbage,
      chroot: { ...chrootOf(client.chroot), ...resolvConf(client.stateDirectory, dns) },
      ...(client.usersDenied === null ? {} : { deniedUsers: client.usersDenied }),
      ...(client.userCheckedDrivers === null ? {} : { userCheckedDrivers: client.userCheckedDrivers }),
      hostEnvironment: environment,
      hostVariablesDenied: client.environmentDenied ?? HOST_VARIABLES_DENIED,
    },
  });
}

const present = <Maker extends FingerprintSource | ThingSource>(makers: readonly (Maker | undefined)[]): readonly Maker[] =>
  makers.filter((maker) => maker !== undefined);

/** An empty one means the default too. */
function chrootOf(written: Readonly<Record<string, string>> | null): Readonly<Record<string, string>> {
  return written === null || Object.keys(written).length === 0 ? CLIENT_DEFAULTS.chroot : written;
}

/** Bound over the machine's in tasks that have an /etc of their own; {} where the node's DNS cannot be named in it. */
function resolvConf(stateDirectory: string, dns: AgentDns | undefined): Readonly<Record<string, string>> {
  const place = "/etc/resolv.conf";
  const text = resolvConfFor(dns?.address ?? "", existsSync(place) ? readFileSync(place, "utf8") : "");
  if (text === undefined) return {};
  const file = join(stateDirectory, "resolv.conf");
  writeFileSync(file, text, { mode: 0o644 });
  return { [file]: place };
}

function drivers(config: Config, owner: string, log: AgentLog): readonly Driver[] {
  const { docker, exec, rawExec } = config.drivers;
  const { stateDirectory } = config.client;
  const all: readonly Driver[] = [
    rawExecDriver({
      stateDirectory: join(stateDirectory, "raw_exec"),
      enabled: rawExec.enabled,
      noCgroups: rawExec.noCgroups,
      deniedEnvironment: rawExec.deniedVariables,
    }),
    execDriver({ stateDirectory: join(stateDirectory, "exec"), ...exec }),
    ...(docker.enabled
      ? [dockerDriver({ owner, stateDirectory: join(stateDirectory, "docker"), config: docker, report: reporter(log, "docker") })]
      : []),
    ...(config.dev ? [mockDriver({ clock: createHostClock() })] : []),
  ];
  const { driversAllowed, driversDenied } = config.client;
  return all.filter((driver) => (driversAllowed === null || driversAllowed.includes(driver.name)) && !driversDenied.includes(driver.name));
}

/** For templates that ask (`sockaddr`). */
function hostAddresses(): readonly NodeAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address }) => ({ interface: name, address })),
  );
}

function listenAddresses(config: Config): readonly ListenAddress[] {
  return config.bind.http.map((host) => ({ host, port: config.ports.http }));
}

function addressText(address: ListenAddress): string {
  if ("path" in address) return `unix://${address.path}`;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
