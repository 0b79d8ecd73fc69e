/**
 * Leases of addresses as the plugin host-local keeps them: a file for each address, named after it, that holds "<container id>\r\n<interface>".
 * F39: leases are those of namespaces that live. Lost ones are written again before an address is given out; those of the dead are freed.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { NetworkConf } from "./conflist.ts";

export interface LeasePlace {
  /** Of one network. */
  readonly directory: string;
  readonly subnets: readonly string[];
}

export interface Lease {
  readonly address: string;
  readonly container: string;
  readonly file: string;
}

interface HostLocal {
  readonly type?: string;
  readonly dataDir?: string;
  readonly subnet?: string;
  readonly ranges?: readonly (readonly { readonly subnet?: string }[])[];
}

export function leasePlacesOf(conf: NetworkConf): readonly LeasePlace[] {
  return conf.plugins.flatMap((plugin) => {
    const ipam = plugin["ipam"] as HostLocal | undefined;
    if (ipam?.type !== "host-local") return [];
    const subnets = [ipam.subnet, ...(ipam.ranges ?? []).flat().map((range) => range.subnet)].filter((subnet) => subnet !== undefined);
    return [{ directory: path.join(ipam.dataDir ?? "/var/lib/cni/networks", conf.name), subnets }];
  });
}

export function readLeases(directory: string): readonly Lease[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names.flatMap((address) => {
    if (!/^[0-9a-fA-F.:]+$/.test(address)) return [];
    const file = path.join(directory, address);
    try {
      const [container = ""] = readFileSync(file, "utf8").split("\r\n");
      return [{ address, container: container.trim(), file }];
    } catch {
      return [];
    }
  });
}

export function freeLease(lease: Lease): void {
  rmSync(lease.file, { force: true });
}

/** false: somebody has this address. */
export function writeLease(directory: string, address: string, container: string, inside: string): boolean {
  mkdirSync(directory, { recursive: true });
  try {
    writeFileSync(path.join(directory, address), `${container}\r\n${inside}`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
