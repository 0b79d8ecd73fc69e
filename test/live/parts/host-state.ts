/**
 * Everything of a host that an allocation may leave behind, as words in one value, so that "nothing is left" is one comparison. Taken of
 * an isolated host it is the whole truth; of the machine itself, where others work too, only what mentions one of `words` counts.
 */
import { request } from "node:http";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { controlGroupsOf, run } from "../real-agent.ts";
import type { Asker } from "./asker.ts";
import type { IsolatedHost } from "./isolated-host.ts";

export interface HostStateOptions {
  /** undefined: the machine. */
  readonly host?: IsolatedHost;
  /** What counts is what mentions one of these (an owner's label, an allocation's id, a bridge, a folder); empty: everything. */
  readonly words?: readonly string[];
  /** Asked for services, checks, sessions, tokens and config entries, with a token that may see all. */
  readonly consul?: Asker;
  /**
   * Of the agent that runs there: of the machine's control groups, those of its drivers count. Without it: those that mention `words`, and
   * of a host without words none, since a host has no control groups of its own: it would see other tests' come and go.
   */
  readonly dataDirectory?: string;
  /** Docker's socket: containers, volumes and networks are asked for. */
  readonly docker?: string;
}

/** What it is ("network namespace") → which ones; sorted. */
export type HostState = Readonly<Record<string, readonly string[]>>;

