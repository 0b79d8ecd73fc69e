/** What a chain of plugins answers, in the shape of any CNI version, and what of it matters. */
import { isIPv4 } from "node:net";
import type { DnsConfig } from "#model";

export interface Connection {
  readonly interface: string;
  readonly address: string;
  readonly addressIPv6: string;
  readonly gateway: string;
  readonly dns: DnsConfig | null;
}

interface Result {
  readonly interfaces?: readonly { readonly name?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address?: string; readonly gateway?: string; readonly interface?: number }[];
  /** Of 0.1.0 and 0.2.0. */
  readonly ip4?: { readonly ip?: string; readonly gateway?: string };
  readonly ip6?: { readonly ip?: string; readonly gateway?: string };
  readonly dns?: {
    readonly nameservers?: readonly string[];
    readonly domain?: string;
    readonly search?: readonly string[];
    readonly options?: readonly string[];
  };
}

export const INTERFACE = "eth0";

export function readResult(answer: unknown): Connection {
  const result = (answer ?? {}) as Result;
  const interfaces = result.interfaces ?? [];
  const listed =
    result.ips ?? [result.ip4, result.ip6].flatMap((ip) => (ip === undefined ? [] : [{ address: ip.ip ?? "", gateway: ip.gateway ?? "" }]));
  // Addresses of the loopback, of the host's end and of none are not the allocation's.
  const inside = listed.filter((ip) => {
    if (!("interface" in ip) || ip.interface === undefined) return true;
    const its = interfaces[ip.interface];
    return its === undefined || ((its.sandbox ?? "") !== "" && its.name !== "lo");
  });
  const bare = (ip: { readonly address?: string } | undefined): string => (ip?.address ?? "").split("/")[0] as string;
  const four = inside.find((ip) => isIPv4(bare(ip)));
  const six = inside.find((ip) => bare(ip).includes(":"));
  const name = (four as { interface?: number } | undefined)?.interface;
  return {
    interface: (name === undefined ? undefined : interfaces[name]?.name) ?? INTERFACE,
    address: bare(four),
    addressIPv6: bare(six),
    gateway: four?.gateway ?? six?.gateway ?? "",
    dns: readDns(result.dns),
  };
}

/** The machine's ends of pairs, as the plugin `bridge` names them. */
export function hostEndsOf(answer: unknown): readonly string[] {
  const { interfaces = [] } = (answer ?? {}) as Result;
  return interfaces.flatMap(({ name = "", sandbox = "" }) => (sandbox === "" && /^veth[0-9a-f]{8}$/.test(name) ? [name] : []));
}

function readDns(dns: Result["dns"]): DnsConfig | null {
  const Servers = [...(dns?.nameservers ?? [])];
  const domain = dns?.domain ?? "";
  const Searches = [...(dns?.search ?? (domain === "" ? [] : [domain]))];
  const Options = [...(dns?.options ?? [])];
  return Servers.length + Searches.length + Options.length === 0 ? null : { Servers, Searches, Options };
}

/** An answer for the plugins after `bridge`, made of what is seen in the namespace: when the answer itself was lost. */
export function answerOf(
  conf: { readonly cniVersion: string },
  sandbox: string,
  seen: { readonly addresses: readonly string[]; readonly gateway: string; readonly bridge: string; readonly ends?: readonly string[] },
): unknown {
  return {
    cniVersion: conf.cniVersion,
    interfaces: [{ name: seen.bridge }, { name: INTERFACE, sandbox }, ...(seen.ends ?? []).map((name) => ({ name }))],
    ips: seen.addresses.map((address) => ({
      version: address.includes(":") ? "6" : "4",
      interface: 1,
      address,
      ...(address.includes(":") || seen.gateway === "" ? {} : { gateway: seen.gateway }),
    })),
    dns: {},
  };
}
