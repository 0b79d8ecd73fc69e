/** The real Consul for live tests: one server with its own folder on free ports, to restart, wipe, freeze and slow down. */
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolPath } from "../../../scripts/tool-path.ts";
import { asker, type Asker } from "./asker.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import { freePorts } from "./ports.ts";
import { partProcess, withFreshPorts, type PartOwner } from "./process.ts";

export interface ConsulOptions {
  /** Who removes it: `t`, or `{ after }` of node:test. Without one, call remove(). */
  readonly owner?: PartOwner;
  /** Default deny, with a token that may do everything (default false: everybody may). */
  readonly acl?: boolean;
  /** Default "dc1". */
  readonly datacenter?: string;
  /** A host of the test's own that it runs on; it listens on its loopback and on its address. Default: this machine's loopback. */
  readonly host?: IsolatedHost;
  /** Not a server, but a member of this one's: the agent of another host. With its token and its datacenter. */
  readonly join?: RealConsul;
  /** More of Consul's agent configuration, as JSON; wins over ours key by key at the top; of `ports` over each. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface RealConsul extends Asker {
  /** `host:port` of the HTTP API, as CONSUL_HTTP_ADDR and `consul { address }` take it. */
  readonly httpAddress: string;
  readonly httpPort: number;
  /** DNS on the same host as httpAddress, by UDP and TCP. */
  readonly dnsPort: number;
  /** gRPC without TLS (xDS). */
  readonly grpcPort: number;
  /** Where others join it. */
  readonly serfPort: number;
  /** Consul's name of its node. */
  readonly nodeName: string;
  readonly datacenter: string;
  /** May do everything; stays the same over restarts and wipes. Undefined without ACLs. */
  readonly token: string | undefined;
  readonly dataDirectory: string;
  readonly pid: number;
  isRunning(): boolean;
  /** What it logged so far, over restarts. */
  output(): string;
  /** SIGTERM; data stay. */
  stop(): Promise<void>;
  /** SIGKILL; data stay. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data; ends it first by SIGKILL if it runs. Returns when it leads and answers. */
  restart(): Promise<void>;
  /** All data lost: as restart() with an empty data directory. */
  wipe(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  beforeRemove(action: () => Promise<void>): void;
  /** Ends it and removes its folder, and what was put before it (slowConsul). */
  remove(): Promise<void>;
}

/** Starts a Consul server and returns when it leads, knows itself and answers. */
export async function startConsul(options: ConsulOptions = {}): Promise<RealConsul> {
  const command = toolPath("consul");
  const { host, join: leader } = options;
  const part = await partProcess("consul", options.owner, { through: host?.through ?? [] });
  const token = leader === undefined ? (options.acl === true ? randomUUID() : undefined) : leader.token;
  const datacenter = leader?.datacenter ?? options.datacenter ?? "dc1";
  const nodeName = leader === undefined ? "consul-server" : `consul-${host?.name ?? "member"}`;
  const address = host?.address ?? "127.0.0.1";
  const dataDirectory = join(part.folder, "data");
  const configFile = join(part.folder, "consul.json");
  let http = 0;
  let dns = 0;
  let grpc = 0;
  let lan = 0;

  const ask = asker(() => `http://${address}:${http}`, token === undefined ? {} : { "X-Consul-Token": token });
  const leads = async (): Promise<boolean> =>
    (await ask.get<string>("/v1/status/leader")) !== "" && (await ask.get<unknown[]>("/v1/health/service/consul?passing")).length > 0;
  const start = async (): Promise<void> => {
    mkdirSync(dataDirectory, { recursive: true });
    await part.start(command, ["agent", "-config-file", configFile], leads);
  };

  const consul: RealConsul = {
    ...ask,
    get httpAddress() {
      return `${address}:${http}`;
    },
    get httpPort() {
      return http;
    },
    get dnsPort() {
      return dns;
    },
    get grpcPort() {
      return grpc;
    },
    get pid() {
      return part.pid;
    },
    get serfPort() {
      return lan;
    },
    nodeName,
    datacenter,
    token,
    dataDirectory,
    isRunning: part.isRunning,
    output: part.output,
    stop: part.stop,
    kill: part.kill,
    async restart() {
      await part.kill();
      await start();
    },
    async wipe() {
      await part.kill();
      rmSync(dataDirectory, { recursive: true, force: true });
      await start();
    },
    pause: part.pause,
    resume: part.resume,
    beforeRemove: part.beforeRemove,
    remove: part.remove,
  };
  try {
    await withFreshPorts(async () => {
      const [server = 0, ...rest] = await freePorts(5);
      [http = 0, dns = 0, grpc = 0, lan = 0] = rest;
      const ports = { http, dns, grpc, grpc_tls: -1, serf_lan: lan, serf_wan: -1, server };
      writeFileSync(
        configFile,
        JSON.stringify({
          ...configuration({ datacenter, dataDirectory, token, nodeName, address }),
          ...(leader !== undefined && membership(leader)),
          ...options.config,
          ports: { ...ports, ...Object(options.config?.["ports"]) },
        }),
      );
      await start();
    });
  } catch (error) {
    await part.remove();
    throw error;
  }
  return consul;
}

interface Place {
  readonly datacenter: string;
  readonly dataDirectory: string;
  readonly token: string | undefined;
  readonly nodeName: string;
  readonly address: string;
}

function configuration({ datacenter, dataDirectory, token, nodeName, address }: Place): Record<string, unknown> {
  return {
    datacenter,
    data_dir: dataDirectory,
    node_name: nodeName,
    server: true,
    bootstrap: true,
    bind_addr: address,
    client_addr: [...new Set(["127.0.0.1", address])].join(" "),
    performance: { raft_multiplier: 1 },
    leave_on_terminate: false,
    skip_leave_on_interrupt: true,
    disable_update_check: true,
    connect: { enabled: true },
    ...(token !== undefined && {
      acl: {
        enabled: true,
        default_policy: "deny",
        enable_token_persistence: false,
        tokens: { initial_management: token, agent: token },
      },
    }),
  };
}

/** Later keys win: a member is no server. */
function membership(leader: RealConsul): Record<string, unknown> {
  return { server: false, bootstrap: false, retry_join: [`${leader.httpAddress.split(":")[0]}:${leader.serfPort}`], retry_interval: "1s" };
}
