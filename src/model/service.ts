/** A service a group or task offers, its checks and its place in the mesh. nomad.md §1.6, §1.7. */
import Type, { type Static } from "typebox";
import {
  block,
  blocks,
  duration,
  flag,
  freeMap,
  labelled,
  labelledMap,
  maybeDuration,
  maybeFlag,
  maybeWhole,
  text,
  textMap,
  texts,
  whole,
} from "./field.ts";
import { Network } from "./network.ts";
import { DeviceRequest, Numa } from "./resources.ts";
import { Identity } from "./template.ts";
import { VolumeMount } from "./volume.ts";

export const CheckRestart = Type.Object({
  Limit: whole({ hcl: "limit" }),
  Grace: maybeDuration({ hcl: "grace" }),
  IgnoreWarnings: flag({ hcl: "ignore_warnings" }),
});

export const Check = Type.Object({
  Name: text({ hcl: "name" }),
  Type: text({ hcl: "type" }),
  Command: text({ hcl: "command" }),
  Args: texts({ hcl: "args" }),
  Path: text({ hcl: "path" }),
  Protocol: text({ hcl: "protocol" }),
  PortLabel: text({ hcl: "port" }),
  Expose: flag({ hcl: "expose" }),
  AddressMode: text({ hcl: "address_mode" }),
  Advertise: text({ hcl: "advertise" }),
  Interval: duration({ hcl: "interval" }),
  Timeout: duration({ hcl: "timeout" }),
  InitialStatus: text({ hcl: "initial_status" }),
  Notes: text({ hcl: "notes" }),
  TLSServerName: text({ hcl: "tls_server_name" }),
  TLSSkipVerify: flag({ hcl: "tls_skip_verify" }),
  Header: Type.Record(Type.String(), Type.Array(Type.String()), { default: {}, hcl: "header", form: "free" }),
  Method: text({ hcl: "method" }),
  CheckRestart: block(CheckRestart, { hcl: "check_restart" }),
  GRPCService: text({ hcl: "grpc_service" }),
  GRPCUseTLS: flag({ hcl: "grpc_use_tls" }),
  TaskName: text({ hcl: "task" }),
  SuccessBeforePassing: whole({ hcl: "success_before_passing" }),
  FailuresBeforeCritical: whole({ hcl: "failures_before_critical" }),
  FailuresBeforeWarning: whole({ hcl: "failures_before_warning" }),
  Body: text({ hcl: "body" }),
  OnUpdate: text({ hcl: "on_update" }),
});
export type Check = Static<typeof Check>;

export const MeshGateway = Type.Object({ Mode: text({ hcl: "mode" }) });

export const Upstream = Type.Object({
  DestinationName: text({ hcl: "destination_name" }),
  DestinationNamespace: text({ hcl: "destination_namespace" }),
  DestinationPeer: text({ hcl: "destination_peer" }),
  DestinationPartition: text({ hcl: "destination_partition" }),
  DestinationType: text({ hcl: "destination_type" }),
  LocalBindPort: whole({ hcl: "local_bind_port" }),
  Datacenter: text({ hcl: "datacenter" }),
  LocalBindAddress: text({ hcl: "local_bind_address" }),
  LocalBindSocketPath: text({ hcl: "local_bind_socket_path" }),
  LocalBindSocketMode: text({ hcl: "local_bind_socket_mode" }),
  MeshGateway: block(MeshGateway, { hcl: "mesh_gateway" }),
  Config: freeMap({ hcl: "config" }),
});
export type Upstream = Static<typeof Upstream>;

export const ExposePath = Type.Object({
  Path: text({ hcl: "path" }),
  Protocol: text({ hcl: "protocol" }),
  LocalPathPort: whole({ hcl: "local_path_port" }),
  ListenerPort: text({ hcl: "listener_port" }),
});
export type ExposePath = Static<typeof ExposePath>;

export const TransparentProxy = Type.Object({
  UID: text({ hcl: "uid" }),
  OutboundPort: whole({ hcl: "outbound_port" }),
  ExcludeInboundPorts: texts({ hcl: "exclude_inbound_ports" }),
  ExcludeOutboundPorts: Type.Array(Type.Integer(), { default: [], hcl: "exclude_outbound_ports", form: "attribute" }),
  ExcludeOutboundCIDRs: texts({ hcl: "exclude_outbound_cidrs" }),
  ExcludeUIDs: texts({ hcl: "exclude_uids" }),
  NoDNS: flag({ hcl: "no_dns" }),
});
export type TransparentProxy = Static<typeof TransparentProxy>;

