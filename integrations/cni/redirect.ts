/**
 * transparent_proxy: packet rules inside an allocation's namespace that send what its tasks dial, and what dials them, through the sidecar.
 * Drover writes them itself; Consul's CNI plugin is not needed. Pure. nomad.md §1.7.
 *
 *   OUTPUT tcp     → DROVER-PROXY-OUT: the proxy's user, excluded users, ports, networks, loopback and the name servers go out directly; the rest → outboundPort
 *   PREROUTING tcp → DROVER-PROXY-IN:  excluded ports come in directly; the rest → inboundPort
 */
import { isIP } from "node:net";
import type { TrafficRedirect } from "#ports";
import type { Rules } from "./rules.ts";

const OUT = "DROVER-PROXY-OUT";
const IN = "DROVER-PROXY-IN";

/** For iptables-restore --noflush in the namespace; may be applied again. Name servers: TCP answers of theirs are no business of the mesh. */
export function redirectText(rules: Rules, redirect: TrafficRedirect, family: 4 | 6, nameservers: readonly string[]): string {
  // What a name of the job's stood for may be anything: no words of it become rules of ours.
  const ofFamily = (range: string): boolean => {
    const [address = "", length = "", ...more] = range.split("/");
    return (
      isIP(address) === family &&
      more.length === 0 &&
      (range === address || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128)))
    );
  };
  const users = [redirect.proxyUserId, ...redirect.excludeUserIds];
  const jumps = [`-A OUTPUT -p tcp -j ${OUT}`, `-A PREROUTING -p tcp -j ${IN}`];
  const there = jumps.filter((jump) => rules.rules.some((rule) => rule.table === "nat" && `-A ${rule.chain} ${rule.text}` === jump));
  return `${[
    "*nat",
    // A declared chain is emptied: the rules are always those of now.
    `:${OUT} - [0:0]`,
    `:${IN} - [0:0]`,
    ...[...new Set(users)].map((user) => `-A ${OUT} -m owner --uid-owner ${user} -j RETURN`),
    `-A ${OUT} -d ${family === 4 ? "127.0.0.0/8" : "::1/128"} -j RETURN`,
    ...nameservers.filter(ofFamily).map((server) => `-A ${OUT} -d ${server} -p tcp --dport 53 -j RETURN`),
    ...redirect.excludeOutboundPorts.map((port) => `-A ${OUT} -p tcp --dport ${port} -j RETURN`),
    ...redirect.excludeOutboundCidrs.filter(ofFamily).map((cidr) => `-A ${OUT} -d ${cidr} -j RETURN`),
    `-A ${OUT} -p tcp -j REDIRECT --to-ports ${redirect.outboundPort}`,
    ...redirect.excludeInboundPorts.map((port) => `-A ${IN} -p tcp --dport ${port} -j RETURN`),
    `-A ${IN} -p tcp -j REDIRECT --to-ports ${redirect.inboundPort}`,
    ...jumps.filter((jump) => !there.includes(jump)),
    "COMMIT",
  ].join("\n")}\n`;
}

export function redirectWhole(rules: Rules, redirect: TrafficRedirect): boolean {
  const has = (chain: string, end: string): boolean => rules.rules.some((rule) => rule.chain === chain && rule.text.endsWith(end));
  return (
    has("OUTPUT", `-j ${OUT}`) &&
    has("PREROUTING", `-j ${IN}`) &&
    has(OUT, `--to-ports ${redirect.outboundPort}`) &&
    has(IN, `--to-ports ${redirect.inboundPort}`)
  );
}
