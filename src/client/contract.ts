/**
 * The doors between the parts of this room that services and identity need. Each is made in start.ts or books.ts and carried in ClientWorld.
 *
 *   servers      asks the servers, waiting for a connection           node/servers.ts
 *   identities   signed identities of the allocations here            identity/book.ts
 *   consulTokens tokens that identities were traded for               tokens/book.ts
 *   registrar    what each allocation offers, kept true in catalogs   registration/registrar.ts
 *   checks       how the checks of each allocation stand              checks/board.ts
 *   vaultTokens  as consulTokens, of Vault                            tokens/book.ts
 *   lookout      things that templates look at, each watched once     lookout/lookout.ts
 *   networkBook  the network of each allocation that has its own      network/book.ts
 *   proxyBoard   how the proxies of the mesh here stand               mesh/board.ts
 */
import type { Allocation, AllocationId, IdentityAnswer, IdentityRequest, ServiceRegistration } from "#model";
import type {
  AllocationNetwork,
  CheckResult,
  DriverNetwork,
  ProxyReport,
  CheckStanding,
  RestartTurn,
  ServiceInstance,
  Thing,
  ThingSystem,
  VariableAnswer,
  VariableQuestion,
} from "#ports";
import type { Fact } from "#template";

/** Each call waits for a connection for as long as it takes, and tries again when one breaks; rejects only when the signal aborts or a server refuses. */
export interface Servers {
  signIdentities(requests: readonly IdentityRequest[], signal: AbortSignal): Promise<readonly IdentityAnswer[]>;
  services(signal: AbortSignal): Promise<readonly ServiceRegistration[]>;
  upsertServices(services: readonly ServiceRegistration[], signal: AbortSignal): Promise<void>;
  deleteServices(ids: readonly string[], signal: AbortSignal): Promise<void>;
  readVariable(question: VariableQuestion, signal: AbortSignal): Promise<VariableAnswer>;
  takeTurn(id: AllocationId, signal: AbortSignal): Promise<RestartTurn>;
  giveTurnBack(id: AllocationId, signal: AbortSignal): Promise<void>;
  unseal(id: AllocationId, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
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
  /** What it has, without asking anybody: undefined: none. `out`: its life is over, and nobody has given it another yet. */
  held(request: IdentityRequest): { readonly secret: string; readonly out: boolean } | undefined;
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
  /** How one service stands that is offered under this name; undefined: none is (yet). `problem`: why it is not registered, "" when nobody knows of one. */
  standing(
    id: AllocationId,
    service: string,
  ): { readonly instance: ServiceInstance; readonly settled: boolean; readonly problem: string } | undefined;
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

/**
 * Things are watched once for each node, whoever looks at them: a reader first reads with its own token (which proves that it may), then shares the
 * watch; the proof is repeated. What is `private` (dynamic credentials, certificates) is each reader's own, and its lease is renewed while the reader
 * lives, through restarts of the task and of the agent, and revoked at its end.
 */
export interface Lookout {
  /** One for each task, the same through its restarts. `forget` ends it. */
  reader(who: ThingReaderNeeds): ThingReader;
  /** Leases of the allocation's task are given back (in the background when the system is away, also after a restart), nothing is watched for it any more. */
  forget(id: AllocationId, task?: string): void;
}

export interface ThingReaderNeeds {
  readonly allocation: Allocation;
  readonly task: string;
  /** The task's token for the system; "": the agent's own. Waits until there is one. */
  token(system: ThingSystem, signal: AbortSignal): Promise<string>;
  /** The system does not know that token any more. */
  tokenGone(system: ThingSystem): void;
}

export interface ThingReader {
  /** These from now on, in place of those before; what is not wanted any more is let go of. */
  want(things: readonly Thing[]): void;
  /** By thingKey: what is known now. A system that cannot be reached takes nothing away (F51). */
  facts(): ReadonlyMap<string, Fact>;
  /** By thingKey: why a wanted thing is not known, or not kept up to date: "permission denied: role nomad-workloads lacks read on secret/data/app". */
  problems(): ReadonlyMap<string, string>;
  /** Facts or problems changed. */
  subscribe(listener: () => void): () => void;
}

/** In memory; taken from the machine when the agent takes an allocation up again. */
export interface NetworkBook {
  /** undefined: it has the machine's, or its own is not set up (yet). */
  of(id: AllocationId): AllocationNetwork | undefined;
  /** A network of a task's driver (docker0), told by its handle. */
  ofTask(id: AllocationId, task: string): DriverNetwork | undefined;
  set(id: AllocationId, network: AllocationNetwork): void;
  setTask(id: AllocationId, task: string, network: DriverNetwork | undefined): void;
  forget(id: AllocationId): void;
  /** Called when what these answer changed: services are made known anew, the servers told. */
  subscribe(listener: (id: AllocationId) => void): () => void;
}

/** A proxy from its bootstrap to its end. `socketPath`: host path of the socket it answers on. */
export interface FollowedProxy {
  readonly allocationId: AllocationId;
  readonly task: string;
  readonly service: string;
  readonly kind: string;
  readonly socketPath: string;
  /** Listeners it must have before anybody relies on it: of a sidecar its public one, and one for each upstream. */
  readonly listenersWanted: number;
  /** It went stale (F35): no stream to Consul while others here have one, a certificate about to end, DRAINING: start it anew. Within 60 s of the beginning. */
  readonly replace: (reason: string) => void;
}

export interface ProxyBoard {
  /** From when its process runs until `forget`. Repeated: the newer one. */
  follow(proxy: FollowedProxy): void;
  /** What keeps a proxy from coming up before it runs: "registration: Consul refused …"; "" nothing. */
  hindered(id: AllocationId, task: string, step: ProxyReport["Step"], problem: string): void;
  /** Certificate present, listeners up, LIVE. */
  ready(id: AllocationId, task: string): boolean;
  /** What is known of it without asking it; undefined: nothing. */
  standing(id: AllocationId, task: string): { readonly step: ProxyReport["Step"]; readonly problem: string } | undefined;
  /** Of every proxy of the allocation, with statistics if wanted. */
  reports(id: AllocationId, statistics: boolean): Promise<readonly ProxyReport[]>;
  forget(id: AllocationId, task?: string): void;
  /** Called when `ready` may answer something else. */
  subscribe(listener: (id: AllocationId) => void): () => void;
}