export const Expose = Type.Object({ Paths: blocks(ExposePath, { hcl: "path" }) });

export const Proxy = Type.Object({
  LocalServiceAddress: text({ hcl: "local_service_address" }),
  LocalServicePort: whole({ hcl: "local_service_port" }),
  Expose: block(Expose, { hcl: "expose" }),
  Upstreams: blocks(Upstream, { hcl: "upstreams" }),
  /** Rules of the allocation's network: made once, with it. */
  TransparentProxy: block(TransparentProxy, { hcl: "transparent_proxy", change: "destroy" }),
  Config: freeMap({ hcl: "config" }),
});
export type Proxy = Static<typeof Proxy>;

export const SidecarService = Type.Object({
  Tags: texts({ hcl: "tags" }),
  Port: text({ hcl: "port", change: "destroy" }),
  Proxy: block(Proxy, { hcl: "proxy" }),
  DisableDefaultTCPCheck: flag({ hcl: "disable_default_tcp_check" }),
  Meta: textMap({ hcl: "meta" }),
});
export type SidecarService = Static<typeof SidecarService>;

/** What the author wants otherwise than the injected task has it; null: as it is. */
const SidecarResources = Type.Object({
  CPU: maybeWhole({ hcl: "cpu" }),
  Cores: maybeWhole({ hcl: "cores" }),
  MemoryMB: maybeWhole({ hcl: "memory" }),
  MemoryMaxMB: maybeWhole({ hcl: "memory_max" }),
  DiskMB: maybeWhole({ hcl: "disk" }),
  IOPS: maybeWhole({ hcl: "iops" }),
  Networks: blocks(Network, { hcl: "network" }),
  Devices: labelled(DeviceRequest, { hcl: "device", label: "Name" }),
  NUMA: block(Numa, { hcl: "numa" }),
  SecretsMB: maybeWhole({ hcl: "secrets" }),
});
const SidecarLogs = Type.Object({
  MaxFiles: maybeWhole({ hcl: "max_files" }),
  MaxFileSizeMB: maybeWhole({ hcl: "max_file_size" }),
  Disabled: maybeFlag({ hcl: "disabled" }),
});

export const SidecarTask = Type.Object({
  Name: text({ hcl: "name" }),
  Driver: text({ hcl: "driver" }),
  User: text({ hcl: "user" }),
  Config: freeMap({ hcl: "config" }),
  Env: textMap({ hcl: "env" }),
  Resources: block(SidecarResources, { hcl: "resources" }),
  Meta: textMap({ hcl: "meta" }),
  KillTimeout: maybeDuration({ hcl: "kill_timeout" }),
  LogConfig: block(SidecarLogs, { hcl: "logs" }),
  ShutdownDelay: maybeDuration({ hcl: "shutdown_delay" }),
  KillSignal: text({ hcl: "kill_signal" }),
  VolumeMounts: blocks(VolumeMount, { hcl: "volume_mount" }),
  Identities: blocks(Identity, { hcl: "identity" }),
});
export type SidecarTask = Static<typeof SidecarTask>;

