/** The agent's configuration once everything is resolved: files merged, flags applied, defaults filled in, checked. */
import type { SchedulerConfiguration } from "#model";
import type { DockerSettings } from "#integrations/docker";
import type { DefaultIdentity } from "#jobspec";
import type { Concealed } from "#std";
import type { LogLevel } from "../log.ts";

export interface Config {
  readonly dev: boolean;
  /** The files it was read from, in order. */
  readonly files: readonly string[];
  readonly region: string;
  readonly datacenter: string;
  readonly name: string;
  /** Absolute. */
  readonly dataDirectory: string;
  /** A dev agent's own: removed when it stops. */
  readonly dataDirectoryIsTemporary: boolean;
  readonly pluginDirectory: string;
  /** Addresses to listen on. HTTP may have several. */
  readonly bind: { readonly http: readonly string[]; readonly rpc: string; readonly serf: string };
  /** 0: any free port. */
  readonly ports: { readonly http: number; readonly rpc: number; readonly serf: number };
  /** host:port as others reach this agent. */
  readonly advertise: { readonly http: string; readonly rpc: string; readonly serf: string };
  readonly log: { readonly level: LogLevel; readonly json: boolean };
  readonly enableDebug: boolean;
  readonly httpHeaders: Readonly<Record<string, string>>;
  readonly httpConnectionsPerClientMax: number;
  readonly limits: LimitsConfig;
  readonly tls: TlsConfig;
  readonly acl: AclConfig;
  readonly autopilot: AutopilotConfig;
  readonly leaveOnInterrupt: boolean;
  readonly leaveOnTerminate: boolean;
  readonly server: ServerConfig;
  readonly client: ClientConfig;
  readonly consul: ConsulConfig | null;
  readonly vault: VaultConfig | null;
  readonly telemetry: TelemetryConfig;
  readonly drivers: DriversConfig;
  /** As GET /v1/agent/self shows it: what was written, by Nomad's names. Secrets are left out. */
  readonly written: Readonly<Record<string, unknown>>;
  /** Keys that were accepted and have no effect yet; the agent logs them once. */
  readonly notYet: readonly string[];
  /** Legal, and perhaps not meant. */
  readonly warnings: readonly string[];
}

/** consul { … }: nomad.md §5.4. null in Config: no block was written and -dev-consul not given. */
export interface ConsulConfig {
  /** http://127.0.0.1:8500, https://…, unix:///… */
  readonly address: string;
  /** "" for none. */
  readonly token: Concealed;
  /** user:password of HTTP basic authentication; "" for none. */
  readonly auth: Concealed;
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string; readonly verify: boolean };
  /** Tasks that speak for themselves in the mesh are given it. */
  readonly shareTls: boolean;
  readonly timeoutMs: number;
  readonly tags: readonly string[];
  readonly autoAdvertise: boolean;
  readonly serverAutoJoin: boolean;
  readonly clientAutoJoin: boolean;
  readonly serverServiceName: string;
  readonly clientServiceName: string;
  readonly checksUseAdvertise: boolean;
  /** Names of the agent's own checks. */
  readonly checkNames: {
    readonly serverHttp: string;
    readonly serverSerf: string;
    readonly serverRpc: string;
    readonly clientHttp: string;
  };
  readonly serverFailures: { readonly beforeCritical: number; readonly beforeWarning: number };
  readonly clientFailures: { readonly beforeCritical: number; readonly beforeWarning: number };
  readonly serviceAuthMethod: string;
  readonly taskAuthMethod: string;
  /** What services and tasks that say nothing themselves are given; null: no identity, the agent's own token is used. */
  readonly serviceIdentity: DefaultIdentity | null;
  readonly taskIdentity: DefaultIdentity | null;
  readonly grpcAddress: string;
  readonly grpcCaFile: string;
}

/** vault { … }: nomad.md §5.4. null in Config: no block was written (or not enabled) and -dev-vault not given. */
export interface VaultConfig {
  /** https://vault.service.consul:8200 */
  readonly address: string;
  /** "" for none. */
  readonly namespace: string;
  /** The role of tasks that name none; "": the auth method's default. */
  readonly createFromRole: string;
  /** "jwt-nomad" */
  readonly jwtAuthBackendPath: string;
  readonly tls: {
    readonly caFile: string;
    readonly caPath: string;
    readonly certFile: string;
    readonly keyFile: string;
    readonly serverName: string;
    readonly verify: boolean;
  };
  /** What tasks with a `vault` block that say nothing themselves are given; null: they must bring an identity of their own. */
  readonly defaultIdentity: DefaultIdentity | null;
}

