/** What the API is given to answer from: the rooms behind it, and what only the agent knows of itself. */
import type { Grant } from "#access";
import type { Cluster } from "#cluster";
import type { Duplex } from "node:stream";
import type { Clock, Membership, NodeServices, Random, TaskSockets } from "#ports";
import type { Server } from "#server";
import type { AgentHealthAnswer, AgentHostAnswer, AgentMember } from "../contract/mod.ts";
import type { Patience } from "./patience.ts";
import type { ServingTls } from "./secure-server.ts";

/** The agent's own part of the answers. Functions are called per request: they must be cheap. */
export interface AgentFacts {
  /** "0.1.0": in the agent's stats and in headers. */
  readonly version: string;
  /** The merged configuration as GET /v1/agent/self shows it. Values under names that look secret are blanked again by the API. */
  config(): Readonly<Record<string, unknown>>;
  /** This agent. */
  member(): AgentMember;
  /** All servers known, this one included. */
  members(): readonly AgentMember[];
  /** "host:port" of the servers the node on this agent talks to. */
  serverAddresses(): readonly string[];
  /** Kept over restarts. NamedError AGENT_NO_NODE (400) where no node runs, or it has its server in its own agent. */
  setServerAddresses(addresses: readonly string[]): Promise<void>;
  /** Of the parts that run here; a part that does not is left out. */
  health(): AgentHealthAnswer;
  stats(): Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The machine: GET /v1/agent/host. Values of variables that may be secret are blanked. */
  host(): Promise<AgentHostAnswer["HostData"]>;
  /** Reads the configuration again, as SIGHUP does. Throws NamedError AGENT_RELOAD_UNAVAILABLE (501) where nobody listens for it. */
  reload(): void;
  /** Evaluations worked on at the same time; 0 without a server. */
  readonly schedulerWorkers: number;
  readonly startedAtMs: number;
  /** profile: a CPU profile over so many seconds; heap: who allocates, over so many seconds; cmdline: the arguments, NUL between. */
  profile(profile: Profile, seconds: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Log lines from now on, each with its newline, at `level` or above. Ends when the signal aborts. Slow readers lose lines, not memory. */
  monitor(how: { readonly level: LogLevel; readonly json: boolean }, signal: AbortSignal): AsyncIterable<string>;
}

export const PROFILES = ["profile", "heap", "cmdline"] as const;
export type Profile = (typeof PROFILES)[number];

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ApiOptions {
  /** null: this agent runs no server part; endpoints about the state are passed on by `serverApi` then, or answer 501. */
  readonly server: Server | null;
  readonly cluster: Cluster | null;
  /** The node on this agent, if it runs one. Its id may be "" until it has started. */
  readonly localNode: { readonly id: string; readonly services: NodeServices } | null;
  /** Of an agent without a server: a connection to the API of the server its node is connected to. Rejects while it is connected to none. */
  readonly serverApi?: () => Promise<Duplex>;
  /** Of a server: a connection to the API of another one, by the host:port of its 4647. Absent: there are no others. */
  readonly peerApi?: (rpcAddress: string) => Promise<Duplex>;
  /** Of a server: which ones there are. null or absent: it stands alone. */
  readonly membership?: Membership | null;
  /** Of an agent without a server: is this token a workload's identity? Asked of the servers; may reject. */
  readonly verifyIdentity?: (token: string) => Promise<boolean>;
  /**
   * Who may what. Default: the server's own `access`. An agent without a server is given `accessThroughServer` (mod.ts) where access control is on.
   */
  readonly access?: { readonly enabled: boolean; resolve(token: string): Promise<Grant> };
  readonly agent: AgentFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly region: string;
  readonly datacenter: string;
  /** http_api_response_headers. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** telemetry.prometheus_metrics. Default false: ?format=prometheus answers 415. */
  readonly prometheus?: boolean;
  /** enable_debug. Default false: profiles and the machine's description are refused (403). */
  readonly debug?: boolean;
  /** telemetry.publish_node_metrics and publish_allocation_metrics: what machine and tasks use, measured for every scrape. */
  readonly publish?: { readonly node?: boolean; readonly allocations?: boolean };
  /** tls { http = true }: HTTPS on every address with a port. Unix sockets stay as they are. */
  readonly tls?: ServingTls | null;
  /** limits.http_max_conns_per_client. Default 100; 0: no limit. */
  readonly connectionsPerClientMax?: number;
  /** How slow a connection may be. Default: PATIENCE. */
  readonly patience?: Patience;
  /** Names this agent may be called by in a Host header besides IP addresses and localhost, when it listens on loopback only. */
  readonly hostNames?: readonly string[];
  /** For what went wrong inside: an error that is not a NamedError. Never given a token or a body. */
  readonly onFault?: (what: { readonly method: string; readonly path: string; readonly error: unknown }) => void;
  /** After each answer, also one that broke off. The path comes without its query, which may hold what is nobody's business. */
  readonly onAnswered?: (what: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly durationMs: number;
  }) => void;
}

/** One place to listen. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Api {
  /** Opens every address or none. The result is what was opened, ports filled in. Rejects with NamedError API_LISTEN_FAILED. */
  listen(addresses: readonly ListenAddress[]): Promise<readonly ListenAddress[]>;
  /** What is open now. */
  readonly addresses: readonly ListenAddress[];
  /** At a reload: new connections are served with it. Throws NamedError API_TLS_UNFIT (then nothing changes), also without `tls` at the start. */
  renewTls(tls: ServingTls): void;
  /** The same API in tasks' directories, for whoever shows a workload's identity. After `listen`. */
  readonly taskSockets: TaskSockets;
  /** HTTP is spoken on it from now on, as on a connection that came in by the door: what other servers and nodes pass on comes this way. */
  connect(connection: Duplex): void;
  /** A request without a socket, for tests. */
  inject(request: InjectedRequest): Promise<InjectedResponse>;
  /** Ends streams and blocking queries, then closes every socket. May be repeated. */
  close(): Promise<void>;
}

export interface InjectedRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE" | "PATCH" | "OPTIONS";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: string | Buffer | object;
}
export interface InjectedResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly body: string;
  readonly rawPayload: Buffer;
  json<T = unknown>(): T;
}
