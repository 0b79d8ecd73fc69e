/** What an allocation's tasks see as /etc/hosts and /etc/resolv.conf. Pure. nomad.md §2.9. */
import type { DnsConfig } from "#model";

export function hostsText(hostname: string, addresses: readonly string[]): string {
  const own = addresses.filter((address) => address !== "");
  return `${[
    "# Written by Drover for this allocation.",
    "127.0.0.1 localhost",
    "::1 localhost ip6-localhost ip6-loopback",
    "fe00::0 ip6-localnet",
    "ff00::0 ip6-mcastprefix",
    "ff02::1 ip6-allnodes",
    "ff02::2 ip6-allrouters",
    ...(own.length === 0 ? [`127.0.1.1 ${hostname}`] : own.map((address) => `${address} ${hostname}`)),
  ].join("\n")}\n`;
}

/** The first that says something, word by word: the job, the network, the node. */
export function dnsOf(...said: readonly (DnsConfig | null)[]): DnsConfig {
  const first = (key: keyof DnsConfig): string[] => said.find((one) => (one?.[key] ?? []).length > 0)?.[key] ?? [];
  return { Servers: first("Servers"), Searches: first("Searches"), Options: first("Options") };
}

export function resolvConfText(dns: DnsConfig): string {
  return `${[
    "# Written by Drover for this allocation.",
    ...dns.Servers.map((server) => `nameserver ${server}`),
    ...(dns.Searches.length === 0 ? [] : [`search ${dns.Searches.join(" ")}`]),
    ...(dns.Options.length === 0 ? [] : [`options ${dns.Options.join(" ")}`]),
  ].join("\n")}\n`;
}

/** Loopback servers are left out: inside a namespace nobody answers there. */
export function readResolvConf(text: string): DnsConfig {
  const Servers: string[] = [];
  let Searches: string[] = [];
  let Options: string[] = [];
  for (const line of text.split("\n")) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === "nameserver" && values[0] !== undefined && !/^(127\.|::1$)/.test(values[0])) Servers.push(values[0]);
    else if (key === "search" || key === "domain") Searches = values;
    else if (key === "options") Options = values;
  }
  return { Servers, Searches, Options };
}
