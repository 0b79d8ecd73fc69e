/**
 * Merged settings → Config: defaults, derived values, and the questions that need more than one key. Pure: the disk is asked in
 * directories.ts.
 */
import path from "node:path";
import { Concealed } from "#std";
import { LOG_LEVELS, type LogLevel } from "../log.ts";
import { type NetworkAddress, expandAddress, isUnspecified, preferredAddress } from "./addresses.ts";
import type { ClientConfig, Config, DriversConfig } from "./config.ts";
import { resolveConsul, resolveDns } from "./resolve-consul.ts";
import { meshMeta } from "./mesh-meta.ts";
import { resolveDocker } from "./resolve-docker.ts";
import { arePorts, networkWarnings, resolveNetworkConfig } from "./resolve-network.ts";
import { resolveAcl, resolveLimits, resolveTls, guardWarnings } from "./resolve-guard.ts";
import { resolveTogether } from "./resolve-join.ts";
import { resolveAutopilot, resolveServer } from "./resolve-server.ts";
import { resolveTemplate } from "./resolve-template.ts";
import { resolveVault, vaultWarnings } from "./resolve-vault.ts";
import { SettingReader } from "./setting-reader.ts";
import type { Settings } from "./settings.ts";

export interface Surroundings {
  readonly dev: boolean;
  readonly files: readonly string[];
  readonly hostName: string;
  readonly networkAddresses: readonly NetworkAddress[];
  /** A dev agent's data directory when none is named; the same one at every reload. */
  readonly temporaryDirectory: () => string;
  /** Where the consul and vault blocks say nothing: CONSUL_HTTP_ADDR, VAULT_ADDR and the like. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** -dev-consul */
  readonly devConsul?: boolean;
  /** -dev-vault */
  readonly devVault?: boolean;
  /** -dev-connect: the address of the default route's interface instead of the loopback, so that networks of allocations reach it. */
  readonly devConnect?: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export function resolveConfig(settings: Settings, around: Surroundings): { readonly config: Config; readonly problems: readonly string[] } {
  const read = new SettingReader(settings);
  const dataDirectory = resolveDataDirectory(read, around);
  const network = resolveNetwork(read, around);
  const consul = resolveConsul(read, around.environment ?? {}, around.devConsul === true);
  const together = resolveTogether(read, { dev: around.dev, networkAddresses: around.networkAddresses, network, consul });
  const server = resolveServer(read, { dev: around.dev, dataDirectory, together });
  const vault = resolveVault(read, around.environment ?? {}, around.devVault === true);
  const client = resolveClient(read, settings, around, dataDirectory, network.ports.http);
  if (!server.enabled && !client.enabled) {
    read.problem(
      undefined,
      "Neither server nor client is enabled",
      "Set server { enabled = true } or client { enabled = true } or both, or start with -dev.",
    );
  }
  const tls = resolveTls(read);
  const acl = resolveAcl(read);
  const config: Config = {
    dev: around.dev,
    files: around.files,
    region: read.text("region", "global"),
    datacenter: read.text("datacenter", "dc1"),
    name: read.text("name", around.hostName),
    dataDirectory,
    dataDirectoryIsTemporary: around.dev && !read.has("data_dir"),
    pluginDirectory: read.text("plugin_dir", path.join(dataDirectory, "plugins")),
    ...network,
    log: { level: resolveLogLevel(read), json: read.flag("log_json") },
    enableDebug: read.flag("enable_debug", around.dev),
    httpHeaders: read.map("http_api_response_headers"),
    httpConnectionsPerClientMax: read.whole("limits.http_max_conns_per_client", 100),
    limits: resolveLimits(read),
    tls,
    acl,
    autopilot: resolveAutopilot(read),
    leaveOnInterrupt: read.flag("leave_on_interrupt"),
    leaveOnTerminate: read.flag("leave_on_terminate"),
    server,
    client,
    consul,
    vault,
    telemetry: {
      prometheus: read.flag("telemetry.prometheus_metrics"),
      collectionIntervalMs: read.whole("telemetry.collection_interval", 1000),
      publishAllocationMetrics: read.flag("telemetry.publish_allocation_metrics"),
      publishNodeMetrics: read.flag("telemetry.publish_node_metrics"),
    },
    drivers: resolveDrivers(read, around),
    written: {},
    notYet: [],
    warnings: [
      ...guardWarnings({ bind: network.bind, tls, acl, server }),
      ...together.warnings,
      ...(client.enabled && !server.enabled && client.servers.length === 0 && consul?.clientAutoJoin !== true ? [serverlessWarning()] : []),
      ...vaultWarnings(read, vault),
      ...networkWarnings(client.network, around.networkAddresses),
    ],
  };
  return { config, problems: read.problems };
}

function serverlessWarning(): string {
  return (
    "client.servers is empty: this node waits until it is told a server (drover node config -update-servers 10.0.0.1:4647). " +
    'Or name one: client { servers = ["10.0.0.1:4647"] }, or add consul { } to find it in Consul.'
  );
}

function resolveDataDirectory(read: SettingReader, around: Surroundings): string {
  const given = read.text("data_dir", "");
  if (given === "" && around.dev) return around.temporaryDirectory();
  if (given === "")
    read.problem(
      "data_dir",
      "data_dir is missing",
      'Say where state is kept: data_dir = "/opt/drover/data" in a configuration file, or -data-dir. -dev needs none.',
    );
  else if (!path.isAbsolute(given))
    read.problem(
      "data_dir",
      `data_dir is ${JSON.stringify(given)}, must be an absolute path`,
      `For example ${JSON.stringify(path.posix.join("/opt/drover", given))}.`,
    );
  return given;
}

function resolveNetwork(read: SettingReader, around: Surroundings): Pick<Config, "bind" | "ports" | "advertise"> {
  const address = (setting: string, fallback: string): readonly string[] => {
    const expanded = expandAddress(read.text(setting, fallback), around.networkAddresses);
    if (typeof expanded !== "string") read.problem(read.has(setting) ? setting : "bind_addr", expanded.problem, expanded.detail);
    return (typeof expanded === "string" ? expanded : "127.0.0.1").split(/\s+/).filter((each) => each !== "");
  };
  // Nomad listens on every address; here that has to be asked for, as nothing guards an API whose access control is off.
  const everywhere = address("bind_addr", "127.0.0.1")[0] ?? "127.0.0.1";
  const bind = {
    http: address("addresses.http", everywhere),
    rpc: address("addresses.rpc", everywhere)[0] ?? everywhere,
    serf: address("addresses.serf", everywhere)[0] ?? everywhere,
  };
  const port = (name: string, fallback: number) => read.within(`ports.${name}`, fallback, 0, 65_535);
  const ports = { http: port("http", 4646), rpc: port("rpc", 4647), serf: port("serf", 4648) };
  for (const [one, other] of [
    ["http", "rpc"],
    ["http", "serf"],
    ["rpc", "serf"],
  ] as const) {
    if (ports[one] !== 0 && ports[one] === ports[other])
      read.problem(
        read.has(`ports.${other}`) ? `ports.${other}` : `ports.${one}`,
        `ports.${other} is ${ports[other]}, the same as ports.${one}`,
        "Give each its own.",
      );
  }
  const advertised = (name: "http" | "rpc" | "serf", bound: string) => {
    const given = address(`advertise.${name}`, isUnspecified(bound) ? preferredAddress(around.networkAddresses) : bound)[0] ?? bound;
    return hasPort(given) ? given : `${given.includes(":") && !given.startsWith("[") ? `[${given}]` : given}:${ports[name]}`;
  };
  return {
    bind,
    ports,
    advertise: {
      http: advertised("http", bind.http[0] ?? everywhere),
      rpc: advertised("rpc", bind.rpc),
      serf: advertised("serf", bind.serf),
    },
  };
}

/** host:port or [v6]:port. */
const hasPort = (address: string) => /^(\[[^\]]*\]|[^:[\]]+):\d+$/.test(address);

