/**
 * Reads the things of one system that templates look at. Makers: `consulThings` (integrations/consul), `vaultThings` (integrations/vault);
 * the client makes the servers' variables and services, and files, into further ones (client/lookout).
 *
 * Contract (test/conformance/thing-source):
 * - `read` answers what is there now when `after` is "" (at most a moment stale); with the `index` of an earlier answer it waits, where the system can, until the
 *   thing is different or about a minute has gone by, and answers then (perhaps the same). An index that went backwards is forgotten by the maker.
 * - Nothing there is an answer: `value` undefined.
 * - Failures are NamedErrors: THING_UNREACHABLE (sealed, down, no leader: try again), THING_TOKEN_UNKNOWN (the token is gone: get another),
 *   THING_DENIED (what this token may not: message and `fix` name policy, role and rule), THING_INVALID (a path or option that never can be right).
 * - No secret, token or value stands in an error or a log. Nothing is tried twice in here.
 */
import type { Thing, ThingSystem } from "./thing.ts";

export interface Lease {
  /** "": none to renew or give back, only a time after which to look again. */
  readonly id: string;
  readonly durationMs: number;
  readonly renewable: boolean;
}

export interface Reading {
  /** The shape thing.ts says; undefined: not there. */
  readonly value: unknown;
  /** For the next read; "": this system cannot wait: ask again after `againMs`. */
  readonly index: string;
  /** When to look again; null: at once (it waits). Of a lease that is renewed: when it ends for good (rotated, max TTL) the thing is read anew. */
  readonly againMs: number | null;
  /** Made for whoever asked, and not to be shown to anybody else: dynamic credentials, certificates. Reading it twice makes two. */
  readonly private: boolean;
  readonly lease: Lease | null;
}

export interface ThingSource {
  readonly system: ThingSystem;
  /** `token`: a secret; "": the agent's own. */
  read(thing: Thing, how: { readonly token: string; readonly after: string; readonly signal: AbortSignal }): Promise<Reading>;
  /** What is left of it now. Rejects with THING_INVALID when the lease is not known any more. */
  renew(lease: Lease, token: string): Promise<Lease>;
  /** One that is gone is fine. */
  revoke(leaseId: string, token: string): Promise<void>;
}
