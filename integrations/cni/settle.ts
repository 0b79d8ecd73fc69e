/** What must stand before a network is set up: forwarding, the bridge with its gateway's address, the admin chain, leases that are those of the living. */
import { readFileSync, writeFileSync } from "node:fs";
import { messageOf, NamedError } from "#std";
import { ADMIN_CHAIN, gatewayOf, subnetHolds } from "./conflist.ts";
import type { SeenInterface } from "./ip.ts";
import { readLabel } from "./label.ts";
import { leasePlacesOf, readLeases, writeLease } from "./leases.ts";
import type { Place } from "./place.ts";
import { INTERFACE } from "./result.ts";
import { admissionText } from "./rules.ts";
import { deadLabels, sweepLabels } from "./sweep.ts";

const FORWARD_FOUR = "/proc/sys/net/ipv4/ip_forward";
const FORWARD_SIX = "/proc/sys/net/ipv6/conf/all/forwarding";

export async function settle(place: Place): Promise<readonly string[]> {
  return [...(await settleGround(place)), ...(await settleLeases(place))];
}

/** What every bridge network stands on. Quick when all is well: asked before each is set up, since firewalls flush and people tidy. */
export async function settleGround(place: Place): Promise<readonly string[]> {
  const forwarding = [...forward(FORWARD_FOUR), ...(place.options.bridge.subnetIPv6 === "" ? [] : forward(FORWARD_SIX))];
  return [...forwarding, ...(await settleBridge(place)), ...(await settleAdmission(place))];
}

function forward(file: string): string[] {
  try {
    if (readFileSync(file, "utf8").trim() !== "0") return [];
    writeFileSync(file, "1");
    return [`Forwarding of packets was off: ${file.slice("/proc/sys/".length).replaceAll("/", ".")} is 1 now`];
  } catch (error) {
    throw new NamedError("NETWORK_UNSUPPORTED", `Cannot turn on forwarding of packets: ${messageOf(error)}`, {
      fix: "sysctl -w net.ipv4.ip_forward=1",
    });
  }
}

/** The bridge with its address is there before the first allocation: what listens on it (DNS) can start with the agent. */
async function settleBridge(place: Place): Promise<string[]> {
  const { bridge } = place.options;
  const mended: string[] = [];
  if ((await place.ip.run(["link", "show", bridge.name])).exitCode !== 0) {
    const made = await place.ip.run(["link", "add", bridge.name, "type", "bridge"]);
    // Another agent that shares it may have been first.
    if (made.exitCode !== 0 && !made.stderr.includes("File exists")) {
      throw new NamedError("NETWORK_UNSUPPORTED", `Cannot make bridge "${bridge.name}": ${made.stderr.trim()}`, {
        fix: "modprobe bridge; the agent must run as root",
      });
    }
    if (bridge.mtu !== 0) await place.ip.run(["link", "set", bridge.name, "mtu", String(bridge.mtu)]);
    mended.push(`Bridge "${bridge.name}" was made`);
  }
  // Its own address, said: else it takes that of whatever is plugged in, and changes with it.
  const shown = JSON.parse((await place.ip.run(["-j", "link", "show", bridge.name])).stdout || "[]") as {
    address?: string;
    flags?: string[];
  }[];
  if (mended.length > 0 && shown[0]?.address !== undefined) await place.ip.run(["link", "set", bridge.name, "address", shown[0].address]);
  for (const subnet of [bridge.subnet, bridge.subnetIPv6].filter((one) => one !== "")) {
    const gateway = gatewayOf(subnet);
    const family = subnet.includes(":") ? ["-6"] : ["-4"];
    const added = await place.ip.run([
      ...family,
      "addr",
      "add",
      `${gateway.address}/${gateway.length}`,
      ...(subnet.includes(":") ? [] : ["brd", "+"]),
      "dev",
      bridge.name,
      ...(subnet.includes(":") ? ["nodad"] : []),
    ]);
    if (added.exitCode === 0) mended.push(`Bridge "${bridge.name}" has the address ${gateway.address}/${gateway.length}`);
    else if (!/File exists|already assigned/.test(added.stderr)) {
      throw new NamedError(
        "NETWORK_UNSUPPORTED",
        `Cannot give bridge "${bridge.name}" the address ${gateway.address}: ${added.stderr.trim()}`,
      );
    }
  }
  if (shown[0]?.flags?.includes("UP") !== true) await place.ip.run(["link", "set", bridge.name, "up"]);
  return mended;
}

/** New connections to allocations pass though the machine's policy is DROP (docker's): the firewall plugin asks this chain first (F42). */
async function settleAdmission(place: Place): Promise<string[]> {
  const { bridge } = place.options;
  let added = false;
  for (const [tables, subnet] of [
    [place.four, bridge.subnet],
    [place.six, bridge.subnetIPv6],
  ] as const) {
    if (subnet === "") continue;
    await tables.change((rules) => {
      const text = admissionText(rules, { chain: ADMIN_CHAIN, bridge: bridge.name, subnet });
      if (text !== undefined) added = true;
      return text;
    });
  }
  return added ? [`Chain ${ADMIN_CHAIN} lets connections to bridge "${bridge.name}" in`] : [];
}

/** undefined: no such namespace. What cannot be seen may be in use: rejects with NETWORK_PLUGIN_FAILED, before anything is given out or taken down. */
export async function interfacesOf(place: Place, label: string): Promise<readonly SeenInterface[] | undefined> {
  const seen = await place.ip.interfaces(label);
  if (seen === undefined && place.ip.has(label))
    throw new NamedError(
      "NETWORK_PLUGIN_FAILED",
      `Cannot look into namespace "${label}": its address is not known, wanted it before any other is given out`,
    );
  return seen;
}

/** Leases and rules of the dead go, of this owner and of any other whose namespace is gone; leases of the living that were lost are written again. */
export async function settleLeases(place: Place): Promise<string[]> {
  const mended: string[] = [];
  const dead = await deadLabels(place);
  if (dead.size > 0) {
    await sweepLabels(place, dead, { networks: [], addresses: [] });
    mended.push(`Leases and rules of ${dead.size} allocation${dead.size === 1 ? "" : "s"} without a namespace were removed`);
  }
  let written = 0;
  for (const leases of leasePlacesOf(place.bridge)) {
    const known = new Map(readLeases(leases.directory).map((lease) => [lease.address, lease]));
    const holders = new Set([...known.values()].map((lease) => lease.container));
    for (const label of place.ip.namespaces()) {
      if (readLabel(label) === undefined || holders.has(label)) continue;
      const seen = await interfacesOf(place, label);
      const inside = seen?.find((one) => one.name === INTERFACE);
      for (const withLength of inside?.addresses ?? []) {
        const address = withLength.split("/")[0] as string;
        if (!leases.subnets.some((subnet) => subnetHolds(subnet, address))) continue;
        if (writeLease(leases.directory, address, label, INTERFACE)) written++;
      }
    }
  }
  if (written > 0)
    mended.push(`${written} lost lease${written === 1 ? "" : "s"} of living allocations ${written === 1 ? "was" : "were"} written again`);
  return mended;
}