const GatewaySds = Type.Object({ ClusterName: text({ hcl: "cluster_name" }), CertResource: text({ hcl: "cert_resource" }) });
const GatewayHeaders = Type.Object({
  Add: textMap({ hcl: "add" }),
  Set: textMap({ hcl: "set" }),
  Remove: texts({ hcl: "remove" }),
});
const GatewayTls = Type.Object({
  Enabled: flag({ hcl: "enabled" }),
  TLSMinVersion: text({ hcl: "tls_min_version" }),
  TLSMaxVersion: text({ hcl: "tls_max_version" }),
  CipherSuites: texts({ hcl: "cipher_suites" }),
  SDS: block(GatewaySds, { hcl: "sds" }),
});
const GatewayAddress = Type.Object({
  Name: text(),
  Address: text({ hcl: "address" }),
  Port: whole({ hcl: "port" }),
});
const IngressService = Type.Object({
  Name: text({ hcl: "name" }),
  Hosts: texts({ hcl: "hosts" }),
  TLS: block(GatewayTls, { hcl: "tls" }),
  RequestHeaders: block(GatewayHeaders, { hcl: "request_headers" }),
  ResponseHeaders: block(GatewayHeaders, { hcl: "response_headers" }),
  MaxConnections: maybeWhole({ hcl: "max_connections" }),
  MaxPendingRequests: maybeWhole({ hcl: "max_pending_requests" }),
  MaxConcurrentRequests: maybeWhole({ hcl: "max_concurrent_requests" }),
});
const IngressListener = Type.Object({
  Port: whole({ hcl: "port" }),
  Protocol: text({ hcl: "protocol", default: "tcp" }),
  Services: blocks(IngressService, { hcl: "service" }),
});
const LinkedService = Type.Object({
  Name: text({ hcl: "name" }),
  CAFile: text({ hcl: "ca_file" }),
  CertFile: text({ hcl: "cert_file" }),
  KeyFile: text({ hcl: "key_file" }),
  SNI: text({ hcl: "sni" }),
});
export const Gateway = Type.Object({
  Proxy: block(
    Type.Object({
      ConnectTimeout: maybeDuration({ hcl: "connect_timeout" }),
      EnvoyGatewayBindTaggedAddresses: flag({ hcl: "envoy_gateway_bind_tagged_addresses" }),
      EnvoyGatewayBindAddresses: labelledMap(GatewayAddress, { hcl: "envoy_gateway_bind_addresses", label: "Name" }),
      EnvoyGatewayNoDefaultBind: flag({ hcl: "envoy_gateway_no_default_bind" }),
      EnvoyDNSDiscoveryType: text({ hcl: "envoy_dns_discovery_type" }),
      Config: freeMap({ hcl: "config" }),
    }),
    { hcl: "proxy" },
  ),
  Ingress: block(Type.Object({ TLS: block(GatewayTls, { hcl: "tls" }), Listeners: blocks(IngressListener, { hcl: "listener" }) }), {
    hcl: "ingress",
  }),
  Terminating: block(Type.Object({ Services: blocks(LinkedService, { hcl: "service" }) }), { hcl: "terminating" }),
  Mesh: block(Type.Object({}), { hcl: "mesh" }),
});
export type Gateway = Static<typeof Gateway>;

export const Connect = Type.Object({
  Native: flag({ hcl: "native", change: "destroy" }),
  SidecarService: block(SidecarService, { hcl: "sidecar_service" }),
  SidecarTask: block(SidecarTask, { hcl: "sidecar_task", change: "destroy" }),
  Gateway: block(Gateway, { hcl: "gateway", change: "destroy" }),
});
export type Connect = Static<typeof Connect>;

export const ServiceWeights = Type.Object({
  Passing: whole({ hcl: "passing", default: 1 }),
  Warning: whole({ hcl: "warning", default: 1 }),
});

export const Service = Type.Object({
  Name: text({ hcl: "name" }),
  Provider: text({ hcl: "provider", default: "consul" }),
  PortLabel: text({ hcl: "port" }),
  AddressMode: text({ hcl: "address_mode", default: "auto" }),
  Address: text({ hcl: "address" }),
  Tags: texts({ hcl: "tags" }),
  CanaryTags: texts({ hcl: "canary_tags" }),
  EnableTagOverride: flag({ hcl: "enable_tag_override" }),
  Checks: blocks(Check, { hcl: "check" }),
  CheckRestart: block(CheckRestart, { hcl: "check_restart" }),
  /** Whether it is there at all is seen in the tasks; what is marked inside needs a new allocation, the rest is registered anew. */
  Connect: block(Connect, { hcl: "connect" }),
  Meta: textMap({ hcl: "meta" }),
  CanaryMeta: textMap({ hcl: "canary_meta" }),
  TaggedAddresses: textMap({ hcl: "tagged_addresses" }),
  TaskName: text({ hcl: "task" }),
  OnUpdate: text({ hcl: "on_update", default: "require_healthy" }),
  Weights: block(ServiceWeights, { hcl: "weights" }),
  Identity: block(Identity, { hcl: "identity" }),
  Cluster: text({ hcl: "cluster", default: "default" }),
  Kind: text({ hcl: "kind" }),
});
export type Service = Static<typeof Service>;

/** `service` blocks of a group or a task: an optional label is the name. */
export const services = () => labelled(Service, { hcl: "service", label: "Name" });
