/** What bridge networks need and this machine lacks, each with the command that mends it (F42). `findings` is pure; `preflight` looks. */
import { readFileSync } from "node:fs";
import type { Finding } from "#ports";
import { findProgram, run } from "./command.ts";
import { readConfigDirectory } from "./config-directory.ts";
import { ADMIN_CHAIN, subnetsOverlap } from "./conflist.ts";
import type { Place } from "./place.ts";
import { GET_PLUGINS, lackingPlugins } from "./plugin.ts";
import { forwardsTo, type Rules } from "./rules.ts";

export interface Seen {
  readonly linux: boolean;
  readonly root: boolean;
  readonly programs: Readonly<Record<"ip" | "iptables" | "iptables-restore" | "nsenter", boolean>>;
  readonly cniPaths: readonly string[];
  readonly pathsThere: readonly string[];
  readonly pluginsMissing: readonly string[];
  readonly bridge: { readonly name: string; readonly subnet: string };
  readonly bridgePossible: boolean;
  /** "" unreadable. */
  readonly forwarding: string;
  /** "" : the module is not loaded. */
  readonly bridgeRules: string;
  readonly rules: Rules | undefined;
  readonly firewalld: boolean;
  readonly ufw: boolean;
  readonly routes: readonly { readonly dst: string; readonly dev: string }[];
  readonly unreadable: readonly { readonly file: string; readonly problem: string }[];
}

export async function preflight(place: Place): Promise<readonly Finding[]> {
  return findings(await look(place));
}

export function findings(seen: Seen): readonly Finding[] {
  const { name, subnet } = seen.bridge;
  return [
    !seen.linux
      ? missing("system", "Networks of allocations take Linux", "Run the agent on Linux; network mode host works everywhere")
      : seen.root
        ? good("system", "Linux, and the agent runs as root")
        : missing("system", "The agent does not run as root: it cannot make network namespaces", "Start it as root: sudo drover agent …"),
    plugins(seen),
    tools(seen),
    seen.bridgePossible
      ? good("bridge-module", "The kernel can make bridges")
      : missing(
          "bridge-module",
          "The kernel's module bridge is not loaded, and it cannot be said that it can be",
          "modprobe bridge && echo bridge > /etc/modules-load.d/bridge.conf",
        ),
    seen.forwarding === "1"
      ? good("ip-forward", "The kernel forwards packets")
      : missing(
          "ip-forward",
          "net.ipv4.ip_forward is 0: no packet leaves or reaches an allocation's network",
          "sysctl -w net.ipv4.ip_forward=1 && echo net.ipv4.ip_forward=1 > /etc/sysctl.d/90-drover.conf",
        ),
    bridgeRules(seen),
    forwardPolicy(seen),
    ...otherFirewalls(seen),
    overlap(seen, name, subnet),
    ...seen.unreadable.map((one) =>
      warning("cni-config", `${one.file} cannot be read: ${one.problem}`, "Mend or remove the file; its network is not offered until then"),
    ),
  ];
}

function plugins(seen: Seen): Finding {
  if (seen.pluginsMissing.length === 0) return good("cni-plugins", `CNI plugins are in ${seen.pathsThere.join(", ")}`);
  const where = seen.pathsThere.length === 0 ? `none of ${seen.cniPaths.join(", ")} is a folder` : `not in ${seen.cniPaths.join(", ")}`;
  return missing(
    "cni-plugins",
    `CNI plugins ${seen.pluginsMissing.join(", ")} are missing: ${where}`,
    `${GET_PLUGINS}; or set client { cni_path } to their folder`,
  );
}

function tools(seen: Seen): Finding {
  const lacking = Object.entries(seen.programs).flatMap(([program, there]) => (there ? [] : [program]));
  if (lacking.length === 0 && seen.rules !== undefined) return good("iptables", "ip, iptables and nsenter are there");
  if (lacking.length > 0) return missing("iptables", `${lacking.join(", ")} not found`, "apt install iproute2 iptables util-linux");
  return seen.root
    ? missing("iptables", "iptables-save cannot read the packet rules", "modprobe ip_tables nf_tables; iptables-save says what is wrong")
    : warning("iptables", "The packet rules cannot be read without root", "Run this as root");
}

function bridgeRules(seen: Seen): Finding {
  if (seen.bridgeRules === "1") return good("bridge-nf", "Packets between allocations on one bridge pass the packet rules");
  const problem = seen.bridgeRules === "" ? "The kernel's module br_netfilter is not loaded" : "net.bridge.bridge-nf-call-iptables is 0";
  return warning(
    "bridge-nf",
    `${problem}: an allocation may not reach another of the same machine by the machine's published ports`,
    "modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1 && echo br_netfilter > /etc/modules-load.d/br_netfilter.conf",
  );
}

