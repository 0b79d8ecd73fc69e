/** What only the agent knows of itself, as the API shows it (GET /v1/agent/self, members, health, monitor). */
import { availableParallelism } from "node:os";
import type { AgentFacts } from "#api/server";
import type { Client } from "#client";
import type { RunningServer } from "#server";
import { NamedError, VERSION } from "#std";
import type { Config } from "./config/mod.ts";
import { hostFacts } from "./host-facts.ts";
import type { AgentLog, LogLevel } from "./log.ts";
import { shownConfig } from "./shown-config.ts";
import { takeProfile } from "./profile.ts";

/** Evaluations worked on at the same time. They share a thread, so more than a few win nothing. */
export const SCHEDULER_WORKERS_DEFAULT = 4;

/** Lines a monitor may be behind before the oldest are dropped. */
const MONITOR_LINES_MAX = 1024;

export interface FactSources {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly startedAtMs: number;
  readonly log: AgentLog;
  readonly server: RunningServer | undefined;
  readonly client: () => Client | undefined;
  /** host:port of servers elsewhere that the node here talks to. */
  readonly serverAddresses: (() => readonly string[]) | undefined;
  /** The node here talks to these from now on; undefined: it has its server in its own agent, or there is no node. */
  readonly setServerAddresses?: ((addresses: readonly string[]) => Promise<void>) | undefined;
}

export function agentFacts(sources: FactSources): AgentFacts {
  const { config, server } = sources;
  const member = () => ({
    Name: `${config.name}.${config.region}`,
    Addr: host(config.advertise.serf),
    Port: port(config.advertise.serf),
    Tags: {
      role: "nomad",
      region: config.region,
      dc: config.datacenter,
      build: VERSION.nomad,
      vsn: "1",
      raft_vsn: "3",
      mvn: "1",
      port: String(port(config.advertise.rpc)),
      id: server?.cluster.serverId ?? "",
      expect: String(config.server.bootstrapExpect),
      rpc_addr: host(config.advertise.rpc),
      ...(config.server.bootstrapExpect === 1 ? { bootstrap: "1" } : {}),
      drover: VERSION.drover,
    },
    Status: "alive",
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  });
  return {
    version: VERSION.drover,
    config: () => shownConfig(config),
    member,
    members: () => (server === undefined ? [] : [member()]),
    serverAddresses: () => (server === undefined ? (sources.serverAddresses?.() ?? []) : [config.advertise.rpc]),
    setServerAddresses: sources.setServerAddresses ?? refuseServers,
    health: () => ({
      ...(server === undefined ? {} : { server: standing(server) }),
      ...(config.client.enabled
        ? { client: sources.client() === undefined ? { ok: false, message: "starting" } : { ok: true, message: "ok" } }
        : {}),
    }),
    stats: () => stats(sources),
    startedAtMs: sources.startedAtMs,
    schedulerWorkers: server === undefined ? 0 : (config.server.schedulers ?? SCHEDULER_WORKERS_DEFAULT),
    host: () => hostFacts(sources.environment, [config.dataDirectory]),
    reload,
    profile: takeProfile,
    monitor: (how, signal) => monitorLines(sources.log, how.level.toUpperCase() as LogLevel, how.json, signal),
  };
}

async function refuseServers(): Promise<never> {
  throw new NamedError("AGENT_NO_NODE", "Cannot change the servers of this agent: no node here looks for servers elsewhere", {
    statusCode: 400,
    fix: "Ask an agent with client { enabled = true } and no server in it.",
  });
}

/** Well: it leads, or follows somebody who does. */
function standing({ cluster }: RunningServer): { readonly ok: boolean; readonly message: string } {
  return cluster.leaderAddress === "" ? { ok: false, message: "No cluster leader" } : { ok: true, message: "ok" };
}

/** The same way as `kill -HUP`, so that both do the same. Without a listener the signal would end the process. */
function reload(): void {
  if (process.listenerCount("SIGHUP") === 0) {
    throw new NamedError("AGENT_RELOAD_UNAVAILABLE", "Cannot reload agent: nothing in this process listens for SIGHUP", {
      statusCode: 501,
    });
  }
  process.kill(process.pid, "SIGHUP");
}

function stats(sources: FactSources): Record<string, Record<string, string>> {
  const { server } = sources;
  const client = sources.client();
  const texts = (counts: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)]));
  const index = String(server?.cluster.state.index ?? 0);
  const counts = client?.statistics() ?? {};
  const held = ["entering", "running", "exiting", "over", "leaving"].map((name) => counts[name] ?? 0);
  return {
    // Of servers alone: `nomad check` takes who tells it for a server.
    ...(server === undefined
      ? {}
      : {
          nomad: {
            server: "true",
            leader: String(server.cluster.leads),
            leader_addr: server.cluster.leaderAddress,
            bootstrap: String(sources.config.server.bootstrapExpect === 1),
            known_regions: "1",
          },
          raft: {
            state: server.cluster.leads ? "Leader" : "Follower",
            last_log_index: index,
            commit_index: index,
            applied_index: index,
            // As Nomad's: 0 of who leads.
            last_contact: server.cluster.leads ? "0" : `${Math.round(server.cluster.lastContactMs())}ms`,
            // Of one that is alone; where there are others, the API counts them.
            num_peers: "0",
          },
          broker: texts(server.statistics()),
        }),
    ...(client === undefined
      ? {}
      : {
          client: {
            node_id: client.nodeId,
            // How many: `nomad check -min-servers` reads a number here.
            known_servers: String(sources.serverAddresses?.().length ?? 1),
            num_allocations: String(held.reduce((sum, each) => sum + each, 0)),
            ...texts(counts),
          },
        }),
    runtime: {
      version: `node ${process.versions.node}`,
      arch: process.arch === "x64" ? "amd64" : process.arch,
      "kernel.name": process.platform,
      cpu_count: String(availableParallelism()),
      rss_bytes: String(process.memoryUsage.rss()),
      uptime_seconds: String(Math.floor(process.uptime())),
    },
  };
}

async function* monitorLines(log: AgentLog, level: LogLevel, json: boolean, signal: AbortSignal): AsyncGenerator<string> {
  const waiting: string[] = [];
  let wake: () => void = () => undefined;
  const unsubscribe = log.monitor(level, json, (line) => {
    if (waiting.length >= MONITOR_LINES_MAX) waiting.shift();
    waiting.push(line);
    wake();
  });
  const aborted = () => wake();
  signal.addEventListener("abort", aborted);
  try {
    while (!signal.aborted) {
      const line = waiting.shift();
      if (line !== undefined) yield line;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", aborted);
  }
}

/** "[::1]:4647" → "::1" */
function host(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function port(address: string): number {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
}
