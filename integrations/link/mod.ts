/**
 * The node link over the network: gRPC, design decision 6.
 *
 * Comes in: at servers the acceptor in their process, at nodes where servers are. Goes out: `serveLink` listens and stands before the acceptor,
 * `networkLink` is the node's Link.
 *
 *   node ── Control ──► server      register, heartbeats, updates, identities, services ►   ◄ changes
 *        ── Services ─►             (second connection, when asked) logs, files, exec, usage
 *
 * Invariants: servers never dial nodes; a heartbeat waits for no log, and for at most one frame of a large change; whoever reads slowly holds back its
 * own call only; failures travel as the NamedErrors they are; a peer that is gone is noticed within ten seconds.
 *
 * Never here: when to reconnect (the node's session), whom to obey (ClusterId, Index), who may register.
 *
 * Read next: link.proto, pipe.ts, calls.ts, serve-link.ts, network-link.ts; ../../test/conformance/link.ts.
 */
export { networkLink, type NetworkLinkOptions } from "./network-link.ts";
export { serveLink, type ServedLink, type ServeLinkOptions } from "./serve-link.ts";
export { type LinkReport, type LinkTls, PROTOCOL_VERSION } from "./service.ts";
