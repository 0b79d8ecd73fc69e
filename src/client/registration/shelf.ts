/**
 * One catalog and what this node wants it to say. `believed` is what it is thought to hold of ours: from the last look, and from what was
 * done since. What was being done while a look was on its way is not learned from that look: nobody knows which came first.
 */
import type { AllocationId, IdentityRequest } from "#model";
import type { Catalog, Clock, Random, ServiceInstance, Timer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { TokenBook } from "../contract.ts";
import type { Report } from "../world.ts";
import { decideRegistrations, wantedOf, type Wanted } from "./decide.ts";

export interface ShelfNeeds {
  readonly catalog: Catalog;
  readonly tokens: Pick<TokenBook, "token" | "has" | "gone">;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** What is known of a service of this allocation changed. */
  readonly changed: (id: AllocationId) => void;
}

/**
 * How often the catalog is looked at: Consul may lose its memory; the servers' own registry changes by us alone, or by an operator's hand (who
 * follows its changes hears of that at once: `doubt`).
 */
const LOOK_MS = { consul: 5_000, nomad: 10_000 } as const;
/** While there is nothing to keep true: what comes back from the dead is still found (F28). */
const LOOK_IDLE_MS = 30_000;
/** A catalog that cannot be reached, and a service it refuses. */
const UNREACHABLE_FIRST_MS = 250;
const UNREACHABLE_MAX_MS = 3_000;
const REFUSED_FIRST_MS = 1_000;
const REFUSED_MAX_MS = 30_000;
/** A login that is refused is mended by an operator (`setup consul`), not by the job's author: it is back within 10 s of that. */
const LOGIN_REFUSED_MAX_MS = 8_000;
const WAIT_MOST_MS: Readonly<Record<string, number>> = {
  TOKEN_UNREACHABLE: UNREACHABLE_MAX_MS,
  TOKEN_UNPREPARED: LOGIN_REFUSED_MAX_MS,
  TOKEN_REFUSED: LOGIN_REFUSED_MAX_MS,
};
/** Requests at a time; those to the servers travel together. */
const PARALLEL = { consul: 16, nomad: 256 } as const;
/** How long a service that leaves waits for its own token. */
const TOKEN_TO_LEAVE_MS = 1_000;

interface Trouble {
  readonly problem: string;
  readonly untilMs: number;
  readonly waitMs: number;
}

export class Shelf {
  readonly #needs: ShelfNeeds;
  readonly #wanted = new Map<string, Wanted>();
  /** "": may be there, nobody knows as what. */
  readonly #believed = new Map<string, string>();
  /** Who it was registered for, as long as it may be there. */
  readonly #owners = new Map<string, { readonly allocation: AllocationId; readonly identity: IdentityRequest | undefined }>();
  /** Being acted on; aborted when what is being done is not wanted any more. */
  readonly #busy = new Map<string, AbortController>();
  /** Of these, how many are in the catalog's hands: waiting for a token costs it nothing. */
  #asking = 0;
  /** Have their token and wait for their turn. */
  readonly #turns: (() => void)[] = [];
  readonly #troubles = new Map<string, Trouble>();
  /** Acted on since the look that is on its way began. */
  #touched = new Set<string>();
  /** Not decided on since they changed: those that leave go first, somebody waits for it. */
  readonly #leaving = new Set<string>();
  readonly #coming = new Set<string>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #closing = new AbortController();
  #known = false;
  /** A look has come back once: before it nothing is done, so that a restarted agent does not register anew what stands. */
  #seen = false;
  #started = false;
  #looking = false;
  #lookWanted = false;
  #unreachable: { readonly kind: string; readonly problem: string; readonly waitMs: number } | undefined;
  #lookTimer: Timer | undefined;
  #lookAtMs = Number.POSITIVE_INFINITY;
  #retryTimer: Timer | undefined;

  constructor(needs: ShelfNeeds) {
    this.#needs = needs;
  }

  get wantedCount(): number {
    return this.#wanted.size;
  }

  get settledCount(): number {
    return [...this.#wanted.keys()].filter((id) => this.settled(id)).length;
  }

  /** Ids anything is kept of. */
  get size(): number {
    return new Set([
      ...this.#wanted.keys(),
      ...this.#believed.keys(),
      ...this.#owners.keys(),
      ...this.#troubles.keys(),
      ...this.#waiting.keys(),
    ]).size;
  }

  start(): void {
    this.#started = true;
    this.lookAgain();
  }

  known(): void {
    this.#known = true;
    for (const id of this.#believed.keys()) this.#mark(id);
    this.#pump();
  }

  close(): void {
    this.#closing.abort(new Error("the agent is going"));
    this.#lookTimer?.cancel();
    this.#retryTimer?.cancel();
    for (const each of this.#busy.values()) each.abort(this.#closing.signal.reason);
    for (const { resolve } of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  want(instance: ServiceInstance): void {
    this.#wanted.set(instance.ID, wantedOf(instance));
    this.#owners.set(instance.ID, { allocation: instance.AllocationID, identity: instance.Identity });
    this.#troubles.delete(instance.ID);
    this.#mark(instance.ID);
    if (this.#started && this.#lookAtMs - this.#needs.clock.nowMs() > LOOK_MS[this.#needs.catalog.provider]) this.#armLook();
    this.#pump();
  }

  unwant(id: string): void {
    if (!this.#wanted.delete(id)) return;
    this.#troubles.delete(id);
    this.#busy.get(id)?.abort(new Error("the service is not wanted any more"));
    this.#mark(id);
    this.#pump();
  }

  /** Services registered for this identity are registered anew: the catalog keeps the token. */
  tokenReplaced(identity: IdentityRequest): void {
    const key = JSON.stringify(identity);
    for (const [id, owner] of this.#owners) {
      if (owner.identity === undefined || JSON.stringify(owner.identity) !== key || !this.#wanted.has(id)) continue;
      this.#believed.set(id, "");
      this.#mark(id);
    }
    this.#pump();
  }

  settled(id: string): boolean {
    const wanted = this.#wanted.get(id);
    return wanted !== undefined && this.#believed.get(id) === wanted.digest;
  }

  problem(id: string): string {
    return this.#troubles.get(id)?.problem ?? this.#unreachable?.problem ?? "";
  }

  /** Ids of the allocation's services that may stand here. */
  of(allocation: AllocationId): readonly string[] {
    return [...this.#owners].filter(([, owner]) => owner.allocation === allocation).map(([id]) => id);
  }

  /** Resolves when it does not stand here. */
  gone(id: string): Promise<void> {
    if ((this.#seen && !this.#believed.has(id)) || this.#wanted.has(id) || this.#closing.signal.aborted) return Promise.resolve();
    const waiting = this.#waiting.get(id) ?? Promise.withResolvers<void>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  /** Now, or as soon as the look that is on its way is back. */
  lookAgain(): void {
    if (!this.#started) return;
    this.#lookWanted = this.#looking;
    this.#armLook(0);
  }

  /** Somebody says that these say something else by now, or (digest undefined) stand there no more. */
  doubt(said: Iterable<readonly [id: string, digest: string | undefined]>): void {
    for (const [id, digest] of said) {
      if (!this.settled(id) || this.#busy.has(id) || this.#believed.get(id) === digest) continue;
      // What was done since may not be in it: the catalog itself is asked.
      this.lookAgain();
      return;
    }
  }

  #armLook(delayMs = this.#restMs()): void {
    if (this.#closing.signal.aborted || this.#looking) return;
    this.#lookTimer?.cancel();
    this.#lookAtMs = this.#needs.clock.nowMs() + delayMs;
    this.#lookTimer = this.#needs.clock.after(delayMs, () => void this.#look());
  }

  #restMs(): number {
    const { random, catalog } = this.#needs;
    if (this.#unreachable !== undefined) return this.#unreachable.waitMs * (0.5 + random.fraction() / 2);
    const idle = this.#wanted.size === 0 && this.#believed.size === 0;
    return (idle ? LOOK_IDLE_MS : LOOK_MS[catalog.provider]) * (0.8 + random.fraction() / 5);
  }

  /** What does it hold? */
  async #look(): Promise<void> {
    this.#looking = true;
    this.#touched = new Set(this.#busy.keys());
    try {
      const owned = await this.#needs.catalog.owned();
      if (this.#closing.signal.aborted) return;
      for (const id of new Set([...this.#believed.keys(), ...owned.keys()])) {
        if (this.#touched.has(id)) continue;
        const seen = owned.get(id)?.digest;
        if (seen === this.#believed.get(id)) continue;
        this.#believe(id, seen);
        this.#mark(id);
      }
      this.#seen = true;
      for (const id of this.#waiting.keys()) this.#done(id);
      this.#answered();
    } catch (thrown) {
      this.#unanswered(thrown);
    } finally {
      this.#looking = false;
    }
    this.#armLook(this.#lookWanted ? 0 : undefined);
    this.#lookWanted = false;
    this.#pump();
  }

  #mark(id: string): void {
    const [here, there] = this.#wanted.has(id) ? [this.#coming, this.#leaving] : [this.#leaving, this.#coming];
    there.delete(id);
    here.add(id);
  }

  /** Starts whatever is due, as much at a time as the catalog can be asked. */
  #pump(): void {
    if (this.#closing.signal.aborted || !this.#seen || this.#unreachable !== undefined) return;
    const nowMs = this.#needs.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const id of this.#dueInOrder()) {
      if (this.#asking >= PARALLEL[this.#needs.catalog.provider]) return;
      if (this.#busy.has(id)) continue;
      const trouble = this.#troubles.get(id);
      if (trouble !== undefined && trouble.untilMs > nowMs) {
        nextMs = Math.min(nextMs, trouble.untilMs);
        continue;
      }
      const { register, deregister } = this.#decide(id);
      // Not ours to judge before everything that lives here has spoken.
      if (deregister && !this.#known && !this.#owners.has(id)) continue;
      this.#leaving.delete(id);
      this.#coming.delete(id);
      if (register !== undefined || deregister) void this.#act(id, register);
      else this.#done(id);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#armRetry(nextMs - nowMs);
  }

  *#dueInOrder(): Generator<string> {
    yield* this.#leaving;
    yield* this.#coming;
  }

  #decide(id: string): { readonly register: ServiceInstance | undefined; readonly deregister: boolean } {
    const only = <Value>(all: ReadonlyMap<string, Value>) => new Map(all.has(id) ? [[id, all.get(id) as Value]] : []);
    const { register, deregister } = decideRegistrations(only(this.#wanted), only(this.#believed));
    return { register: register[0], deregister: deregister.length > 0 };
  }

  async #act(id: string, register: ServiceInstance | undefined): Promise<void> {
    const acting = new AbortController();
    this.#busy.set(id, acting);
    this.#touched.add(id);
    const identity = this.#owners.get(id)?.identity;
    let [turn, asked] = [false, false];
    const before = this.#believed.get(id);
    try {
      const token = register === undefined ? await this.#tokenToLeave(identity, acting.signal) : await this.#token(identity, acting.signal);
      turn = true;
      await this.#turn(register === undefined);
      acting.signal.throwIfAborted();
      // It fell silent meanwhile: nobody asks before a look has come back.
      if (this.#unreachable === undefined) {
        // Whatever comes of it: it may be there from now on, as something else.
        this.#believed.set(id, "");
        asked = true;
        if (register === undefined) await this.#needs.catalog.deregister(id, token);
        else await this.#needs.catalog.register(register, token);
        if (!this.#closing.signal.aborted) this.#acted(id, register);
      }
    } catch (thrown) {
      if (this.#closing.signal.aborted) return;
      if (asked && before === undefined && isFinal(thrown)) this.#believe(id, undefined);
      if (asked || !acting.signal.aborted) this.#failed(id, identity, thrown);
    } finally {
      if (turn) this.#turnOver();
      this.#busy.delete(id);
      this.#touched.add(id);
    }
    // What was wanted may have changed meanwhile.
    this.#mark(id);
    this.#pump();
  }

  /** Resolves when one more may be asked of the catalog. Who leaves does not wait behind those who come. */
  async #turn(leaving: boolean): Promise<void> {
    if (this.#asking < PARALLEL[this.#needs.catalog.provider]) {
      this.#asking++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    if (leaving) this.#turns.unshift(resolve);
    else this.#turns.push(resolve);
    await promise;
  }

  #turnOver(): void {
    const next = this.#turns.shift();
    if (next === undefined) this.#asking--;
    else next();
  }

  #acted(id: string, register: ServiceInstance | undefined): void {
    this.#believe(id, register === undefined ? undefined : wantedOf(register).digest);
    if (this.#troubles.delete(id) && register !== undefined)
      this.#needs.report({ level: "info", message: "service stands in its catalog as wanted", fields: { service_id: id } });
    this.#answered();
  }

  #failed(id: string, identity: IdentityRequest | undefined, thrown: unknown): void {
    const { clock, report, tokens, catalog } = this.#needs;
    const code = thrown instanceof NamedError ? thrown.code : "";
    if (code === "CATALOG_UNREACHABLE") {
      this.#unanswered(thrown);
      return;
    }
    const before = this.#troubles.get(id);
    if (code === "CATALOG_TOKEN_UNKNOWN" && identity !== undefined) tokens.gone(identity);
    // A token that is gone is replaced at once; only then is there a reason to wait. One that cannot be had now is asked for as the catalog is.
    const mostMs = WAIT_MOST_MS[code] ?? REFUSED_MAX_MS;
    const replaced = code === "CATALOG_TOKEN_UNKNOWN" && before === undefined;
    const waitMs = replaced ? 0 : Math.min(mostMs, Math.max(REFUSED_FIRST_MS, (before?.waitMs ?? 0) * 2));
    const problem = describe(thrown);
    this.#troubles.set(id, { problem, untilMs: clock.nowMs() + waitMs, waitMs });
    if (before?.problem !== problem && waitMs > 0)
      report({
        level: "warn",
        message: "catalog does not take a service, trying again",
        fields: { catalog: catalog.provider, service_id: id, problem },
      });
    this.#tell(id);
  }

  async #token(identity: IdentityRequest | undefined, signal: AbortSignal): Promise<string> {
    return identity === undefined ? "" : await this.#needs.tokens.token(identity, signal);
  }

  /** The dead get no new token: the agent's own does. */
  async #tokenToLeave(identity: IdentityRequest | undefined, signal: AbortSignal): Promise<string> {
    if (identity === undefined || !this.#needs.tokens.has(identity)) return "";
    const timed = Promise.withResolvers<string>();
    const timer = this.#needs.clock.after(TOKEN_TO_LEAVE_MS, () => timed.resolve(""));
    try {
      return await Promise.race([this.#needs.tokens.token(identity, signal), timed.promise]);
    } catch {
      signal.throwIfAborted();
      return "";
    } finally {
      timer.cancel();
    }
  }

  #believe(id: string, digest: string | undefined): void {
    const settledBefore = this.settled(id);
    if (digest === undefined) this.#believed.delete(id);
    else this.#believed.set(id, digest);
    if (this.settled(id) !== settledBefore) this.#tell(id);
    if (digest === undefined && !this.#wanted.has(id)) this.#done(id);
  }

  /** It is gone, and nobody wants it back. */
  #done(id: string): void {
    if (this.#believed.has(id) || this.#wanted.has(id)) return;
    this.#owners.delete(id);
    this.#troubles.delete(id);
    this.#waiting.get(id)?.resolve();
    this.#waiting.delete(id);
  }

  #answered(): void {
    if (this.#unreachable === undefined) return;
    this.#unreachable = undefined;
    this.#needs.report({ level: "info", message: "catalog answers again", fields: { catalog: this.#needs.catalog.provider } });
    this.#armLook(0);
  }

  /** Nothing is asked of it before a look has come back. */
  #unanswered(thrown: unknown): void {
    if (this.#closing.signal.aborted) return;
    const before = this.#unreachable;
    const problem = describe(thrown);
    const kind = thrown instanceof NamedError ? thrown.code : "";
    this.#unreachable = { kind, problem, waitMs: Math.min(UNREACHABLE_MAX_MS, Math.max(UNREACHABLE_FIRST_MS, (before?.waitMs ?? 0) * 2)) };
    // Of another kind it is told anew: who mended the connection learns what is wrong with the token.
    if (before?.kind !== kind) {
      const fields = { catalog: this.#needs.catalog.provider, problem };
      this.#needs.report({ level: "warn", message: "catalog cannot be reached, trying again", fields });
      if (before === undefined) this.#armLook();
      for (const id of this.#wanted.keys()) if (!this.settled(id)) this.#tell(id);
    }
  }

  #armRetry(delayMs: number): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#needs.clock.after(Math.max(0, delayMs), () => this.#pump());
  }

  #tell(id: string): void {
    const owner = this.#owners.get(id);
    if (owner !== undefined) this.#needs.changed(owner.allocation);
  }
}

/** Refused for what it is: it did not come to stand there. */
function isFinal(thrown: unknown): boolean {
  return thrown instanceof NamedError && ["CATALOG_TOKEN_UNKNOWN", "CATALOG_DENIED", "CATALOG_REFUSED"].includes(thrown.code);
}

function describe(thrown: unknown): string {
  return thrown instanceof NamedError && thrown.fix !== undefined ? `${thrown.message} (${thrown.fix})` : messageOf(thrown);
}
