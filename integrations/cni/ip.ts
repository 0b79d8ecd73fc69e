/** Namespaces and interfaces, by `ip` of iproute2. */
import { readdirSync, statSync } from "node:fs";
import { NamedError } from "#std";
import { type Ran, run } from "./command.ts";
import { NAMESPACES_DIRECTORY, namespacePath } from "./label.ts";

export interface SeenInterface {
  readonly name: string;
  /** "10.0.0.2/24"; no link-local ones. */
  readonly addresses: readonly string[];
  readonly up: boolean;
  /** Index of the other end of a pair; 0: none. */
  readonly peer: number;
}

export interface Ip {
  namespaces(): readonly string[];
  has(label: string): boolean;
  add(label: string): Promise<void>;
  attach(label: string, pid: number): Promise<void>;
  /** The name goes; the namespace itself with its last process. */
  remove(label: string): Promise<void>;
  /** Every interface inside that can be deleted is. */
  removeInterfaces(label: string): Promise<void>;
  loopbackUp(label: string): Promise<void>;
  /** undefined: no such namespace. */
  interfaces(label: string): Promise<readonly SeenInterface[] | undefined>;
  /** The default route's gateway inside; "" when there is none. */
  gateway(label: string): Promise<string>;
  /** Of a bridge of the host: the indexes of what is plugged into it; undefined: there is no such bridge. */
  plugged(bridge: string): Promise<ReadonlySet<number> | undefined>;
  /** Puts the machine's end of a pair into a bridge. false: there is no such end. */
  plug(index: number, bridge: string): Promise<boolean>;
  hostRoutes(): Promise<readonly { readonly dst: string; readonly dev: string }[]>;
  run(words: readonly string[]): Promise<Ran>;
}

const OWN_NAMESPACE = "/proc/self/ns/net";

interface Link {
  readonly ifindex: number;
  readonly ifname?: string;
  readonly link_index?: number;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number; readonly scope?: string }[];
}

export function ipOf(searchPath: string): Ip {
  const environment = { PATH: searchPath, LC_ALL: "C" };
  const ip = (words: readonly string[]): Promise<Ran> => run("ip", words, { environment });
  const mustRun = async (action: string, words: readonly string[]): Promise<Ran> => {
    const ran = await ip(words);
    if (ran.exitCode === 0) return ran;
    const missing = ran.exitCode === -1 && ran.stderr.includes("ENOENT");
    throw new NamedError("NETWORK_UNSUPPORTED", `Cannot ${action}: ip ${words.join(" ")}: ${ran.stderr.trim()}`, {
      fix: missing
        ? "apt install iproute2"
        : "The agent must run as root on Linux, with the right to make network namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)",
    });
  };
  const has = (label: string): boolean => identityOf(namespacePath(label)) !== undefined;
  const links = async (words: readonly string[]): Promise<readonly Link[] | undefined> => {
    const ran = await ip(words);
    return ran.exitCode === 0
      ? (JSON.parse(ran.stdout === "" ? "[]" : ran.stdout) as Link[]).filter((link) => link.ifname !== undefined)
      : undefined;
  };
  return {
    has,
    run: ip,
    namespaces: () => {
      try {
        return readdirSync(NAMESPACES_DIRECTORY);
      } catch {
        return [];
      }
    },
    add: async (label) => void (await mustRun(`make namespace "${label}"`, ["netns", "add", label])),
    attach: async (label, pid) => {
      // A number that docker of another machine told, or that was given again: whoever takes this network down would take the machine's.
      if (identityOf(`/proc/${pid}/ns/net`) === identityOf(OWN_NAMESPACE))
        throw notAllocations(`name the namespace of process ${pid} "${label}"`);
      await mustRun(`name the namespace of process ${pid}`, ["netns", "attach", label, String(pid)]);
      if (identityOf(namespacePath(label)) !== identityOf(OWN_NAMESPACE)) return;
      await ip(["netns", "del", label]);
      throw notAllocations(`name the namespace of process ${pid} "${label}"`);
    },
    remove: async (label) => {
      const ran = await ip(["netns", "del", label]);
      if (ran.exitCode !== 0 && has(label))
        throw new NamedError("NETWORK_UNSUPPORTED", `Cannot remove namespace "${label}": ${ran.stderr.trim()}`);
    },
    removeInterfaces: async (label) => {
      // Somebody may have led the name there.
      if (identityOf(namespacePath(label)) === identityOf(OWN_NAMESPACE)) return;
      for (const link of (await links(["-n", label, "-j", "addr", "show"])) ?? []) {
        if (link.ifname !== "lo") await ip(["-n", label, "link", "del", link.ifname as string]);
      }
    },
    loopbackUp: async (label) => void (await mustRun(`start the loopback of "${label}"`, ["-n", label, "link", "set", "lo", "up"])),
    interfaces: async (label) => {
      if (!has(label)) return undefined;
      return (await links(["-n", label, "-j", "addr", "show"]))?.map((link) => ({
        name: link.ifname as string,
        up: link.flags?.includes("UP") === true,
        peer: link.link_index ?? 0,
        addresses: (link.addr_info ?? []).filter((one) => one.scope === "global").map((one) => `${one.local}/${one.prefixlen}`),
      }));
    },
    gateway: async (label) => {
      const ran = await ip(["-n", label, "-4", "-j", "route", "show", "default"]);
      if (ran.exitCode !== 0) return "";
      return (JSON.parse(ran.stdout === "" ? "[]" : ran.stdout) as { gateway?: string }[])[0]?.gateway ?? "";
    },
    plugged: async (bridge) => {
      const found = await links(["-j", "link", "show", "master", bridge]);
      return found === undefined ? undefined : new Set(found.map((link) => link.ifindex));
    },
    plug: async (index, bridge) => {
      const end = (await links(["-j", "link", "show"]))?.find((link) => link.ifindex === index)?.ifname;
      if (end === undefined) return false;
      const plugged = await ip(["link", "set", end, "master", bridge]);
      // Whoever has a port of the machine reaches it by the machine's address.
      await ip(["link", "set", end, "type", "bridge_slave", "hairpin", "on"]);
      return plugged.exitCode === 0 && (await ip(["link", "set", end, "up"])).exitCode === 0;
    },
    hostRoutes: async () => {
      const ran = await ip(["-4", "-j", "route", "show"]);
      return ran.exitCode === 0 ? (JSON.parse(ran.stdout === "" ? "[]" : ran.stdout) as { dst: string; dev: string }[]) : [];
    },
  };
}

function notAllocations(action: string): NamedError {
  return new NamedError("NETWORK_UNSUPPORTED", `Cannot ${action}: it is the network of this machine, wanted one of the allocation's own`, {
    fix: 'What holds an allocation\'s network must run on this machine: see endpoint of plugin "docker"',
  });
}

/** Which namespace a path leads to: "device:inode". undefined: none (also a name whose mount was lost: a plain file). */
export function identityOf(file: string): string | undefined {
  try {
    const stat = statSync(file, { bigint: true });
    const self = statSync(OWN_NAMESPACE, { bigint: true });
    return stat.dev === self.dev ? `${stat.dev}:${stat.ino}` : undefined;
  } catch {
    return undefined;
  }
}
