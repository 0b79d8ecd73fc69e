/**
 * Networks of allocations on Linux: a namespace each, connected by CNI plugins.
 *
 * Comes in: what an allocation asks for (mode, ports, names), folders of plugins and of an operator's networks. Goes out: `cniNetworks`, a maker of
 * the window src/ports/network.ts: what the machine can do, what it lacks, networks set up, found, taken down.
 *
 * Invariants: everything made is called `drover-<owner>-<allocation>` (label.ts) and is found by that alone. A namespace is the first thing made and
 * the last removed: a lease or rule whose namespace is gone is a dead one's. An address that a living namespace has is never given out.
 * The bridge network is Nomad's chain (loopback, bridge, firewall, portmap); transparent_proxy needs no plugin of Consul's: the rules inside the namespace are ours.
 *
 * Never here: a decision about jobs or ports; anything of another owner's changed.
 *
 * Read next: conflist.ts (the chain), set-up.ts and tear-down.ts (a network's life), sweep.ts (what is found by label), settle.ts, preflight.ts.
 */
export { cniNetworks } from "./networks.ts";
export type { CniNetworksOptions } from "./place.ts";
export { gatewayOf } from "./conflist.ts";
export type { BridgeSettings } from "./conflist.ts";