function resolveClient(
  read: SettingReader,
  settings: Settings,
  around: Surroundings,
  dataDirectory: string,
  httpPort: number,
): ClientConfig {
  const at = (name: string) => `client.${name}`;
  const options = read.map(at("options"));
  const listed = (...names: readonly string[]): readonly string[] | null => {
    const text = names.map((name) => options[name]).find((value) => value !== undefined);
    return text === undefined
      ? null
      : text
          .split(",")
          .map((each) => each.trim())
          .filter((each) => each !== "");
  };
  const ports = {
    min: read.within(at("min_dynamic_port"), 20_000, 1, 65_535),
    max: read.within(at("max_dynamic_port"), 32_000, 1, 65_535),
  };
  if (ports.min > ports.max)
    read.problem(at("min_dynamic_port"), `min_dynamic_port is ${ports.min}, must be at most max_dynamic_port, ${ports.max}`, "");
  const reservedPorts = read.text(at("reserved.reserved_ports"), "");
  if (reservedPorts !== "" && !arePorts(reservedPorts)) {
    read.problem(
      at("reserved.reserved_ports"),
      `reserved_ports is ${JSON.stringify(reservedPorts)}, must be ports and ranges`,
      'For example "22,80,8500-8600".',
    );
  }
  checkInterface(read, at("network_interface"), around);
  return {
    enabled: read.flag(at("enabled"), around.dev),
    stateDirectory: read.directory(at("state_dir"), path.join(dataDirectory, "client")),
    allocationDirectory: read.directory(at("alloc_dir"), path.join(dataDirectory, "alloc")),
    nodeClass: read.text(at("node_class"), ""),
    nodePool: read.text(at("node_pool"), "default"),
    meta: { ...meshMeta(), ...read.map(at("meta")) },
    options,
    driversAllowed: listed("driver.allowlist", "driver.whitelist"),
    driversDenied: listed("driver.denylist", "driver.blacklist") ?? [],
    usersDenied: listed("user.denylist", "user.blacklist"),
    userCheckedDrivers: listed("user.checked_drivers"),
    environmentDenied: listed("env.denylist", "env.blacklist"),
    chroot: read.has(at("chroot_env")) ? read.map(at("chroot_env")) : null,
    networkInterface: read.text(at("network_interface"), around.dev && around.devConnect !== true ? loopback(around) : ""),
    dns: resolveDns(read, read.flag(at("enabled"), around.dev), httpPort),
    network: resolveNetworkConfig(read, settings, around.networkAddresses),
    template: resolveTemplate(read),
    // Or the file's, which the disk is asked for: load-config.ts.
    introductionToken: new Concealed((around.environment?.["NOMAD_CLIENT_INTRO_TOKEN"] ?? "").trim()),
    servers: [
      ...new Set(
        ["servers", "start_join", "retry_join"].flatMap((name) => read.list(at(name === "servers" ? name : `server_join.${name}`))),
      ),
    ].map((each) => (hasPort(each) ? each : `${each.includes(":") && !each.startsWith("[") ? `[${each}]` : each}:4647`)),
    cpuTotalMHz: read.within(at("cpu_total_compute"), 0, 0, 1e9),
    memoryTotalMB: read.within(at("memory_total_mb"), 0, 0, 1e9),
    diskTotalMB: read.within(at("disk_total_mb"), 0, 0, 1e12),
    reserved: {
      cpuMHz: read.within(at("reserved.cpu"), 0, 0, 1e9),
      memoryMB: read.within(at("reserved.memory"), 0, 0, 1e9),
      diskMB: read.within(at("reserved.disk"), 0, 0, 1e12),
      ports: reservedPorts,
    },
    remoteExecDisabled: read.flag(at("disable_remote_exec"), false),
    maxKillTimeoutMs: read.within(at("max_kill_timeout"), 30_000, 0, 365 * 24 * HOUR_MS),
    dynamicPorts: ports,
    garbage: {
      intervalMs: read.within(at("gc_interval"), MINUTE_MS, 100, 365 * 24 * HOUR_MS),
      parallel: read.within(at("gc_parallel_destroys"), 2, 1, 1000),
      diskUsagePercent: read.within(at("gc_disk_usage_threshold"), 80, 0, 100),
      inodeUsagePercent: read.within(at("gc_inode_usage_threshold"), 70, 0, 100),
      allocationsMax: read.within(at("gc_max_allocs"), 50, 0, 1_000_000),
    },
  };
}