function forwardPolicy(seen: Seen): Finding {
  const { name, subnet } = seen.bridge;
  const policy = seen.rules?.chains.find((chain) => chain.table === "filter" && chain.name === "FORWARD")?.policy ?? "ACCEPT";
  const refuses = seen.rules?.rules.find(
    (rule) => rule.table === "filter" && rule.chain === "FORWARD" && /^-j (DROP|REJECT)/.test(rule.text),
  );
  if (policy === "ACCEPT" && refuses === undefined) return good("firewall", "The packet rules forward what nobody forbids");
  const rules = seen.rules as Rules;
  if (forwardsTo(rules, { chain: ADMIN_CHAIN, bridge: name }))
    return good("firewall", `The packet rules let traffic of bridge "${name}" through`);
  const what = policy === "ACCEPT" ? "A rule of chain FORWARD refuses everything" : `The policy of chain FORWARD is ${policy}`;
  return warning(
    "firewall",
    `${what} (Docker and firewalls set this), and nothing lets traffic of bridge "${name}" through yet; the first allocation with a network makes such rules`,
    `iptables -I FORWARD 1 -o ${name} -d ${subnet} -j ACCEPT && iptables -I FORWARD 1 -i ${name} -s ${subnet} -j ACCEPT`,
  );
}

function otherFirewalls(seen: Seen): readonly Finding[] {
  const { name } = seen.bridge;
  return [
    ...(seen.firewalld
      ? [
          warning(
            "firewalld",
            `firewalld is active: it refuses traffic of bridge "${name}" unless its zone trusts it, and a reload of it removes packet rules`,
            `firewall-cmd --permanent --zone=trusted --add-interface=${name} && firewall-cmd --reload`,
          ),
        ]
      : []),
    ...(seen.ufw
      ? [
          warning(
            "ufw",
            `ufw is active: it refuses forwarded traffic of bridge "${name}" unless it is told otherwise`,
            `ufw route allow in on ${name} && ufw route allow out on ${name} && ufw allow in on ${name}`,
          ),
        ]
      : []),
  ];
}

function overlap(seen: Seen, name: string, subnet: string): Finding {
  const clash = seen.routes.find((route) => route.dev !== name && route.dst !== "default" && subnetsOverlap(route.dst, subnet));
  if (clash === undefined) return good("subnet", `${subnet} is nobody else's on this machine`);
  return warning(
    "subnet",
    `The bridge's subnet ${subnet} overlaps the route ${clash.dst} of ${clash.dev}: one of both is not reached`,
    `Choose another: client { bridge_network_subnet = "10.244.0.0/20" }`,
  );
}

async function look(place: Place): Promise<Seen> {
  const { cniPaths, configDirectory, bridge } = place.options;
  const folders = place.searchPath.split(":");
  const there = (program: string): boolean => findProgram(program, folders) !== undefined;
  const environment = { PATH: place.searchPath, LC_ALL: "C" };
  const says = async (program: string, words: readonly string[], pattern: RegExp): Promise<boolean> =>
    there(program) && pattern.test((await run(program, words, { environment, timeoutMs: 5_000 })).stdout);
  return {
    linux: process.platform === "linux",
    root: process.getuid?.() === 0,
    programs: { ip: there("ip"), iptables: there("iptables"), "iptables-restore": there("iptables-restore"), nsenter: there("nsenter") },
    cniPaths,
    pathsThere: cniPaths.filter((folder) => findProgram(".", [folder]) !== undefined),
    pluginsMissing: lackingPlugins(place, place.bridge),
    bridge: { name: bridge.name, subnet: bridge.subnet },
    bridgePossible: bridgePossible(),
    forwarding: read("/proc/sys/net/ipv4/ip_forward"),
    bridgeRules: read("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    rules: await place.four.read(),
    firewalld: await says("firewall-cmd", ["--state"], /^running/m),
    ufw: await says("ufw", ["status"], /^Status: active/m),
    routes: await place.ip.hostRoutes(),
    unreadable: readConfigDirectory(configDirectory).unreadable,
  };
}

/** Loaded, built in, or a file that can be loaded. */
function bridgePossible(): boolean {
  if (
    read("/proc/modules")
      .split("\n")
      .some((line) => line.startsWith("bridge "))
  )
    return true;
  if (read("/sys/module/bridge/uevent") !== "" || read("/proc/sys/net/bridge/bridge-nf-call-iptables") !== "") return true;
  const release = read("/proc/sys/kernel/osrelease");
  return ["modules.builtin", "modules.dep"].some((file) => /\/bridge\.ko/.test(read(`/lib/modules/${release}/${file}`)));
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

const good = (what: string, problem: string): Finding => ({ what, standing: "good", problem, fix: "" });
const warning = (what: string, problem: string, fix: string): Finding => ({ what, standing: "warning", problem, fix });
const missing = (what: string, problem: string, fix: string): Finding => ({ what, standing: "missing", problem, fix });