/** client { template { … } }: nomad.md §5.3. */
export interface TemplateConfig {
  readonly functionsDenied: readonly string[];
  /** `source` and `file` may name any file of the machine. */
  readonly sandboxDisabled: boolean;
  /** Consul may answer from servers that are so far behind. */
  readonly maxStaleMs: number;
  readonly blockQueryWaitMs: number;
  readonly wait: { readonly minMs: number; readonly maxMs: number };
  /** null: none. */
  readonly waitBounds: { readonly minMs: number; readonly maxMs: number } | null;
  /** A secret without a lease is looked at again so often. */
  readonly vaultDefaultLeaseMs: number;
}

/** client { dns { … } }: Drover's own. Services of every registry by name, for tasks and for the machine. */
export interface DnsConfig {
  readonly enabled: boolean;
  readonly address: string;
  /** 0: any free port. Tasks with an /etc of their own are offered it when it is 53. */
  readonly port: number;
  /** "drover": web.service.drover */
  readonly domain: string;
  /** Where `.consul` questions go; null: to the Consul agent's DNS if there is one. */
  readonly consul: { readonly host: string; readonly port: number } | null;
}

/** client { cni_path, cni_config_dir, bridge_network_*, host_network }: nomad.md §5.3. */
export interface NetworkConfig {
  /** Folders, the first that has a plugin wins. Written: "/opt/cni/bin:/usr/lib/cni"; default: both. */
  readonly cniPaths: readonly string[];
  readonly cniConfigDirectory: string;
  readonly bridgeName: string;
  readonly bridgeSubnet: string;
  /** "" for none. */
  readonly bridgeSubnetIPv6: string;
  readonly bridgeHairpin: boolean;
  /** 0: the kernel's. Drover's own: bridge_network_mtu. */
  readonly bridgeMtu: number;
  /** What was written; addresses are found at start. */
  readonly hostNetworks: readonly {
    readonly name: string;
    readonly cidr: string;
    readonly interface: string;
    readonly reservedPorts: string;
  }[];
  /** Drover's own: client { envoy_path }; "": found on PATH. */
  readonly envoyPath: string;
}

/** limits { … }: nomad.md §5.4. 0: no limit. */
export interface LimitsConfig {
  readonly rpcConnectionsPerClientMax: number;
  readonly httpsHandshakeTimeoutMs: number;
  readonly rpcHandshakeTimeoutMs: number;
}

/** tls { … }: nomad.md §5.4. Files are read (and read again at SIGHUP) by the agent. */
export interface TlsConfig {
  readonly http: boolean;
  readonly rpc: boolean;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Whoever speaks as a server must show server.<region>.nomad. */
  readonly verifyServerHostname: boolean;
  readonly verifyHttpsClient: boolean;
  /** Servers take both, while a cluster is being changed over. */
  readonly rpcUpgradeMode: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL names, colon between; "": the default ones. */
  readonly ciphers: string;
}

/** acl { … }: nomad.md §5.4. */
export interface AclConfig {
  readonly enabled: boolean;
  /** How long agents of nodes keep what servers said of a token. */
  readonly tokenTtlMs: number;
  readonly policyTtlMs: number;
  readonly roleTtlMs: number;
  readonly tokenMinExpirationMs: number;
  readonly tokenMaxExpirationMs: number;
}

/** autopilot { … }: what a cluster begins with; never applied again after. nomad.md §5.4. */
export interface AutopilotConfig {
  readonly cleanupDeadServers: boolean;
  readonly lastContactThresholdMs: number;
  readonly maxTrailingLogs: number;
  /** 0: none. */
  readonly minQuorum: number;
  readonly serverStabilizationMs: number;
}

/** How servers come together: server { bootstrap_expect, server_join, retry_join, start_join, encrypt, … }. */
export interface JoinConfig {
  /** Once, at start; a failure ends it. */
  readonly startJoin: readonly string[];
  /** Again and again: "10.0.0.1", "10.0.0.1:4648", `exec=command`, `provider=…` (refused, with what to do instead). */
  readonly retryJoin: readonly string[];
  /** 0: for ever. */
  readonly retryMax: number;
  readonly retryIntervalMs: number;
  /** Gossip's key, base64; "": not encrypted. */
  readonly encrypt: Concealed;
  readonly rejoinAfterLeave: boolean;
}

