/**
 * Tokens of another system (Consul, Vault) for the workloads on this node: a service's and a task's identity is traded for one, and each is
 * accounted for until it was given back. One book for each system.
 *
 *                  token               stored              2/3 of its life, or gone
 *   (nothing) ─────────► exchanging ─────────► held ──────────────────────────────► exchanging ─► (the next one) held
 *                             │                │ ▲ │                                     └─ not gone: the old one waits for the end
 *                             │        renewed └─┘ │
 *                             │ allocation over    │ revoke, or its allocation is not known after a restart
 *                             └────────────────────┴──────► returning ──► given back: erased
 *
 * Where the system can, 2/3 through its life a token is renewed and stays the same one; only when that is refused, or hardly helps any more
 * (its longest life is near), another one is exchanged. Nobody is told of a renewal.
 *
 * Invariants:
 * - A token is on disk before anybody uses it, and erased after it was given back (or is out): whatever the agent dies of and when, the next
 *   one gives back what the last one left (F30). The directory is the agent's alone.
 * - One exchange at a time for each workload; one workload holds one token (and those it replaced, until its allocation is over: a variable of
 *   the running task may still say them).
 * - A token the system does not know any more is replaced soon (F31; of services see patrol.ts). A system that cannot be reached holds up who starts, takes
 *   nothing from who runs, and is found again by itself (F33).
 *
 * What no care can give back: a token that was made while the agent died before it heard of it. Nobody knows its secret; the system forgets it
 * at the end of its life (the auth method's MaxTokenTTL: give it one), or with whoever made it.
 */
import type { AllocationId, IdentityRequest } from "#model";
import type { Clock, ExchangedToken, Random, Timer, TokenExchange } from "#ports";
import { messageOf, NamedError } from "#std";
import type { TokenBook } from "../contract.ts";
import type { SignedIdentities } from "../identity/book.ts";
import { identityKey } from "../identity/wanted.ts";
import { orAborted } from "../or-aborted.ts";
import type { Report } from "../world.ts";
import { Patrol } from "./patrol.ts";
import { allocationOf, inTime, isOut, isSpent, replaceAtMs, TokenShelf, type TokenRecord, type TokenStore } from "./record.ts";
import { TokenReturns } from "./returns.ts";

