/** `drover agent` flags, Go's way: `-name value`, `-name=value`, `--name …`. nomad.md §5.1. Flags win over files. */
import { nearest, parseDuration } from "#std";
import { ConfigError } from "./config-error.ts";
import type { Setting, Settings } from "./settings.ts";

type FlagShape = "switch" | "text" | "whole" | "duration" | "list" | "pair";

interface AgentFlag {
  readonly shape: FlagShape;
  /** The setting it is; "" for those that are about the start itself. */
  readonly path: string;
  readonly about: string;
  /** Why it is refused in this version. */
  readonly refused?: string;
}

function vaultFlags(shape: FlagShape, names: readonly string[]): Readonly<Record<string, AgentFlag>> {
  const flag = (key: string): AgentFlag => ({ shape, path: `vault.${key}`, about: `vault { ${key} }` });
  return Object.fromEntries(names.map((name) => [`vault-${name}`, flag(name.replaceAll("-", "_"))]));
}

export const AGENT_FLAGS: Readonly<Record<string, AgentFlag>> = {
  config: { shape: "list", path: "", about: "A configuration file or a directory of them; may be repeated" },
  dev: {
    shape: "switch",
    path: "",
    about: "A server and a client in one, raw_exec enabled, state in a temporary directory that is removed at the end",
  },
  "dev-connect": {
    shape: "switch",
    path: "",
    about:
      "As -dev-consul, for networks and the mesh: tasks have the address of the default route's interface instead of the loopback. " +
      "Needs root on Linux; the API stays where it is",
  },
  "dev-consul": {
    shape: "switch",
    path: "",
    about: "As -dev, and services are registered in the Consul on this machine, by identities set up with `drover setup consul`",
  },
  "dev-vault": {
    shape: "switch",
    path: "",
    about: "As -dev, and tasks read secrets of the Vault or OpenBao on this machine, by identities set up with `drover setup vault`",
  },
  server: { shape: "switch", path: "server.enabled", about: "Run the server" },
  client: { shape: "switch", path: "client.enabled", about: "Run the client, which runs tasks on this machine" },
  "bootstrap-expect": { shape: "whole", path: "server.bootstrap_expect", about: "How many servers make the cluster; 1: this one alone" },
  join: { shape: "list", path: "server.start_join", about: "Servers to join once, at start" },
  "retry-join": { shape: "list", path: "server.retry_join", about: "Servers to join, tried again until one answers" },
  "retry-max": { shape: "whole", path: "server.retry_max", about: "How often joining is tried" },
  "retry-interval": { shape: "duration", path: "server.retry_interval", about: "Time between tries to join" },
  rejoin: { shape: "switch", path: "server.rejoin_after_leave", about: "Join again after having left" },
  encrypt: { shape: "text", path: "server.encrypt", about: "Key of the gossip between servers; base64" },
  "raft-protocol": { shape: "whole", path: "server.raft_protocol", about: "Not used: there is no Raft" },
  node: { shape: "text", path: "name", about: "This agent's name; default: the machine's" },
  region: { shape: "text", path: "region", about: "The region; default: global" },
  dc: { shape: "text", path: "datacenter", about: "The datacenter; default: dc1" },
  "data-dir": { shape: "text", path: "data_dir", about: "Where state is kept; an absolute path" },
  "plugin-dir": { shape: "text", path: "plugin_dir", about: "Where plugins lie" },
  "state-dir": { shape: "text", path: "client.state_dir", about: "Where the client keeps its state" },
  "alloc-dir": { shape: "text", path: "client.alloc_dir", about: "Where allocations have their directories" },
  bind: { shape: "text", path: "bind_addr", about: "The address to listen on; default: 127.0.0.1" },
  meta: { shape: "pair", path: "client.meta", about: "key=value of the node's meta; may be repeated" },
  "node-class": { shape: "text", path: "client.node_class", about: "The node's class" },
  "node-pool": { shape: "text", path: "client.node_pool", about: "The node's pool" },
  servers: { shape: "list", path: "client.servers", about: "Servers the client talks to" },
  "network-interface": { shape: "text", path: "client.network_interface", about: "The interface tasks get their address from" },
  "network-speed": { shape: "whole", path: "client.network_speed", about: "Not used" },
  "cpu-total-compute": { shape: "whole", path: "client.cpu_total_compute", about: "MHz of this machine, instead of what is measured" },
  "acl-enabled": { shape: "switch", path: "acl.enabled", about: "Closed: every request needs a token that may" },
  "acl-replication-token": { shape: "text", path: "acl.replication_token", about: "Not used" },
  "log-level": { shape: "text", path: "log_level", about: "TRACE, DEBUG, INFO, WARN or ERROR; default: INFO" },
  "log-json": { shape: "switch", path: "log_json", about: "Log as JSON" },
  "log-include-location": { shape: "switch", path: "log_include_location", about: "Not used" },
  ...Object.fromEntries(
    [
      "auth",
      "ca-file",
      "cert-file",
      "key-file",
      "token",
      "client-service-name",
      "server-service-name",
      "client-http-check-name",
      "server-http-check-name",
      "server-rpc-check-name",
      "server-serf-check-name",
      "address",
      "namespace",
    ].map((name) => [
      `consul-${name}`,
      { shape: "text", path: `consul.${name.replaceAll("-", "_")}`, about: `consul { ${name.replaceAll("-", "_")} }` } satisfies AgentFlag,
    ]),
  ),
  ...Object.fromEntries(
    ["auto-advertise", "checks-use-advertise", "client-auto-join", "server-auto-join", "ssl", "verify-ssl"].map((name) => [
      `consul-${name}`,
      {
        shape: "switch",
        path: `consul.${name.replaceAll("-", "_")}`,
        about: `consul { ${name.replaceAll("-", "_")} }`,
      } satisfies AgentFlag,
    ]),
  ),
  ...vaultFlags("switch", ["enabled", "allow-unauthenticated", "tls-skip-verify"]),
  ...vaultFlags("text", [
    "address",
    "ca-file",
    "ca-path",
    "cert-file",
    "create-from-role",
    "jwt-auth-backend-path",
    "key-file",
    "namespace",
    "tls-server-name",
    "token",
  ]),
};

