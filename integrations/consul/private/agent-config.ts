/**
 * The configuration of a private Consul (pure): a server that keeps a log's tail, elects quickly and shows itself to nobody but other servers
 * (consul-log.md, 15, 26, 29-31).
 */
import { join } from "node:path";
import { NamedError } from "#std";
import type { PrivateConsulOptions } from "./options.ts";
import { NO_TOKENS, nodeIdOf, tokensOf, type PrivateTokens } from "./secrets.ts";

const GOSSIP_KEY_BYTES = [16, 24, 32];
/** The kernel takes no longer name for a socket (sun_path: 108 with its end). */
const SOCKET_PATH_BYTES_MAX = 107;
const LOG_FILE_BYTES_MAX = 4 * 1024 * 1024;

export interface PrivatePlaces {
  readonly data: string;
  readonly socket: string;
  readonly log: string;
  /** What it printed since it was last started: empty unless it could not start, or fell over. */
  readonly lastWords: string;
}

/** Throws NamedError CONSUL_SOCKET_PATH_TOO_LONG. */
export function placesOf(directory: string): PrivatePlaces {
  const socket = join(directory, "http.sock");
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX)
    throw new NamedError(
      "CONSUL_SOCKET_PATH_TOO_LONG",
      `Cannot start a private Consul: its socket "${socket}" has ${Buffer.byteLength(socket)} bytes in its path, wanted at most ${SOCKET_PATH_BYTES_MAX}`,
      { statusCode: 400, fix: "Choose a data_dir with a shorter path." },
    );
  return { data: join(directory, "data"), socket, log: join(directory, "consul.log"), lastWords: join(directory, "last-words.log") };
}

/** ACLs are on where servers show certificates and share a secret; see secrets.ts. */
export function privateTokens({ tls, encrypt, region }: Pick<PrivateConsulOptions, "tls" | "encrypt" | "region">): PrivateTokens {
  return tls !== undefined && encrypt !== "" ? tokensOf(encrypt, region) : NO_TOKENS;
}

/** `advertise` is an address here. Throws NamedErrors CONSUL_REGION_UNFIT, GOSSIP_KEY_INVALID, CONSUL_SOCKET_PATH_TOO_LONG. */
export function agentConfig(options: Omit<PrivateConsulOptions, "clock" | "report">): Record<string, unknown> {
  const { directory, name, region, bind, advertise, ports, bootstrapExpect, encrypt, tls, serverId, rejoinAfterLeave } = options;
  requireRegion(region);
  if (encrypt !== "") requireGossipKey(encrypt);
  const places = placesOf(directory);
  const tokens = privateTokens(options);
  return {
    server: true,
    node_name: name,
    node_id: nodeIdOf(serverId),
    // So that server.<region>.nomad is the name Consul's servers show each other.
    datacenter: region.toLowerCase(),
    domain: "nomad",
    data_dir: places.data,
    bind_addr: bind,
    advertise_addr: advertise,
    addresses: { http: `unix://${places.socket}` },
    unix_sockets: { mode: "0600" },
    // `http` opens no port where its address is a socket.
    ports: { http: 8500, https: -1, grpc: -1, grpc_tls: -1, dns: -1, serf_lan: ports.serf, serf_wan: -1, server: ports.rpc },
    ...(bootstrapExpect > 0 && { bootstrap_expect: bootstrapExpect }),
    // What is asked while there is no leader is held for rpc_hold_timeout, and looked at ever more rarely: by default up to 3.5 s after one was chosen.
    performance: { raft_multiplier: 1, leave_drain_time: "1s", rpc_hold_timeout: "2s" },
    raft_trailing_logs: 64,
    raft_snapshot_threshold: 128,
    raft_snapshot_interval: "5s",
    // Who is suspected has 0.8 s to say no (suspicion_mult × probe_interval for few servers): 0.4 s is less than a busy machine holds one back.
    gossip_lan: { probe_interval: "200ms", probe_timeout: "100ms", gossip_interval: "100ms", suspicion_mult: 4 },
    // One of three that fails stays a voter: when it is back it counts at once, not after it was watched for a while.
    autopilot: { cleanup_dead_servers: true, min_quorum: Math.max(3, bootstrapExpect) },
    leave_on_terminate: false,
    skip_leave_on_interrupt: true,
    rejoin_after_leave: rejoinAfterLeave,
    // Else a server that was off for a week starts never again.
    server_rejoin_age_max: "87600h",
    disable_update_check: true,
    disable_coordinates: true,
    connect: { enabled: false },
    peering: { enabled: false },
    enable_debug: false,
    // All of one Drover's connections come from one caller.
    limits: { http_max_conns_per_client: 4096 },
    log_level: "INFO",
    log_file: places.log,
    log_rotate_bytes: LOG_FILE_BYTES_MAX,
    log_rotate_max_files: 4,
    ...(encrypt !== "" && { encrypt }),
    ...(tls !== undefined && tlsPart(tls)),
    ...(tokens.management !== "" && {
      acl: {
        enabled: true,
        default_policy: "deny",
        down_policy: "extend-cache",
        tokens: { initial_management: tokens.management, agent: tokens.management, agent_recovery: tokens.agent },
      },
    }),
  };
}

function tlsPart({
  caFile,
  certFile,
  keyFile,
  acceptPlain,
  verifyServerHostname,
  minVersion,
}: NonNullable<PrivateConsulOptions["tls"]>): Record<string, unknown> {
  const strict = acceptPlain !== true;
  return {
    tls: {
      defaults: {
        ca_file: caFile,
        cert_file: certFile,
        key_file: keyFile,
        tls_min_version: minVersion === "TLSv1.3" ? "TLSv1_3" : "TLSv1_2",
      },
      internal_rpc: { verify_incoming: strict, verify_outgoing: strict, verify_server_hostname: strict && verifyServerHostname !== false },
    },
  };
}

function requireRegion(region: string): void {
  if (/^[a-z0-9_-]+$/i.test(region)) return;
  throw new NamedError(
    "CONSUL_REGION_UNFIT",
    `Cannot start a private Consul for region "${region}": Consul takes its name as that of its datacenter, wanted letters, digits, "-" and "_"`,
    { statusCode: 400, fix: "Name the region otherwise, or name a Consul of your own: consul { address }." },
  );
}

/** Throws NamedError GOSSIP_KEY_INVALID. */
export function requireGossipKey(key: string): void {
  const bytes = Buffer.from(key, "base64");
  if (GOSSIP_KEY_BYTES.includes(bytes.length) && bytes.toString("base64") === key) return;
  throw new NamedError("GOSSIP_KEY_INVALID", "Cannot encrypt gossip: the key is none, wanted 16, 24 or 32 bytes in base64", {
    statusCode: 400,
    fix: 'Make one with "drover operator gossip keyring generate" and give all servers the same: server { encrypt }.',
  });
}
