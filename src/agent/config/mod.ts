/**
 * The agent's configuration: what an operator wrote → one typed Config, or every mistake with its place.
 *
 * What comes in: `drover agent` flags, *.hcl and *.json files (HCL1 as Nomad's users write it). What goes out: Config, with what has
 * no effect yet (`notYet`) and what may not be meant (`warnings`), for the agent to log once.
 *
 * Invariants: an unknown key or a wrong type is file:line:col; a key that would be unsafe to pass over (audit, another keyring) refuses
 * the start; what is closed stays closed (acl, tls); nothing listens beyond loopback unless told so; secrets never reach a message or `written`.
 *
 * Never here: starting anything, what a key does. The environment counts only where the consul or the vault block leaves something open.
 *
 * Read next: config.ts (the noun), keys.ts (every key there is), load-config.ts (the way).
 */
export type {
  AclConfig,
  AutopilotConfig,
  ClientConfig,
  Config,
  ConsulConfig,
  DnsConfig,
  DriversConfig,
  JoinConfig,
  LimitsConfig,
  NetworkConfig,
  ServerConfig,
  TelemetryConfig,
  TemplateConfig,
  TlsConfig,
  VaultConfig,
} from "./config.ts";
export { AGENT_FLAGS, parseAgentFlags, type AgentFlags } from "./agent-flags.ts";
export { type NetworkAddress } from "./addresses.ts";
export { ConfigError } from "./config-error.ts";
export { machineConfigDisk, type ConfigDisk } from "./config-disk.ts";
export { loadConfig, type LoadRequest } from "./load-config.ts";
export { hostNetworksOf } from "./host-networks.ts";
export { meshMeta } from "./mesh-meta.ts";
export type { Settings } from "./settings.ts";
