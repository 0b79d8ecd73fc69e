/**
 * The typed caller of the HTTP API: what the CLI, tests and benchmarks use.
 *
 * What comes in: an address, a token, a namespace (flags, NOMAD_* variables). What goes out: values typed by #api/contract with
 * the index and next token their headers carried; ApiError (status and the plain reason) when the agent refuses, ApiUnreachable
 * when it does not answer.
 *
 * Invariants: only node:http underneath (https loaded when asked for, ws when a command is run in a task); nothing is opened before the first request; a stream ends
 * when its loop is left or its signal aborts.
 *
 * Never here: a table, a colour, a retry policy.
 *
 * Read next: api-client.ts, job-calls.ts, requester.ts, connection.ts.
 */
export { createApiClient } from "./api-client.ts";
export type { ApiClient } from "./api-client.ts";
export type { ReadRange } from "./allocation-calls.ts";
export type { Answer, QueryOptions } from "./requester.ts";
export { clientOptions } from "./options.ts";
export type { ApiClientOptions, ClientFlags } from "./options.ts";
export { ApiError, ApiUnreachable } from "./api-error.ts";
export { DEFAULT_ADDRESS, parseAddress } from "./address.ts";
