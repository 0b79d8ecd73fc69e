/**
 * One reader's look at one thing, from the first wish to the last.
 *
 *              shared                     5 min, another token, its token does not do
 *   proving ───────────► sharing (what the watch tells) ──────────────► proving …     keeps what it was told
 *      │  ▲
 *      │  └───────────────────────────── it must be made anew (soon out, its lease gone, another token)
 *      └───────────────► keeping (its own: renewed at 2/3 of its life)
 *        own
 *
 * A lease that the last agent left is renewed at once: clocks were set, it may have been revoked, and nobody would know before it is due.
 *
 * A failure takes nothing away: it is tried again, and meanwhile said (`problem`). What is its own is stored before anybody hears of it; what that
 * replaces is left to run out, for the task may still use it (F52).
 */
import type { Clock, Lease, Random, Reading, Thing, ThingSource } from "#ports";
import type { Fact } from "#template";
import { isDeepStrictEqual } from "node:util";
import { orAborted } from "../or-aborted.ts";
import { codeOf, isTokenTrouble, Pace, problemOf } from "./pace.ts";
import { endAtMs, isLeased, nextAct, recordOf, takenUp, type NextAct, type PrivateRecord } from "./private-record.ts";
import { Rest } from "./rest.ts";
import { PROOF_MS, type Member, type ThingWatch } from "./watch.ts";

/** Shared for so long without trouble: the next trouble is a new one. */
const CALM_MS = 60_000;
const LAST_TRIES_MS = 1_000;
/** Between two answers of a system that waits. */
const BREATH_MS = 100;

export interface LookNeeds {
  /** As the template says it. */
  readonly thing: Thing;
  /** As its system is asked. */
  readonly meant: Thing;
  readonly watch: ThingWatch;
  readonly source: ThingSource | undefined;
  readonly whose: Pick<PrivateRecord, "allocation" | "task">;
  token(signal: AbortSignal): Promise<string>;
  tokenGone(): void;
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly random: Random;
  /** false: it is only kept alive for a while. */
  readonly wanted: () => boolean;
  /** Not wanted, and nothing is left to keep alive: it is to be ended. */
  readonly letGo: () => void;
  /** Fact or problem are different. */
  readonly changed: () => void;
}

/** Where private readings are kept. */
export interface Shelf {
  /** Throws NamedError FACT_NOT_KEPT when it cannot be stored. */
  keep(record: PrivateRecord): void;
  /** It could not be stored, so nobody may use it. */
  drop(record: PrivateRecord): void;
  /** Replaced; answers what is left to account for: nothing, or its lease. */
  putAside(record: PrivateRecord): PrivateRecord | undefined;
  /** Renews through the system's gate. */
  renew(record: PrivateRecord, lease: Lease, token: string, signal: AbortSignal): Promise<Lease>;
}

export class Look implements Member {
  readonly #needs: LookNeeds;
  readonly #over = new AbortController();
  readonly #rest: Rest;
  readonly #pace: Pace;
  readonly #jitter: number;
  #fact: Fact | undefined;
  #sharedProblem = "";
  #ownProblem = "";
  #held: PrivateRecord | undefined;
  #old: readonly PrivateRecord[] = [];
  #member = false;
  /** Its token failed in the watch: what to do about it is the loop's. */
  #trouble: { readonly thrown: unknown } | undefined;
  #again = false;
  #tokenReplaced = false;
  /** The last agent left it: how it stands is not known before it is renewed. */
  #found: PrivateRecord | undefined;

