/**
 * server { bootstrap_expect, start_join, retry_join, server_join { … }, encrypt, … } → how servers come together, and which log
 * they keep. nomad.md §5.2.
 *
 * The log's maker is chosen by what was meant:
 *
 *   others are named (start_join, retry_join), bootstrap_expect > 1       ──► consul: with others
 *   bootstrap_expect unset, and consul { } finds the others               ──► consul: another server of a cluster that is there
 *   bootstrap_expect = 1, -dev, or unset with nobody to look for          ──► sqlite: alone (unset: with a warning)
 */
import { Concealed } from "#std";
import { type NetworkAddress, isLoopback } from "./addresses.ts";
import type { Config, ConsulConfig, JoinConfig, ServerConfig } from "./config.ts";
import type { SettingReader } from "./setting-reader.ts";

export interface JoinSurroundings {
  readonly dev: boolean;
  readonly networkAddresses: readonly NetworkAddress[];
  readonly network: Pick<Config, "bind" | "ports" | "advertise">;
  readonly consul: Pick<ConsulConfig, "serverAutoJoin"> | null;
}

export type Together = Pick<ServerConfig, "bootstrapExpect" | "logMaker" | "join"> & { readonly warnings: readonly string[] };

/** More servers than anybody runs: a mistyped port, most likely. */
const EXPECTED_MAX = 99;

export function resolveTogether(read: SettingReader, around: JoinSurroundings): Together {
  const join = resolveJoin(read, around.network.ports.serf);
  const expected = read.within("server.bootstrap_expect", 0, 0, EXPECTED_MAX);
  const enabled = read.flag("server.enabled", around.dev);
  const others = [...join.startJoin, ...join.retryJoin].filter((each) => !isOneself(each, around));
  if (around.dev && (others.length > 0 || expected > 1)) {
    const at = expected > 1 ? "server.bootstrap_expect" : read.has("server.start_join") ? "server.start_join" : "server.retry_join";
    read.problem(at, "-dev is one server alone, and others are named", "Start it with -server -data-dir … instead, or leave them out.");
  }
  const looksInConsul = around.consul?.serverAutoJoin === true && expected === 0;
  const alone = around.dev || (others.length === 0 && expected <= 1 && !looksInConsul);
  if (alone)
    return { bootstrapExpect: 1, logMaker: "sqlite", join, warnings: enabled && !around.dev && expected === 0 ? [aloneWarning()] : [] };
  return { bootstrapExpect: expected, logMaker: "consul", join, warnings: enabled ? clusterWarnings(expected, others, around) : [] };
}

function aloneWarning(): string {
  return (
    "server.bootstrap_expect is not set and no other server is named: this server stands alone, as with bootstrap_expect = 1. " +
    'Write that to say so; to join a cluster, name one of its servers in server { retry_join = ["…"] }, ' +
    'or write bootstrap_expect = 3 and tell it one: "drover server join".'
  );
}

function clusterWarnings(expected: number, others: readonly string[], around: JoinSurroundings): readonly string[] {
  const warnings: string[] = [];
  if (expected > 1 && expected % 2 === 0)
    warnings.push(`server.bootstrap_expect is ${expected}: an even number of servers bears no more failures than one fewer; use 3 or 5`);
  if (expected === 0 && others.length === 0)
    warnings.push(
      "server.bootstrap_expect is not set and consul { } is: this server looks for others of its region in Consul and waits for them. " +
        "A server that stands alone says server { bootstrap_expect = 1 }",
    );
  const { bind } = around.network;
  const beyond = others.find((each) => !isLoopback(hostOf(each)));
  if (beyond !== undefined && isLoopback(bind.rpc))
    warnings.push(
      `servers beyond this machine are named (${beyond}), and this one listens on ${bind.rpc} only: they cannot reach it. Set bind_addr`,
    );
  return warnings;
}

function resolveJoin(read: SettingReader, serfPort: number): JoinConfig {
  const at = (name: string) => {
    const [above, inBlock] = [`server.${name}`, `server.server_join.${name}`];
    if (read.has(above) && read.has(inBlock))
      read.problem(above, `${name} is written both in server and in server_join`, "Keep the one in server_join.");
    return read.has(inBlock) ? inBlock : above;
  };
  const addresses = (name: string, provided: boolean): readonly string[] => {
    const path = at(name);
    for (const each of read.list(path)) {
      const reason = joinProblem(each, provided);
      if (reason !== null) read.problem(path, `${name} holds ${JSON.stringify(shownWord(each))}: ${reason.problem}`, reason.detail);
    }
    return read.list(path).map((each) => withPort(each.trim(), serfPort));
  };
  return {
    startJoin: addresses("start_join", false),
    retryJoin: addresses("retry_join", true),
    retryMax: read.within(at("retry_max"), 0, 0, 1_000_000),
    retryIntervalMs: read.within(at("retry_interval"), 30_000, 100, 24 * 3_600_000),
    encrypt: resolveEncrypt(read),
    rejoinAfterLeave: read.flag("server.rejoin_after_leave"),
  };
}

/** A cloud's words hold its keys. */
function shownWord(written: string): string {
  return written.replace(/\b(\w*(?:secret|key|token|password)\w*\s*=\s*)("[^"]*"|\S+)/gi, "$1<redacted>");
}

function joinProblem(written: string, provided: boolean): { readonly problem: string; readonly detail: string } | null {
  const text = written.trim();
  if (/\bprovider\s*=/.test(text))
    return {
      problem: "clouds are not asked for their machines",
      detail:
        'Name a DNS record of the servers, or let a program say them: retry_join = ["exec=/usr/local/bin/servers"], one address a line.',
    };
  if (text.startsWith("exec=")) return provided && text.length > 5 ? null : { problem: "no program to run", detail: "" };
  const address = /^(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+|[0-9a-fA-F:.]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(address?.[2] ?? 1);
  if (address === null || port < 1 || port > 65_535)
    return { problem: "must be a host, perhaps with a port", detail: 'For example "10.0.0.1" or "10.0.0.1:4648".' };
  return null;
}

/** Gossip's key as Serf wants it. */
function resolveEncrypt(read: SettingReader): Concealed {
  const written = read.text("server.encrypt", "");
  const bytes = Buffer.from(written, "base64");
  if (written !== "" && (bytes.toString("base64") !== written || ![16, 24, 32].includes(bytes.length)))
    read.problem(
      "server.encrypt",
      "server.encrypt is no gossip key: must be 16, 24 or 32 bytes in base64",
      "Make one: drover operator gossip keyring generate",
    );
  return new Concealed(written);
}

/** Joining oneself is what everybody's one-server configuration says. */
function isOneself(address: string, around: JoinSurroundings): boolean {
  if (address.startsWith("exec=")) return false;
  const { bind, ports, advertise } = around.network;
  if (portOf(address) !== (ports.serf === 0 ? 4648 : ports.serf)) return false;
  const host = hostOf(address);
  if (isLoopback(host)) return true;
  return host === bind.serf || address === advertise.serf || around.networkAddresses.some((each) => each.address === host);
}

function withPort(address: string, port: number): string {
  if (address.startsWith("exec=") || /^(\[[^\]]*\]|[^:[\]]+):\d+$/.test(address)) return address;
  const host = address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
  return `${host}:${port === 0 ? 4648 : port}`;
}

const hostOf = (address: string) => address.replace(/:\d+$/, "").replaceAll(/[[\]]/g, "");
const portOf = (address: string) => Number(/:(\d+)$/.exec(address)?.[1]);