function resolveDrivers(read: SettingReader, around: Surroundings): DriversConfig {
  const exec = "plugin.exec.config";
  return {
    docker: resolveDocker(read, around.environment ?? {}),
    rawExec: {
      enabled: read.flag("plugin.raw_exec.config.enabled", around.dev),
      noCgroups: read.flag("plugin.raw_exec.config.no_cgroups"),
      deniedVariables: read.list("plugin.raw_exec.config.denied_envvars"),
    },
    exec: {
      pidMode: read.oneOf(`${exec}.default_pid_mode`, "private", ["private", "host"]),
      ipcMode: read.oneOf(`${exec}.default_ipc_mode`, "private", ["private", "host"]),
      noPivotRoot: read.flag(`${exec}.no_pivot_root`),
      allowedCapabilities: read.has(`${exec}.allow_caps`) ? read.list(`${exec}.allow_caps`) : null,
    },
  };
}

function resolveLogLevel(read: SettingReader): LogLevel {
  const given = read.text("log_level", "INFO").toUpperCase();
  const level = LOG_LEVELS.find((each) => each === given || (given === "ERR" && each === "ERROR"));
  if (level === undefined) read.problem("log_level", `log_level is ${JSON.stringify(given)}, must be ${LOG_LEVELS.join(", ")}`, "");
  return level ?? "INFO";
}

/** Ports of a node whose interface is a mistyped one would have no address. Where none is known at all (no permission) nothing is said. */
function checkInterface(read: SettingReader, at: string, around: Surroundings): void {
  const name = read.text(at, "");
  const known = [...new Set(around.networkAddresses.map((each) => each.interface))];
  if (name === "" || known.length === 0 || known.includes(name)) return;
  read.problem(
    at,
    `network_interface is ${JSON.stringify(name)}: this machine has no such interface with an address`,
    `Those with one: ${known.join(", ")}.`,
  );
}

/** A dev agent's tasks are for this machine: they are given the loopback address, as Nomad's -dev does. */
function loopback(around: Surroundings): string {
  return around.networkAddresses.find((each) => each.loopback)?.interface ?? "";
}