export interface AgentFlags {
  readonly configPaths: readonly string[];
  readonly dev: boolean;
  readonly devConsul: boolean;
  readonly devVault: boolean;
  /** -dev-connect; devConsul is true too. */
  readonly devConnect: boolean;
  readonly settings: Settings;
}

/** Throws ConfigError for words that are no flags, or have the wrong value. */
export function parseAgentFlags(words: readonly string[]): AgentFlags {
  const problems: string[] = [];
  const given = new Map<string, string[]>();
  for (let at = 0; at < words.length; at++) {
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(words[at] as string);
    const name = match?.[1] ?? "";
    const flag = match !== null && Object.hasOwn(AGENT_FLAGS, name) ? AGENT_FLAGS[name] : undefined;
    if (flag === undefined) {
      problems.push(match === null ? `agent takes no argument, got ${JSON.stringify(words[at])}` : unknownFlag(name));
      // Its value, most likely: one mistake is enough.
      if (match !== null && match[2] === undefined && words[at + 1]?.startsWith("-") === false) at++;
      continue;
    }
    let value = match?.[2];
    if (value === undefined) value = flag.shape === "switch" ? "true" : words[++at];
    if (value === undefined) problems.push(`flag -${name}: a value is missing`);
    else given.set(name, [...(given.get(name) ?? []), value]);
  }
  const settings = new Map<string, Setting>();
  let dev = false;
  let devConsul = false;
  let devVault = false;
  let devConnect = false;
  for (const [name, values] of given) {
    const flag = AGENT_FLAGS[name] as AgentFlag;
    const value = convert(flag.shape, values);
    if (value === undefined) problems.push(`flag -${name}: expected ${EXPECTED[flag.shape]}, got ${JSON.stringify(values.at(-1))}`);
    else if (flag.refused !== undefined && value === true) problems.push(`flag -${name}: ${flag.refused}`);
    else if (name === "dev") dev ||= value === true;
    else if (name === "dev-consul") devConsul = value === true;
    else if (name === "dev-vault") devVault = value === true;
    else if (name === "dev-connect") devConnect = value === true;
    else if (flag.path !== "") settings.set(flag.path, { value, origin: { flag: `-${name}` }, appends: flag.shape === "list" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  devConsul ||= devConnect;
  return { configPaths: given.get("config") ?? [], dev: dev || devConsul || devVault, devConsul, devVault, devConnect, settings };
}

const EXPECTED: Readonly<Record<FlagShape, string>> = {
  switch: "true or false",
  text: "text",
  whole: "a whole number",
  duration: 'a duration such as "30s"',
  list: "text",
  pair: "key=value",
};

function convert(shape: FlagShape, values: readonly string[]): unknown {
  const last = values.at(-1) as string;
  switch (shape) {
    case "switch":
      return ["true", "1", "t"].includes(last) ? true : ["false", "0", "f"].includes(last) ? false : undefined;
    case "text":
      return last;
    case "whole":
      return /^-?\d+$/.test(last) ? Number(last) : undefined;
    case "duration": {
      const nanoseconds = parseDuration(last);
      return nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1e6);
    }
    case "list":
      return values.flatMap((value) => value.split(",").map((each) => each.trim())).filter((each) => each !== "");
    case "pair": {
      const pairs = values.map((value) => /^([^=]+)=([\s\S]*)$/.exec(value));
      return pairs.includes(null) ? undefined : Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]));
    }
  }
}

function unknownFlag(name: string): string {
  const near = nearest(name, Object.keys(AGENT_FLAGS));
  return `unknown flag -${name}${near === undefined ? "" : `\nDid you mean -${near}?`}`;
}
