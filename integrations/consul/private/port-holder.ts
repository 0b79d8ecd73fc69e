/** Who has a port that a private Consul wants: often another one, which outlived a server with another data_dir. */
import { readdirSync, readFileSync } from "node:fs";

export interface PortHolder {
  readonly pid: number;
  /** Its <data_dir>/server/consul. */
  readonly directory: string;
}

const CONFIG_FLAG = /^-config-file=((.+)\/config-[0-9a-f]{16}\.json)$/;

/** `address` is host:port, as bound. Undefined: it is none of ours, or may not be looked at. */
export function privateConsulAt(address: string): PortHolder | undefined {
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const flags = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      for (const flag of flags) {
        const [, file, directory] = CONFIG_FLAG.exec(flag) ?? [];
        if (file !== undefined && directory !== undefined && bindsTo(readFileSync(file, "utf8"), address))
          return { pid: Number(name), directory };
      }
    } catch {
      // It is gone, or another user's.
    }
  }
  return undefined;
}

/** Does a Consul of this configuration bind that address? */
export function bindsTo(configuration: string, address: string): boolean {
  const { bind_addr: bind = "", ports = {} } = JSON.parse(configuration) as {
    readonly bind_addr?: string;
    readonly ports?: { readonly serf_lan?: number; readonly server?: number };
  };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(colon + 1));
  return [host, "0.0.0.0", "::"].includes(bind) && [ports.serf_lan, ports.server].includes(port);
}