const EXCHANGES_MAX = 16;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 8_000;
/** A task's token is used by the task alone, which tells nobody when it is refused. */
const TASK_TOKEN_LOOK_MS = 20_000;
const CLOSE_WAIT_MS = 3_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface WorkloadTokensNeeds {
  /** For people: "Consul". */
  readonly system: string;
  /** What the names of its facts begin with: "consul-token/". */
  readonly prefix: string;
  /** undefined: none is configured. */
  readonly exchange: TokenExchange | undefined;
  /** This workload wants its token for a beginning only: it is neither renewed nor replaced, and runs out. Left out: none does. */
  readonly mayRunOut?: (request: IdentityRequest) => boolean;
  readonly identities: Pick<SignedIdentities, "fresh">;
  /** Its facts are secrets: a part of the node's memory that seals them. */
  readonly store: TokenStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

/** What is known of one allocation while it lives here. */
interface Living {
  readonly over: AbortController;
  readonly workloads: Map<string, Workload>;
}

interface Workload {
  readonly request: IdentityRequest;
  readonly living: Living;
  held: TokenRecord | undefined;
  old: readonly TokenRecord[];
  /** It had one before: the next is a replacement. */
  had: boolean;
  flight: Promise<TokenRecord> | undefined;
  renewing: boolean;
  timer: Timer | undefined;
}

export class WorkloadTokens implements TokenBook {
  readonly #needs: WorkloadTokensNeeds;
  readonly #shelf: TokenShelf;
  readonly #returns: TokenReturns;
  readonly #living = new Map<AllocationId, Living>();
  readonly #listeners = new Set<(request: IdentityRequest, token: string) => void>();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #queue: (() => void)[] = [];
  readonly #patrol: Patrol<Workload>;
  #closed = false;

  constructor(needs: WorkloadTokensNeeds) {
    this.#needs = needs;
    this.#shelf = new TokenShelf(needs.store, needs.prefix);
    this.#returns = new TokenReturns({ ...needs, shelf: this.#shelf });
    const all = () =>
      [...this.#living.values()].flatMap(({ workloads }) => [...workloads.values()].filter(({ held }) => held !== undefined));
    this.#patrol = new Patrol({
      clock: needs.clock,
      random: needs.random,
      watched: () => all().filter(isWatched),
      all,
      look: (workload) => this.#look(workload),
    });
  }

  /** After a restart: takes up the tokens of the allocations that still live here, and gives back the others. Once, before anything else. */
  restore(living: ReadonlySet<AllocationId>): void {
    for (const record of this.#shelf.read()) {
      if (record.state === "returning" || !living.has(allocationOf(record))) this.#giveBack(record);
      else this.#takeUp(inTime(record, this.#needs.clock.nowMs()));
    }
  }

  token: TokenBook["token"] = async (request, signal) => {
    if (this.#needs.exchange === undefined) return "";
    signal.throwIfAborted();
    const workload = this.#workload(request);
    const { held } = workload;
    if (held !== undefined && !isOut(held, this.#needs.clock.nowMs())) return held.secret;
    const record = await orAborted(this.#exchange(workload, this.#needs.exchange), signal);
    return record.secret;
  };

  held: TokenBook["held"] = (request) => {
    const held = this.#living.get(request.AllocationID)?.workloads.get(identityKey(request))?.held;
    return held === undefined ? undefined : { secret: held.secret, out: isOut(held, this.#needs.clock.nowMs()) };
  };

  has: TokenBook["has"] = (request) => this.#living.get(request.AllocationID)?.workloads.has(identityKey(request)) === true;

  gone: TokenBook["gone"] = (request) => {
    const workload = this.#living.get(request.AllocationID)?.workloads.get(identityKey(request));
    if (workload?.held !== undefined) void this.#renew(workload, "gone");
  };

  subscribe: TokenBook["subscribe"] = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  revoke: TokenBook["revoke"] = (id) => {
    const living = this.#living.get(id);
    if (living === undefined) return;
    this.#living.delete(id);
    living.over.abort(this.#over(id));
    for (const { timer, held, old } of living.workloads.values()) {
      timer?.cancel();
      for (const record of held === undefined ? old : [...old, held]) this.#giveBack(record);
    }
  };

  /** Counts, for metrics and tests. */
  get counts(): { readonly allocations: number; readonly held: number; readonly returning: number } {
    const held = [...this.#living.values()].reduce(
      (sum, { workloads }) => sum + [...workloads.values()].filter((each) => each.held !== undefined).length,
      0,
    );
    return { allocations: this.#living.size, held, returning: this.#returns.count };
  }

  /** What is under way gets a moment to end. The store may be closed after. */
  async close(): Promise<void> {
    this.#patrol.close();
    for (const { workloads } of this.#living.values()) for (const workload of workloads.values()) workload.timer?.cancel();
    const settled = Promise.all([Promise.allSettled(this.#calls), this.#returns.settled()]);
    const timed = Promise.withResolvers<void>();
    const timer = this.#needs.clock.after(CLOSE_WAIT_MS, timed.resolve);
    if (this.#calls.size > 0 || this.#returns.count > 0) await Promise.race([settled, timed.promise]);
    timer.cancel();
    this.#closed = true;
    for (const { over: ending } of this.#living.values()) ending.abort(new Error("the agent stops"));
    this.#returns.close();
  }

  #workload(request: IdentityRequest): Workload {
    const id = request.AllocationID;
    let living = this.#living.get(id);
    if (living === undefined) this.#living.set(id, (living = { over: new AbortController(), workloads: new Map() }));
    const key = identityKey(request);
    let workload = living.workloads.get(key);
    if (workload === undefined) {
      workload = { request, living, held: undefined, old: [], had: false, flight: undefined, renewing: false, timer: undefined };
      living.workloads.set(key, workload);
    }
    return workload;
  }

  #exchange(workload: Workload, exchange: TokenExchange): Promise<TokenRecord> {
    workload.flight ??= this.#perform(workload, exchange).finally(() => (workload.flight = undefined));
    // Whoever asked may have gone.
    workload.flight.catch(() => undefined);
    return workload.flight;
  }

  async #perform(workload: Workload, exchange: TokenExchange): Promise<TokenRecord> {
    const { request, living } = workload;
    const { jwt } = await this.#needs.identities.fresh(request, living.over.signal);
    if (this.#calls.size >= EXCHANGES_MAX) await new Promise<void>((resolve) => void this.#queue.push(resolve));
    const kind = request.Workload.Kind;
    const call = living.over.signal.aborted
      ? Promise.reject<ExchangedToken>(living.over.signal.reason as Error)
      : exchange.exchange({ jwt, kind, description: describe(request) });
    const stored = call.then((made) => this.#store(workload, made, exchange));
    this.#calls.add(stored);
    try {
      return await stored;
    } finally {
      this.#calls.delete(stored);
      this.#queue.shift()?.();
    }
  }

  /** Between the answer and its first use. Nothing is waited for in here. */
  #store(workload: Workload, made: ExchangedToken, exchange: TokenExchange): TokenRecord {
    const { clock, system } = this.#needs;
    const record: TokenRecord = {
      request: workload.request,
      accessor: made.AccessorID,
      secret: made.SecretID,
      expiresAtMs: made.expiresAtMs,
      mintedAtMs: clock.nowMs(),
      renewable: made.renewable === true,
      lifeMs: made.expiresAtMs === null ? null : made.expiresAtMs - clock.nowMs(),
      state: workload.living.over.signal.aborted ? "returning" : "held",
    };
    try {
      if (this.#closed) throw new Error("the agent stops");
      this.#shelf.write(record);
    } catch (thrown) {
      // What could not be found again is not kept.
      void exchange.revoke(record.secret).catch(() => undefined);
      throw new NamedError("TOKEN_NOT_KEPT", `Cannot keep a ${system} token: ${messageOf(thrown)}`, { cause: thrown });
    }
    if (record.state === "returning") {
      this.#returns.add(record);
      throw this.#over(workload.request.AllocationID);
    }
    const { held, had } = workload;
    if (held !== undefined) this.#putAside(workload, held);
    workload.held = record;
    workload.had = true;
    this.#arm(workload);
    if (had) for (const listener of this.#listeners) listener(workload.request, record.secret);
    return record;
  }

  /** Replaced: kept until the end of its allocation, or its own. */
  #putAside(workload: Workload, record: TokenRecord): void {
    const old: TokenRecord = { ...record, state: "old" };
    this.#shelf.write(old);
    const now = this.#needs.clock.nowMs();
    workload.old = [...workload.old, old].filter((each) => {
      const out = isOut(each, now);
      if (out) this.#shelf.erase(each);
      return !out;
    });
  }

  /** As it was found on disk. */
  #takeUp(record: TokenRecord): void {
    const workload = this.#workload(record.request);
    const { held } = workload;
    workload.had = true;
    // Killed between the writing of the next one and its own: the later one counts.
    if (record.state === "old") workload.old = [...workload.old, record];
    else if (held !== undefined && held.mintedAtMs > record.mintedAtMs) this.#putAside(workload, record);
    else {
      if (held !== undefined) this.#putAside(workload, held);
      workload.held = record;
      this.#arm(workload);
    }
  }

  #giveBack(record: TokenRecord): void {
    const returning: TokenRecord = { ...record, state: "returning" };
    try {
      if (record.state !== "returning") this.#shelf.write(returning);
    } catch (thrown) {
      // It is given back all the same; the next agent would find it as it was.
      this.#needs.report({ level: "warn", message: "the node's memory cannot be written", fields: { problem: messageOf(thrown) } });
    }
    this.#returns.add(returning);
  }

  /** Looks at the token when it is time to. */
  #arm(workload: Workload): void {
    workload.timer?.cancel();
    workload.timer = undefined;
    const { held, living, request } = workload;
    if (held === undefined || living.over.signal.aborted || this.#closed) return;
    if (this.#needs.mayRunOut?.(request) === true) return;
    if (isWatched(workload)) this.#patrol.begin();
    const { clock, random } = this.#needs;
    const replaceMs = (replaceAtMs(held) ?? Number.POSITIVE_INFINITY) - clock.nowMs();
    const lookMs = request.Workload.Kind === "task" ? TASK_TOKEN_LOOK_MS * (1 - random.fraction() / 5) : Number.POSITIVE_INFINITY;
    const waitMs = Math.min(replaceMs, lookMs);
    if (waitMs === Number.POSITIVE_INFINITY) return;
    workload.timer = clock.after(Math.min(Math.max(0, waitMs), TIMER_MAX_MS), () => {
      const due = replaceAtMs(held);
      if (due !== null && clock.nowMs() >= due) void this.#renew(workload, "old");
      else if (lookMs <= waitMs) void this.#renew(workload, "gone");
      else this.#arm(workload);
    });
  }

  /** Once: a system that cannot be reached now is asked again in the next round. */
  async #look(workload: Workload): Promise<void> {
    const { exchange } = this.#needs;
    const { held } = workload;
    if (exchange === undefined || held === undefined || workload.renewing) return;
    const known = await exchange.known(held.secret).catch(() => true);
    if (!known && workload.held === held) await this.#renew(workload, "gone");
  }

  /** Another in its place: `old`: in any case; `gone`: when the system does not know it. Tries until it is done or the allocation over. */
  async #renew(workload: Workload, why: "old" | "gone"): Promise<void> {
    const { exchange, clock, random } = this.#needs;
    if (exchange === undefined || workload.renewing) return;
    const first = workload.held;
    const ended = workload.living.over.signal;
    const done = () => ended.aborted || this.#closed || (workload.held !== undefined && workload.held.secret !== first?.secret);
    workload.renewing = true;
    for (let waitMs = RETRY_FIRST_MS; !done(); waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        await this.#replace(workload, exchange, why);
        break;
      } catch (thrown) {
        if (done()) break;
        if (waitMs === RETRY_FIRST_MS) this.#complain(workload, thrown);
      }
      const timed = Promise.withResolvers<void>();
      const timer = clock.after(waitMs * (1 + random.fraction() / 5), timed.resolve);
      await orAborted(timed.promise, ended).catch(() => timer.cancel());
    }
    workload.renewing = false;
    this.#arm(workload);
  }

  async #replace(workload: Workload, exchange: TokenExchange, why: "old" | "gone"): Promise<void> {
    const { held, living } = workload;
    if (why === "gone" && held !== undefined) {
      const known = await exchange.known(held.secret);
      if (known || living.over.signal.aborted || this.#closed || workload.held !== held) return;
      workload.held = undefined;
      this.#shelf.erase(held);
      this.#patrol.alarm();
    } else if (held !== undefined && (await this.#prolong(workload, held, exchange))) return;
    await this.#exchange(workload, exchange);
  }

  /** The same token lives on: true. false: another one is needed (refused, or its longest life is near). Rejects when nobody answers. */
  async #prolong(workload: Workload, held: TokenRecord, exchange: TokenExchange): Promise<boolean> {
    if (exchange.renew === undefined || held.renewable !== true) return false;
    const { clock } = this.#needs;
    let renewed: Awaited<ReturnType<NonNullable<TokenExchange["renew"]>>>;
    try {
      renewed = await exchange.renew(held.secret);
    } catch (thrown) {
      if (thrown instanceof NamedError && thrown.code === "TOKEN_UNREACHABLE") throw thrown;
      return false;
    }
    if (workload.living.over.signal.aborted || this.#closed || workload.held !== held) return true;
    const next: TokenRecord = { ...held, ...renewed, renewedAtMs: clock.nowMs() };
    workload.held = next;
    this.#shelf.write(next);
    return !isSpent(next);
  }

  #complain({ request }: Workload, thrown: unknown): void {
    const fields = { alloc_id: request.AllocationID, task: request.Workload.Task, problem: messageOf(thrown) };
    this.#needs.report({ level: "warn", message: `a ${this.#needs.system} token could not be replaced, trying again`, fields });
  }

  #over(id: AllocationId): NamedError {
    const message = `Cannot get a ${this.#needs.system} token for allocation ${id.slice(0, 8)}: it is over on this node`;
    return new NamedError("TOKEN_WORKLOAD_OVER", message);
  }
}

/** Nobody uses a service's token while nothing changes. */
function isWatched({ request, held }: Workload): boolean {
  return held !== undefined && request.Workload.Kind === "service";
}

function describe({ AllocationID, Workload, Identity }: IdentityRequest): Readonly<Record<string, string>> {
  return {
    allocation: AllocationID,
    ...(Workload.Task === "" ? {} : { task: Workload.Task }),
    ...(Workload.Kind === "service" ? { service: Workload.Service } : {}),
    identity: Identity,
  };
}
