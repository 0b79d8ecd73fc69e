/**
 * Envoy, the proxy of the mesh: what one is told at its start, and how it stands.
 *
 * Comes in: where to look for the binary, facts of a service's place in the mesh. Goes out: the maker of the port Proxies, a fingerprint source.
 *
 * Invariants: a bootstrap means what Consul's own command writes for the same proxy, but for what bootstrap.ts lists; the same facts give the same
 * text. A proxy is asked over the unix socket of its bootstrap, and nothing it answers is trusted to be there.
 *
 * Never here: starting or stopping a proxy (it is a task like any other), a decision about a stale one, a token in an error.
 *
 * Read next: bootstrap.ts, then look.ts; ../../templates/envoy for the documents.
 */
export { envoyFingerprint, envoyProxies, type EnvoyOptions } from "./proxies.ts";
