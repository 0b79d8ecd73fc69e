/**
 * Hosts of the test's own, plugged into a bridge of the test's own, on an address range that nobody else has: each runs its own Consul agent and
 * its own Drover, as two machines would. What is said on their cables can be recorded and searched. Needs root.
 */
import { existsSync } from "node:fs";
import { run } from "../real-agent.ts";
import { machine, startIsolatedHost, type IsolatedHost } from "./isolated-host.ts";
import type { PartOwner } from "./process.ts";

export interface NetworkWorld {
  /** "10.121.7." */
  readonly addresses: string;
  /** The machine as the hosts see it: "10.121.7.1". */
  readonly gateway: string;
  /** On the machine. */
  readonly bridge: string;
  readonly hosts: readonly IsolatedHost[];
  remove(): Promise<void>;
}

export interface NetworkWorldOptions {
  /** How many (default 1). */
  readonly hosts?: number;
  /** See HostPlace. */
  readonly forwarding?: boolean;
}

const ALIAS = "drover-test-";

/** Removed with the owner, and with it ends everything that runs on its hosts. */
export async function startNetworkWorld(owner: PartOwner, options: NetworkWorldOptions = {}): Promise<NetworkWorld> {
  await sweepAbandonedBridges();
  const number = Math.floor(Math.random() * 0x10000);
  const label = number.toString(16).padStart(4, "0");
  const bridge = `dt${label}`;
  // 10.100.0.0 to 10.163.255.0: 64 × 256 of them; a label's two halves choose.
  const addresses = `10.${100 + ((number >> 8) & 63)}.${number & 255}.`;
  const hosts: IsolatedHost[] = [];
  const remove = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.remove()));
    await run("ip", ["link", "delete", bridge]);
  };
  owner.after(remove);
  await machine("ip", "link", "add", bridge, "type", "bridge");
  await machine("ip", "link", "set", bridge, "alias", `${ALIAS}${process.pid}`, "up");
  await machine("ip", "address", "add", `${addresses}1/24`, "dev", bridge);
  for (let index = 1; index <= (options.hosts ?? 1); index++) {
    hosts.push(
      await startIsolatedHost({
        name: `host-${index}`,
        address: `${addresses}${10 + index}`,
        prefixLength: 24,
        gateway: `${addresses}1`,
        bridge,
        cable: `${bridge}-${index}`,
        ...(options.forwarding !== undefined && { forwarding: options.forwarding }),
      }),
    );
  }
  return { addresses, gateway: `${addresses}1`, bridge, hosts, remove };
}

/** Bridges of tests that do not live any more. */
async function sweepAbandonedBridges(): Promise<void> {
  const { stdout } = await run("ip", ["-j", "link", "show", "type", "bridge"]);
  for (const { ifname, ifalias } of JSON.parse(stdout || "[]") as { ifname: string; ifalias?: string }[]) {
    if (ifalias?.startsWith(ALIAS) !== true || existsSync(`/proc/${ifalias.slice(ALIAS.length)}`)) continue;
    await run("ip", ["link", "delete", ifname]);
  }
}
