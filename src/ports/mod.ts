/**
 * The windows. One interface a file; the makers stand outside in integrations/.
 *
 * What comes in: nothing. What goes out: interfaces, each with its contract written above it. Rooms know only these.
 *
 * Invariants: one conformance suite per port (test/conformance) holds every maker to the contract; a maker is finished when it passes.
 *
 * Never here: an implementation (but catalogDigest and thingKey, which both sides of a window compare by), a default, a maker's name in a signature.
 *
 * Read next: log.ts, link.ts, driver.ts; then ../../integrations/host/mod.ts for who stands behind them.
 */
export type { Clock, Timer } from "./clock.ts";
export type { Random } from "./random.ts";
export type { Log, LogEntry, SnapshotStore } from "./log.ts";
export { SUCCESSOR_MS } from "./shared-log.ts";
export type { ServerReport, SharedBatch, SharedHead, SharedLeader, SharedLog, StateDigest, Tenure } from "./shared-log.ts";
export type { GossipKeys, JoinOutcome, Membership, MemberStatus, ServerMember } from "./membership.ts";
export type { Introduction, IntroductionAnswer, Peer, PeerEnd, PeerOutcome, Peers } from "./peers.ts";
export type {
  AllocationsChanged,
  ServicesChanged,
  CheckResult,
  RestartTurn,
  VariableAnswer,
  VariableQuestion,
  ExecInput,
  ExecOutput,
  ExecRequest,
  FileFrame,
  FileInformation,
  FileRead,
  HeartbeatAnswer,
  HostUsage,
  Link,
  LinkConnection,
  NodeMetadata,
  LogRead,
  NodeEnd,
  AllocationMesh,
  ProxyReport,
  NodeServices,
} from "./link.ts";
export type {
  Driver,
  DriverCapabilities,
  DriverNetwork,
  ExecSession,
  NetworkHold,
  NetworkHolder,
  TaskExec,
  TerminalSize,
  TaskExit,
  TaskHandle,
  TaskId,
  TaskMount,
  TaskNetwork,
  TaskOwner,
  TaskPlace,
  TaskPort,
  TaskStart,
} from "./driver.ts";
export type { AllocationNetwork, Finding, NetworkDescription, NetworkRequest, Networks, PortMapping, TrafficRedirect } from "./network.ts";
export type { Tunnel, Tunnels, TunnelTarget } from "./tunnel.ts";
export type { BootstrapRequest, Proxies, ProxyStanding, ProxyStatistics, ProxyTraffic } from "./proxy.ts";
export type { GatewayOfJob, Intention, Mesh, MeshEndpoint, MeshHttpTls, MeshInstance, MeshService, Permission } from "./mesh.ts";
export type { ExposedPath, MeshRegistration, ProxyRegistration, SidecarRegistration, UpstreamRegistration } from "./mesh-registration.ts";
export type { TaskLogRequest, TaskLogs } from "./task-logs.ts";
export type { AllocationPlace, Disk, DiskRead, DiskUsage, DiskWrite, TaskDirectories, TaskRequest, Watching } from "./disk.ts";
export type { DeviceGroupUsage, DeviceReservation, Devices, DeviceStatistic } from "./device.ts";
export type { Machine, MachineFingerprint } from "./machine.ts";
export type { ClientStore, StoredAllocation, StoredIdentity } from "./client-store.ts";
export type { CheckInstance, CheckStanding, CheckStatus } from "./check.ts";
export type { Catalog, OwnedService, ServiceInstance } from "./catalog.ts";
export { catalogDigest } from "./catalog-digest.ts";
export type { FingerprintSource, Surrounding } from "./fingerprint-source.ts";
export type { ExchangedToken, TokenExchange } from "./token-exchange.ts";
export { thingKey, thingLabel, type Thing, type ThingSystem } from "./thing.ts";
export type { Lease, Reading, ThingSource } from "./thing-source.ts";
export type { HttpProbe, Probe, ProbeResult } from "./probe.ts";
export type { BackupStore } from "./backup-store.ts";
export type { KeyEncryption } from "./key-encryption.ts";
export type { DnsEndpoint, DnsListener } from "./dns-endpoint.ts";
export type { Web, WebAnswer, WebRequest } from "./web.ts";
export type { TaskSocket, TaskSockets } from "./task-sockets.ts";