export async function hostState(options: HostStateOptions = {}): Promise<HostState> {
  const words = options.words ?? [];
  const counts = (line: string): boolean => words.length === 0 || words.some((word) => line.includes(word));
  const say = async (...command: string[]): Promise<string[]> => {
    const [first = "", ...rest] = [...(options.host?.through ?? []), ...command];
    const { stdout } = await run(first, rest, { env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` } });
    return stdout.split("\n").filter(Boolean);
  };
  const [namespaces, links, addresses, rules, rules6, leases, mounts] = await Promise.all([
    say("ls", "/run/netns"),
    say("ip", "-o", "link", "show"),
    say("ip", "-o", "address", "show"),
    say("iptables-save"),
    say("ip6tables-save"),
    say("find", "/var/lib/cni", "/run/cni", "-type", "f"),
    say("cat", "/proc/mounts"),
  ]);
  const found: Record<string, readonly string[]> = {
    "network namespace": namespaces.filter(counts),
    interface: links.filter(counts).map((line) => line.replace(/^\d+: /, "").replace(/ <.*? mtu.*/s, "")),
    address: addresses.filter(counts).map((line) => line.split(/\s+/).slice(1, 4).join(" ")),
    "firewall rule": firewallRules(rules, counts),
    "IPv6 firewall rule": firewallRules(rules6, counts),
    "CNI file": leases.filter((file) => !/\/(lock|last_reserved_ip\.\d+)$/.test(file)).filter(counts),
    mount: mounts.map((line) => line.split(" ").slice(0, 3).join(" ")).filter(counts),
    process: await processes(options.host, counts),
    cgroup: controlGroups(options, counts),
    ...(options.consul !== undefined && (await consulState(options.consul))),
    ...(options.docker !== undefined && (await dockerState(options.docker))),
  };
  return Object.fromEntries(Object.entries(found).map(([what, lines]) => [what, lines.toSorted()]));
}

/**
 * In words: "left: network namespace drover-…", "gone: interface nomad". Empty when both are the same. A mount that is gone is no difference:
 * a host begins with a copy of the machine's mounts, and loses one of another test's when that test removes the folder.
 */
export function difference(before: HostState, after: HostState): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((what) => [
    ...without(after[what] ?? [], before[what] ?? []).map((line) => `left: ${what} ${line}`),
    ...(what === "mount" ? [] : without(before[what] ?? [], after[what] ?? [])).map((line) => `gone: ${what} ${line}`),
  ]);
}

/** Lines of the first that the second lacks; one that is there twice counts twice. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const rest = [...others];
  return lines.filter((line) => {
    const index = rest.indexOf(line);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
}

/** Table by table, without counters. A chain that a rule which counts jumps to, or stands in, counts with all its rules. */
function firewallRules(saved: readonly string[], counts: (line: string) => boolean): string[] {
  let table = "";
  const all: string[] = [];
  for (const line of saved) {
    if (line.startsWith("*")) table = line.slice(1);
    else if (/^[:-]/.test(line)) all.push(`${table} ${line.replace(/ \[\d+:\d+\]$/, "").replace(/^\[\d+:\d+\] /, "")}`);
  }
  const named = all.filter(counts).flatMap((line) => line.match(/\b(?:CNI|NOMAD|DROVER)-[\w-]+/g) ?? []);
  const chains = new Set(named.filter((name) => /^CNI-(?:[0-9a-f]{20,}|DN-|SN-)/.test(name)));
  return all.filter((line) => counts(line) || [...chains].some((chain) => line.includes(chain)));
}

/** The machine: those that mention a word in command line, environment or control group. A host: all of them. */
async function processes(host: IsolatedHost | undefined, counts: (line: string) => boolean): Promise<string[]> {
  const pids = host === undefined ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : (await host.pids()).map(String);
  return pids.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (command === "" || Number(pid) === process.pid) return [];
      const where = `${readFileSync(`/proc/${pid}/environ`, "utf8")} ${readFileSync(`/proc/${pid}/cgroup`, "utf8")} ${readlinkSync(`/proc/${pid}/cwd`)}`;
      return host !== undefined || counts(`${command} ${where}`) ? [`${pid} ${command}`] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

function controlGroups({ host, dataDirectory, words = [] }: HostStateOptions, counts: (line: string) => boolean): string[] {
  if (dataDirectory !== undefined) return controlGroupsOf(dataDirectory);
  return host !== undefined && words.length === 0 ? [] : groups().filter(counts);
}

/** Of Drover and of containers, in every hierarchy. */
function groups(): string[] {
  const root = "/sys/fs/cgroup";
  const below = (folder: string): string[] => {
    try {
      return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap((entry) => [join(folder, entry.name), ...below(join(folder, entry.name))]);
    } catch {
      return []; // Removed while we looked.
    }
  };
  return below(root).filter((group) => /drover|docker|libpod|runc/.test(group));
}

async function consulState(consul: Asker): Promise<HostState> {
  const listed = async <T>(path: string): Promise<T[]> => {
    const response = await consul.api(path);
    // Refused where access control is off: then there are none.
    return response.ok ? Object.values((await response.json()) as Record<string, T>) : [];
  };
  const [services, checks, sessions, tokens, entries] = await Promise.all([
    listed<{ ID: string }>("/v1/agent/services"),
    listed<{ CheckID: string }>("/v1/agent/checks"),
    listed<{ ID: string; Name: string }>("/v1/session/list"),
    listed<{ AccessorID: string; Description: string; AuthMethod?: string }>("/v1/acl/tokens"),
    Promise.all(
      ["service-defaults", "service-intentions", "ingress-gateway", "terminating-gateway"].map((kind) =>
        listed<{ Kind: string; Name: string }>(`/v1/config/${kind}`),
      ),
    ),
  ]);
  return {
    "Consul service": services.map(({ ID }) => ID),
    "Consul check": checks.map(({ CheckID }) => CheckID),
    "Consul session": sessions.map(({ ID, Name }) => `${Name} ${ID}`),
    "Consul token": tokens.map(({ AccessorID, Description, AuthMethod }) => `${AccessorID} ${AuthMethod ?? ""} ${Description}`),
    "Consul config entry": entries.flat().map(({ Kind, Name }) => `${Kind} ${Name}`),
  };
}

async function dockerState(socketPath: string): Promise<HostState> {
  const ask = <T>(path: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const question = request({ socketPath, path, headers: { host: "docker" } }, (answer) => {
        let text = "";
        answer.on("data", (data: Buffer) => (text += data.toString()));
        answer.on("end", () => resolve(JSON.parse(text) as T));
      });
      question.on("error", reject);
      question.end();
    });
  const [containers, volumes, networks] = await Promise.all([
    ask<{ Id: string; Names: string[]; State: string }[]>("/containers/json?all=true"),
    ask<{ Volumes: { Name: string }[] | null }>("/volumes"),
    ask<{ Name: string }[]>("/networks"),
  ]);
  return {
    container: containers.map(({ Id, Names, State }) => `${Id.slice(0, 12)} ${Names.join(" ")} ${State}`),
    volume: (volumes.Volumes ?? []).map(({ Name }) => Name),
    "Docker network": networks.map(({ Name }) => Name),
  };
}
