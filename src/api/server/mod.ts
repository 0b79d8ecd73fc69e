/**
 * The answering end of the HTTP door.
 *
 * What comes in: the server room (or none), the cluster's state, the node on this machine (or none), what the agent knows of
 * itself. What goes out: `createApi(options)` → listen, addresses, inject, close.
 */
export { LOG_LEVELS } from "./facts.ts";
export type { AgentFacts, Api, ApiOptions, InjectedRequest, InjectedResponse, ListenAddress, LogLevel } from "./facts.ts";
