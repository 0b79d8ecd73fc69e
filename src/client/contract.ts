/**
 * The doors between the parts of this room that services and identity need. Each is made in start.ts and carried in ClientWorld.
 *
 *   servers      asks the servers, waiting for a connection           node/servers.ts
 *   identities   signed identities of the allocations here            identity/book.ts
 *   consulTokens tokens that identities were traded for               tokens/book.ts
 *   registrar    what each allocation offers, kept true in catalogs   registration/registrar.ts
 *   checks       how the checks of each allocation stand              checks/board.ts
 */
import type { Allocation, AllocationId, IdentityAnswer, IdentityRequest, ServiceRegistration } from "#model";
import type { CheckResult, CheckStanding, ServiceInstance } from "#ports";

/** Each call waits for a connection for as long as it takes, and tries again when one breaks; rejects only when the signal aborts or a server refuses. */
export interface Servers {
  signIdentities(requests: readonly IdentityRequest[], signal: AbortSignal): Promise<readonly IdentityAnswer[]>;
  services(signal: AbortSignal): Promise<readonly ServiceRegistration[]>;
  upsertServices(services: readonly ServiceRegistration[], signal: AbortSignal): Promise<void>;
  deleteServices(ids: readonly string[], signal: AbortSignal): Promise<void>;
}

export interface Signed {
  /** A secret. */
  readonly jwt: string;
  /** Unix seconds; 0: never. */
  readonly expiresAt: number;
}

export interface IdentityBook {
  /**
   * Resolves when everything the allocation's tasks and services may ask for is signed (at once when it is already). Rejects with NamedError
   * IDENTITY_REFUSED, or when the signal aborts. Renewed from then on, at half of what is left (with jitter), until `forget`.
   */
  obtain(allocation: Allocation, signal: AbortSignal): Promise<void>;
  /** `identity` as in IdentityRequest; undefined: not (yet) signed. */
  find(request: IdentityRequest): Signed | undefined;
  /** Called after each renewal. */
  subscribe(listener: (request: IdentityRequest, signed: Signed) => void): () => void;
  forget(id: AllocationId): void;
}

export interface TokenBook {
  /**
   * A token for the workload: exchanged on first use, kept on disk (so that it is given back after kill -9), exchanged anew before it expires
   * or when `gone` says it is unknown. Rejects with the TokenExchange's NamedErrors, or when the signal aborts. "" where no exchange is configured.
   */
  token(request: IdentityRequest, signal: AbortSignal): Promise<string>;
  /** It has one, or is about to: nobody who is over gets another. */
  has(request: IdentityRequest): boolean;
  /** The system it is for does not know it any more (F31). */
  gone(request: IdentityRequest): void;
  /** Called when the token of a workload was replaced. */
  subscribe(listener: (request: IdentityRequest, token: string) => void): () => void;
  /** All of the allocation's are given back; goes on in the background when the system cannot be reached (and after a restart). */
  revoke(id: AllocationId): void;
}

export interface Registrar {
  /** What the allocation offers from now on, whole: replaces what it offered. Kept true until `withdraw`. */
  offer(id: AllocationId, instances: readonly ServiceInstance[]): void;
  /**
   * These services (none named: all of the allocation) are made known no more. Resolves when they stand in no catalog, at the latest after
   * 5 s (a catalog that cannot be reached does not hold a stop up: it is tried on).
   */
  withdraw(id: AllocationId, serviceIds?: readonly string[]): Promise<void>;
  /** Every service of it stands in its catalog as wanted. */
  settled(id: AllocationId): boolean;
  /** Why it does not: per service, for people. */
  problems(id: AllocationId): readonly string[];
  /** Called when what these answer may have changed. */
  subscribe(listener: (id: AllocationId) => void): () => void;
}

export interface StandingCheck {
  readonly checkId: string;
  readonly serviceId: string;
  readonly service: string;
  readonly name: string;
  readonly task: string;
  readonly onUpdate: "require_healthy" | "ignore_warnings" | "ignore";
  /** undefined: not known yet. */
  readonly standing: CheckStanding | undefined;
}

export interface CheckBoard {
  /** Every check of what the allocation offers. */
  of(id: AllocationId): readonly StandingCheck[];
  /** Called when a standing changed. */
  subscribe(listener: (id: AllocationId) => void): () => void;
  /** While somebody waits for a verdict the catalog is asked often (500 ms); the returned function ends it. */
  attend(id: AllocationId): () => void;
  /** GET /v1/client/allocation/:id/checks: those the node runs itself. */
  results(id: AllocationId): Readonly<Record<string, CheckResult>>;
}
