/** The node of an agent: its drivers, its place on disk, and which maker stands behind each of its windows. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { startClient, networkFingerprint, CLIENT_DEFAULTS, type Client } from "#client";
import {
  createHostClock,
  execDriver,
  hostClientStore,
  hostDisk,
  hostMachine,
  hostProbe,
  hostSealingKey,
  hostTunnels,
  keptTaskLogs,
  ownerLabel,
  rawExecDriver,
} from "#integrations/host";
import { dockerDriver } from "#integrations/docker";
import { envoyFingerprint, envoyProxies } from "#integrations/envoy";
import { mockDevices, mockDriver } from "#integrations/memory";
import type { Driver, FingerprintSource, Link, TaskSockets, ThingSource } from "#ports";
import { VERSION } from "#std";
import { HOST_VARIABLES_DENIED } from "#task";
import { createRenderer, type NodeAddress } from "#template";
import { hostNetworksOf, type Config } from "./config/mod.ts";
import type { AgentConsul } from "./consul.ts";
import { type AgentDns, resolvConfFor } from "./dns.ts";
import { killPointFrom } from "./kill-point.ts";
import { reporter, type AgentLog } from "./log.ts";
import { agentNetworks } from "./networks.ts";
import type { Parts } from "./parts.ts";
import { releaseParts } from "./release.ts";
import type { AgentVault } from "./vault.ts";

export interface ClientSurroundings {
  readonly link: Link;
  readonly httpAddress: string;
  readonly taskSockets: TaskSockets;
  readonly dns: AgentDns | undefined;
  readonly consul: AgentConsul | undefined;
  readonly vault: AgentVault | undefined;
}

export function openClient(
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
        "unique.advertise.address": httpAddress,
        "drover.version": VERSION.drover,
        "nomad.service_discovery": "true",
        ...(dns === undefined || dns.address === "" ? {} : { "unique.drover.dns.address": dns.address }),
      },
      httpAddress,
      allocationDirectory: client.allocationDirectory,
      reserved: client.reserved,
      dynamicPorts: client.dynamicPorts,
      totals: { cpuMHz: client.cpuTotalMHz, memoryMB: client.memoryTotalMB, diskMB: client.diskTotalMB },
      introductionToken: client.introductionToken.reveal(),
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
