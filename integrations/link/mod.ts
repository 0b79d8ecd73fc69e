/**
 * The node link and the servers' own over the network: gRPC, design decision 6. One port (4647) for both.
 *
 * Comes in: at servers the acceptor and the peer's end in their process, at nodes where servers are. Goes out: `serveLink` listens and stands
 * before both, `networkLink` is the node's Link, `networkPeers` a server's way to others.
 *
 *   node ── Control ──► server      register, heartbeats, updates, identities, services ►   ◄ changes, who the servers are
 *        ── Services ─►             (second connection, when asked) logs, files, exec, usage
 *        ── Api ──────►             connections to the HTTP API
 *   server ── Calls ──► server      introductions, commands for the leader, heartbeats of nodes, snapshots
 *          ── Api ────►
 *
 * Invariants: servers never dial nodes; a heartbeat waits for no log, and for at most one frame of a large change; whoever reads slowly holds back its
 * own call only; failures travel as the NamedErrors they are; a peer that is gone is noticed within ten seconds, between servers within three; with
 * TLS nobody is answered but told why not who does not show a certificate of the house.
 *
 * Never here: when to reconnect (the node's session), whom to obey (ClusterId, Index), who may register, where files of certificates are.
 *
 * Read next: link.proto, pipe.ts, calls.ts, door.ts, certificates.ts, serve-link.ts, network-link.ts, tunnel.ts, network-peers.ts;
 * ../../test/conformance/link.ts.
 */
export { expiryWarnings, type LinkTls } from "./certificates.ts";
export { networkLink, type NetworkLink, type NetworkLinkOptions } from "./network-link.ts";
export { networkPeers, type NetworkPeers, type NetworkPeersOptions } from "./network-peers.ts";
export { serveLink, type ServedLink, type ServeLinkOptions } from "./serve-link.ts";
export { type LinkReport, PROTOCOL_VERSION } from "./service.ts";
