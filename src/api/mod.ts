/**
 * Door 2: HTTP /v1. What it says is Nomad's API (nomad.md §3), so that existing clients work unchanged.
 *
 *   contract/   paths, methods, shapes: each endpoint once, loads nothing
 *   client/     the typed caller the CLI uses
 *   server/     the answering end, on fastify
 *
 * Enter by the folder you need (`#api/contract`, `#api/client`, `#api/server`): the CLI must not load the server. This door
 * passes on types only.
 *
 * Read next: contract/mod.ts.
 */
export type { Endpoint, EndpointName } from "./contract/mod.ts";
export type { ApiClient, ApiClientOptions } from "./client/mod.ts";
export type { AgentFacts, Api, ApiOptions } from "./server/mod.ts";
