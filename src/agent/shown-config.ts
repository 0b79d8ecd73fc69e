/**
 * GET /v1/agent/self's `config`: what is in force, by the names Nomad's clients look for (nomad.md §3.2), beside what was written by the names of the
 * files. What Drover does not have is left out, not made up. No secrets: only whether there are any.
 */
import { VERSION } from "#std";
import type { ClientConfig, Config, ServerConfig } from "./config/mod.ts";

/** Go's durations in JSON. */
const NANOSECONDS = 1_000_000;

export function shownConfig(config: Config): Readonly<Record<string, unknown>> {
  const { acl, autopilot, advertise, bind, consul, limits, telemetry, tls, vault } = config;
  return {
    Region: config.region,
    Datacenter: config.datacenter,
    NodeName: config.name,
    Version: { Version: VERSION.nomad, VersionPrerelease: "", VersionMetadata: "", Revision: "" },
    DevMode: config.dev,
    DataDir: config.dataDirectory,
    PluginDir: config.pluginDirectory,
    Files: config.files,
    BindAddr: bind.rpc,
    Addresses: { HTTP: bind.http.join(" "), RPC: bind.rpc, Serf: bind.serf },
    AdvertiseAddrs: { HTTP: advertise.http, RPC: advertise.rpc, Serf: advertise.serf },
    Ports: { HTTP: config.ports.http, RPC: config.ports.rpc, Serf: config.ports.serf },
    LogLevel: config.log.level,
    LogJson: config.log.json,
    EnableDebug: config.enableDebug,
    LeaveOnInt: config.leaveOnInterrupt,
    LeaveOnTerm: config.leaveOnTerminate,
    HTTPAPIResponseHeaders: config.httpHeaders,
    ACL: {
      Enabled: acl.enabled,
      TokenTTL: acl.tokenTtlMs * NANOSECONDS,
      PolicyTTL: acl.policyTtlMs * NANOSECONDS,
      RoleTTL: acl.roleTtlMs * NANOSECONDS,
      TokenMinExpirationTTL: acl.tokenMinExpirationMs * NANOSECONDS,
      TokenMaxExpirationTTL: acl.tokenMaxExpirationMs * NANOSECONDS,
    },
    Autopilot: {
      CleanupDeadServers: autopilot.cleanupDeadServers,
      LastContactThreshold: autopilot.lastContactThresholdMs * NANOSECONDS,
      MaxTrailingLogs: autopilot.maxTrailingLogs,
      MinQuorum: autopilot.minQuorum,
      ServerStabilizationTime: autopilot.serverStabilizationMs * NANOSECONDS,
    },
    Server: shownServer(config.server),
    Client: shownClient(config.client),
    Consuls: consul === null ? [] : [{ Name: "default", Addr: consul.address.replace(/^https?:\/\//, "") }],
    Vaults: vault === null ? [] : [{ Name: "default", Enabled: true, Addr: vault.address }],
    Limits: { HTTPMaxConnsPerClient: config.httpConnectionsPerClientMax, RPCMaxConnsPerClient: limits.rpcConnectionsPerClientMax },
    TLSConfig: {
      EnableHTTP: tls.http,
      EnableRPC: tls.rpc,
      CAFile: tls.caFile,
      CertFile: tls.certFile,
      KeyFile: tls.keyFile,
      VerifyServerHostname: tls.verifyServerHostname,
      VerifyHTTPSClient: tls.verifyHttpsClient,
      RPCUpgradeMode: tls.rpcUpgradeMode,
      TLSMinVersion: tls.minVersion === "TLSv1.3" ? "tls13" : "tls12",
    },
    Telemetry: {
      PrometheusMetrics: telemetry.prometheus,
      PublishAllocationMetrics: telemetry.publishAllocationMetrics,
      PublishNodeMetrics: telemetry.publishNodeMetrics,
      CollectionInterval: `${telemetry.collectionIntervalMs / 1000}s`,
    },
    ...config.written,
  };
}

function shownServer(server: ServerConfig): Readonly<Record<string, unknown>> {
  return {
    Enabled: server.enabled,
    BootstrapExpect: server.bootstrapExpect,
    DataDir: server.dataDirectory,
    RejoinAfterLeave: server.join.rejoinAfterLeave,
    ServerJoin: {
      StartJoin: server.join.startJoin,
      RetryJoin: server.join.retryJoin,
      RetryMaxAttempts: server.join.retryMax,
      RetryInterval: server.join.retryIntervalMs * NANOSECONDS,
    },
    NumSchedulers: server.schedulers,
    HeartbeatGrace: server.heartbeatGraceMs * NANOSECONDS,
    MinHeartbeatTTL: server.heartbeatTtlMinMs * NANOSECONDS,
    MaxHeartbeatsPerSecond: server.heartbeatsPerSecondMax,
    FailoverHeartbeatTTL: server.failoverHeartbeatTtlMs * NANOSECONDS,
    JobDefaultPriority: server.jobPriorityDefault,
    JobMaxPriority: server.jobPriorityMax,
    JobMaxCount: server.jobCountMax,
    OIDCIssuer: server.oidcIssuer,
  };
}

function shownClient(client: ClientConfig): Readonly<Record<string, unknown>> {
  return {
    Enabled: client.enabled,
    StateDir: client.stateDirectory,
    AllocDir: client.allocationDirectory,
    NodeClass: client.nodeClass,
    NodePool: client.nodePool,
    Meta: client.meta,
    Options: client.options,
    Servers: client.servers,
    NetworkInterface: client.networkInterface,
    CpuCompute: client.cpuTotalMHz,
    MemoryMB: client.memoryTotalMB,
    DiskTotalMB: client.diskTotalMB,
    Reserved: {
      CPU: client.reserved.cpuMHz,
      MemoryMB: client.reserved.memoryMB,
      DiskMB: client.reserved.diskMB,
      ReservedPorts: client.reserved.ports,
    },
    MinDynamicPort: client.dynamicPorts.min,
    MaxDynamicPort: client.dynamicPorts.max,
    MaxKillTimeout: `${client.maxKillTimeoutMs / 1000}s`,
    DisableRemoteExec: client.remoteExecDisabled,
    GCInterval: client.garbage.intervalMs * NANOSECONDS,
    GCParallelDestroys: client.garbage.parallel,
    GCDiskUsageThreshold: client.garbage.diskUsagePercent,
    GCInodeUsageThreshold: client.garbage.inodeUsagePercent,
    GCMaxAllocs: client.garbage.allocationsMax,
  };
}
