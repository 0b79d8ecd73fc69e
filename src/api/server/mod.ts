/**
 * The answering end of the HTTP door. nomad.md §3.
 *
 * What comes in: the server room (or none), the cluster's state, the node on this machine (or none), what the agent knows of
 * itself. What goes out: `createApi(options)` → listen, addresses, inject, close.
 *
 *   request ─► create-api.ts (fastify: route, read) ─► dispatch.ts (method, origin) ─► routes/ (decide: a Result) ─► reply/ (perform)
 *
 * Invariants: an error is a status and one reason as plain text, never a stack; a read sees one snapshot; an index is never 0; no
 * list holds the event loop for more than some milliseconds; a slow reader costs one chunk of memory; SecretIDs never leave.
 *
 * Beside the way: exec/ (commands over websockets, from the request to upgrade on), listing/ (pages, and the order in which things were
 * made), filter/ (go-bexpr), metrics/ (gauges of the moment).
 *
 * Never here: a decision about jobs or nodes (#server), a change of state (#cluster), a token in a log.
 *
 * Read next: dispatch.ts, blocking.ts, routes/table.ts, routes/job.ts; listing/page.ts and filter/mod.ts for lists;
 * exec/session.ts (websockets), metrics/prometheus.ts.
 */
export { createApi } from "./create-api.ts";
export { accessThroughServer } from "./guard/who.ts";
export type { ServingTls } from "./secure-server.ts";
export { LOG_LEVELS } from "./facts.ts";
export type { AgentFacts, Api, ApiOptions, InjectedRequest, InjectedResponse, ListenAddress, LogLevel, Profile } from "./facts.ts";