  /** `kept`: what the last agent left of it. */
  constructor(needs: LookNeeds, kept: readonly PrivateRecord[] = []) {
    this.#needs = needs;
    this.#rest = new Rest(needs.clock);
    this.#pace = new Pace(needs.random);
    this.#jitter = needs.random.fraction();
    const latestFirst = kept.toSorted((a, b) => b.readAtMs - a.readAtMs);
    const held = latestFirst.find(({ state }) => state === "held");
    this.#old = latestFirst.filter((record) => record !== held);
    this.#held = held === undefined ? undefined : takenUp(held, needs.clock.nowMs());
    this.#found = this.#held;
    if (this.#held !== undefined) this.#fact = { value: this.#held.value };
    void this.#run();
  }

  get fact(): Fact | undefined {
    return this.#fact;
  }

  /** "": none. */
  get problem(): string {
    return this.#ownProblem === "" ? this.#sharedProblem : this.#ownProblem;
  }

  get thing(): Thing {
    return this.#needs.thing;
  }

  get watch(): ThingWatch {
    return this.#needs.watch;
  }

  /** Records whose lease lives. */
  get leases(): number {
    return (this.#held !== undefined && isLeased(this.#held) ? 1 : 0) + this.#old.length;
  }

  /** The task's token for the system is another one now. */
  tokenReplaced(): void {
    this.#tokenReplaced = true;
    this.#rest.wake();
  }

  /** The records it leaves, to be given back. */
  end(): readonly PrivateRecord[] {
    this.#pause();
    const left = this.#held === undefined ? this.#old : [...this.#old, this.#held];
    this.#held = undefined;
    this.#old = [];
    return left;
  }

  /** The agent stops: it is taken up again by the next one. */
  detach(): void {
    this.#pause();
  }

  tell(fact: Fact | undefined, problem: string): void {
    if (!this.#member) return;
    const same = fact === undefined || (this.#fact !== undefined && isDeepStrictEqual(fact.value, this.#fact.value));
    if (same && problem === this.#sharedProblem) return;
    if (fact !== undefined) this.#fact = fact;
    this.#sharedProblem = problem;
    this.#needs.changed();
  }

  proveAgain(thrown: unknown): void {
    this.#member = false;
    this.#again = true;
    if (thrown !== undefined) this.#trouble = { thrown };
    this.#rest.wake();
  }

  own(reading: Reading, token: string): boolean {
    if (this.#over.signal.aborted) return false;
    const { shelf, whose, thing, clock, random } = this.#needs;
    const record = recordOf(reading, { ...whose, id: random.uuid(), thing, token }, clock.nowMs());
    try {
      shelf.keep(record);
    } catch (thrown) {
      shelf.drop(record);
      throw thrown;
    }
    this.#replaceHeld(record);
    this.#again = false;
    this.#sharedProblem = "";
    this.#ownProblem = "";
    this.#tellOwn();
    this.#rest.wake();
    return true;
  }

  #pause(): void {
    this.#over.abort(new Error("nobody looks at it any more"));
    this.#needs.watch.leave(this);
    this.#member = false;
  }

  async #run(): Promise<void> {
    const { signal } = this.#over;
    let expired = false;
    while (!signal.aborted) {
      try {
        if (this.#held !== undefined && !expired) {
          await this.#keepOwn();
          expired = true;
          // Nothing is made for nobody.
          if (!this.#needs.wanted()) return this.#needs.letGo();
        }
        await this.#prove(signal);
        expired = false;
      } catch (thrown) {
        if (signal.aborted) return;
        await this.#rest.sleep(this.#failed(thrown), signal).catch(() => undefined);
      }
    }
  }

  /** Once it is shared, until it must be proven again. */
  async #prove(signal: AbortSignal): Promise<void> {
    const { watch, clock, random } = this.#needs;
    const token = await this.#token(signal);
    const proving = watch.prove(this, token);
    proving.catch(() => undefined);
    if ((await orAborted(proving, signal)) === "own") return;
    this.#share(token);
    const sinceMs = clock.nowMs();
    const proofDueMs = sinceMs + PROOF_MS * (1 - random.fraction() / 5);
    while (!this.#again && !this.#tokenReplaced && clock.nowMs() < proofDueMs) await this.#rest.sleep(proofDueMs - clock.nowMs(), signal);
    if (clock.nowMs() - sinceMs >= CALM_MS) this.#pace.reset();
    const { thrown } = this.#trouble ?? {};
    this.#trouble = undefined;
    if (thrown !== undefined) throw thrown;
  }

  #token(signal: AbortSignal): Promise<string> {
    this.#tokenReplaced = false;
    return orAborted(this.#needs.token(signal), signal);
  }

  #share(token: string): void {
    // It was its own once; that is left to run out.
    if (this.#held !== undefined) this.#replaceHeld(undefined);
    this.#again = false;
    this.#member = true;
    const hadProblem = this.#ownProblem !== "";
    this.#ownProblem = "";
    this.#needs.watch.join(this, token);
    if (hadProblem) this.#needs.changed();
  }

  /** How long to wait before the next try. */
  #failed(thrown: unknown): number {
    const { watch, tokenGone, changed } = this.#needs;
    if (isTokenTrouble(thrown)) {
      watch.leave(this);
      this.#member = false;
      this.#sharedProblem = "";
      if (codeOf(thrown) !== "TOKEN_REFUSED") tokenGone();
    }
    const problem = problemOf(thrown);
    if (problem !== this.#ownProblem) {
      this.#ownProblem = problem;
      changed();
    }
    return this.#pace.waitMs(thrown);
  }

  /** Resolves when it must be made anew. */
  async #keepOwn(): Promise<void> {
    const { clock } = this.#needs;
    const { signal } = this.#over;
    for (let notBeforeMs = 0; this.#held !== undefined;) {
      const held: PrivateRecord = this.#held;
      const doubted = held === this.#found && isLeased(held) && held.lease?.renewable === true;
      const next: NextAct = doubted ? { act: "renew", atMs: 0 } : nextAct(held, this.#jitter);
      const atMs = Math.max(next.atMs, notBeforeMs);
      while (clock.nowMs() < atMs && !this.#tokenReplaced) await this.#rest.sleep(atMs - clock.nowMs(), signal);
      if (next.act === "read" && clock.nowMs() >= atMs) return;
      const replaced = this.#tokenReplaced;
      const token = await this.#token(signal);
      // Its lease ends with the token it was made with.
      if (isLeased(held) && token !== held.token) return;
      if (replaced && clock.nowMs() < atMs) continue;
      const startedAtMs = clock.nowMs();
      try {
        if ((await this.#act(held, next, token)) === "anew") return;
        if (clock.nowMs() - startedAtMs < BREATH_MS) notBeforeMs = startedAtMs + BREATH_MS;
        this.#pace.reset();
        this.#mended();
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        // Read anew with another token, or because no more is to be had of this one.
        if (isTokenTrouble(thrown) || codeOf(thrown) === "THING_INVALID") {
          if (isTokenTrouble(thrown)) this.#needs.tokenGone();
          return;
        }
        const leftMs = (endAtMs(held) ?? Number.POSITIVE_INFINITY) - clock.nowMs();
        if (leftMs <= 0) return;
        // More often as its end comes near.
        notBeforeMs = clock.nowMs() + Math.min(this.#failed(thrown), Math.max(LAST_TRIES_MS, leftMs / 4));
      }
    }
  }

  async #act(held: PrivateRecord, { act }: NextAct, token: string): Promise<"anew" | "kept"> {
    const { shelf, clock, source, meant, whose, thing } = this.#needs;
    const { signal } = this.#over;
    if (act === "renew" && held.lease !== null) {
      // Its life is counted by its system, which answers a while after it began.
      const leasedAtMs = clock.nowMs();
      const lease = await shelf.renew(held, held.lease, token, signal);
      if (signal.aborted) return "kept";
      const renewed: PrivateRecord = { ...held, lease, leasedAtMs };
      shelf.keep(renewed);
      this.#held = renewed;
      return "kept";
    }
    if (source === undefined) return "anew";
    const reading = await source.read(meant, { token, after: held.index, signal });
    if (signal.aborted) return "kept";
    if (!reading.private) return "anew";
    if (reading.lease?.id !== held.lease?.id) {
      this.own(reading, token);
      return "kept";
    }
    const record = recordOf(reading, { ...whose, id: held.id, thing, token }, clock.nowMs());
    const same = isDeepStrictEqual(held.value, record.value);
    // Only what is different is worth a write: its time of reading is not.
    if (!same || record.index !== held.index || record.lease !== null) shelf.keep(record);
    this.#held = record;
    if (!same) this.#tellOwn();
    return "kept";
  }

  #mended(): void {
    if (this.#ownProblem === "") return;
    this.#ownProblem = "";
    this.#needs.changed();
  }

  #replaceHeld(record: PrivateRecord | undefined): void {
    const { shelf, clock } = this.#needs;
    const before = this.#held;
    this.#held = record;
    const old = before === undefined ? undefined : shelf.putAside(before);
    const now = clock.nowMs();
    this.#old = (old === undefined ? this.#old : [...this.#old, old]).filter((each) => {
      const ended = (endAtMs(each) ?? Number.POSITIVE_INFINITY) <= now;
      if (ended) shelf.putAside(each);
      return !ended;
    });
  }

  #tellOwn(): void {
    const { changed } = this.#needs;
    if (this.#held === undefined) return;
    this.#fact = { value: this.#held.value };
    changed();
  }
}