export interface ServerConfig {
  readonly enabled: boolean;
  /** 0: another server of a cluster that is there. */
  readonly bootstrapExpect: number;
  /** "sqlite": alone. "consul": with others. Chosen by what was written (consul-log.md, 22); recorded at the first start. */
  readonly logMaker: "sqlite" | "consul";
  readonly join: JoinConfig;
  /** Drover's own: server { consul_path }: the program a private Consul is started from; "": found on PATH. */
  readonly consulPath: string;
  /** raft_snapshot_threshold; entries. 0: the default. */
  readonly snapshotEveryEntries: number;
  /** Drover's own: server { snapshot_interval, snapshot_keep, snapshot_directory }: backups, written by the leader. 0 ms: none. */
  readonly backups: { readonly intervalMs: number; readonly keep: number; readonly directory: string };
  readonly failoverHeartbeatTtlMs: number;
  readonly clientIntroduction: {
    readonly enforcement: "none" | "warn" | "strict";
    readonly defaultTtlMs: number;
    readonly maxTtlMs: number;
  };
  readonly aclTokenGarbageThresholdMs: number;
  readonly dataDirectory: string;
  /** Evaluations in work at one time; null: the server room's default. */
  readonly schedulers: number | null;
  readonly nodeThresholdMs: number;
  readonly jobIntervalMs: number;
  readonly jobThresholdMs: number;
  readonly evaluationThresholdMs: number;
  readonly batchEvaluationThresholdMs: number;
  readonly deploymentThresholdMs: number;
  /** plan_rejection_tracker: nodes whose placements are refused so often within the window are closed for new ones. */
  readonly rejections: { readonly enabled: boolean; readonly nodeThreshold: number; readonly nodeWindowMs: number };
  readonly heartbeatGraceMs: number;
  readonly heartbeatTtlMinMs: number;
  readonly heartbeatsPerSecondMax: number;
  readonly jobPriorityDefault: number;
  readonly jobPriorityMax: number;
  readonly jobCountMax: number;
  readonly jobSourceBytesMax: number;
  /** issuer of identities, and where /.well-known/openid-configuration is answered; "": not offered. */
  readonly oidcIssuer: string;
  readonly rootKeyRotationMs: number;
  readonly rootKeyGarbageIntervalMs: number;
  readonly rootKeyGarbageThresholdMs: number;
  /** default_scheduler_config: what a cluster begins with; never applied again after. */
  readonly scheduler: SchedulerConfiguration;
}

export interface ClientConfig {
  readonly enabled: boolean;
  readonly stateDirectory: string;
  readonly allocationDirectory: string;
  readonly nodeClass: string;
  readonly nodePool: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Legacy key-value options as written. */
  readonly options: Readonly<Record<string, string>>;
  /** From options: `driver.allowlist`, `driver.denylist`; null: all. */
  readonly driversAllowed: readonly string[] | null;
  readonly driversDenied: readonly string[];
  readonly usersDenied: readonly string[] | null;
  readonly userCheckedDrivers: readonly string[] | null;
  readonly environmentDenied: readonly string[] | null;
  /** Host path → path in the chroot; null: the default list. */
  readonly chroot: Readonly<Record<string, string>> | null;
  /** "": that of the default route. */
  readonly networkInterface: string;
  readonly dns: DnsConfig;
  readonly network: NetworkConfig;
  readonly template: TemplateConfig;
  /** NOMAD_CLIENT_INTRO_TOKEN, or <data_dir>/client/intro_token.jwt; "": none. */
  readonly introductionToken: Concealed;
  /** client { servers } and server_join: host:port of servers to reach over the network, when no server runs in this agent. */
  readonly servers: readonly string[];
  /** 0: as measured. */
  readonly cpuTotalMHz: number;
  readonly memoryTotalMB: number;
  readonly diskTotalMB: number;
  readonly reserved: { readonly cpuMHz: number; readonly memoryMB: number; readonly diskMB: number; readonly ports: string };
  readonly maxKillTimeoutMs: number;
  readonly remoteExecDisabled: boolean;
  readonly dynamicPorts: { readonly min: number; readonly max: number };
  readonly garbage: {
    readonly intervalMs: number;
    readonly parallel: number;
    readonly diskUsagePercent: number;
    readonly inodeUsagePercent: number;
    readonly allocationsMax: number;
  };
}

export interface TelemetryConfig {
  readonly prometheus: boolean;
  readonly collectionIntervalMs: number;
  readonly publishAllocationMetrics: boolean;
  readonly publishNodeMetrics: boolean;
}

export interface DriversConfig {
  /** plugin "docker" { config { … } }. */
  readonly docker: DockerSettings;
  readonly rawExec: { readonly enabled: boolean; readonly noCgroups: boolean; readonly deniedVariables: readonly string[] };
  readonly exec: {
    readonly pidMode: string;
    readonly ipcMode: string;
    readonly noPivotRoot: boolean;
    /** null: the default set. */
    readonly allowedCapabilities: readonly string[] | null;
  };
}
