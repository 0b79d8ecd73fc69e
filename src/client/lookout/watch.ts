/**
 * The node's one watch on one thing. Whoever wants to know proves with its own token that it may (a read that starts from nothing), and is a
 * member from then on; the watch itself goes on with the token of one of its members.
 *
 *              a member has proven                         answered
 *   (idle) ──────────────────────────► reading (waits) ──────────────► reading …            systems that can wait: no gap
 *      ▲                                  │   │     └────────────────► resting ─► reading …  the others: again after a while
 *      │ no member is left                │   │ cannot be reached, not right: everybody keeps what they know
 *      └──────────────────────────────────┘   └──────────────────────► retrying (longer each time, never given up)
 *
 * Invariants:
 * - A token is read with only while a member has it; one that does not do any more takes its members out, and they prove again.
 * - Equal values are not told. Who comes late is told what is known when it has proven.
 * - What turns out to be made for whoever asks (`private`) is never told to a second member: each reads on its own.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock, Random, Reading, Thing, ThingSource } from "#ports";
import type { Fact } from "#template";
import { NamedError } from "#std";
import type { Gate } from "./gate.ts";
import { isTokenTrouble, Pace, problemOf } from "./pace.ts";
import { Rest } from "./rest.ts";

/** How often a member has to prove. Some come sooner, some later. */
export const PROOF_MS = 300_000;
/** Of a system that cannot wait: how old an answer may be for somebody new. */
const YOUNG_MS = 1_000;
/** Where neither system nor maker say when to look again. */
const AGAIN_MS = 60_000;
/** Waiting reads that answer at once, over and over: after so many comes a breath (what changes meanwhile is not missed). */
const QUICK_MS = 20;
const QUICK_MAX = 3;
const BREATH_MS = 100;

export interface Member {
  /** `fact` undefined: not known yet. `problem`: why it is not kept up to date; "": it is. */
  tell(fact: Fact | undefined, problem: string): void;
  /** It is no member any more, and has to prove again. `thrown`: its token does not do; undefined: the thing is each reader's own now. */
  proveAgain(thrown: unknown): void;
  /** Made for it alone. false: it is over, and does not want it. Throws when it cannot be kept. */
  own(reading: Reading, token: string): boolean;
}

export interface WatchNeeds {
  /** Under which the node knows it. */
  readonly key: string;
  readonly thing: Thing;
  /** undefined: the system is not configured on this node. */
  readonly source: ThingSource | undefined;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly random: Random;
  /** Counted: +1 when a read begins, -1 when it ended. */
  readonly reading: (change: 1 | -1) => void;
  /** Somebody's that nobody takes any more: to be given back. */
  readonly orphan: (reading: Reading, token: string) => void;
}

export class ThingWatch {
  readonly #needs: WatchNeeds;
  readonly #members = new Map<Member, string>();
  /** By token: when it was last seen that it may. */
  readonly #provenAtMs = new Map<string, number>();
  readonly #flights = new Map<string, Promise<"shared" | "own">>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #over = new AbortController();
  /** Proofs outlive the watch for a while: what was made for a reader must be heard of, to be given back. */
  readonly #proofs = new AbortController();
  readonly #rest: Rest;
  readonly #pace: Pace;
  #fact: Fact | undefined;
  #problem = "";
  #private = false;
  #index = "";
  #nextAtMs = 0;
  /** Of reads, in the order they began; and of the one whose answer counts. */
  #order = 0;
  #adopted = 0;
  #token: string | undefined;
  #current: { readonly token: string; readonly abort: AbortController } | undefined;
  #running = false;

  constructor(needs: WatchNeeds) {
    this.#needs = needs;
    this.#rest = new Rest(needs.clock);
    this.#pace = new Pace(needs.random);
  }

  get key(): string {
    return this.#needs.key;
  }

  /**
   * Reads with the token. "shared": it may: join. "own": the thing is made for whoever asks, and `member.own` was called (before anything else could
   * happen). Rejects as ThingSource.read.
   */
  async prove(member: Member, token: string): Promise<"shared" | "own"> {
    for (;;) {
      if (this.#private) return this.#readFor(member, token);
      if (this.#isProven(member, token)) return "shared";
      const flight = this.#flights.get(token);
      if (flight === undefined) {
        const started = this.#readFor(member, token).finally(() => this.#flights.delete(token));
        this.#flights.set(token, started);
        return started;
      }
      // Readers with one token share a proof, but not what was made for the first of them.
      if ((await flight) === "shared") return "shared";
    }
  }

  /** After it has proven. */
  join(member: Member, token: string): void {
    const before = this.#members.get(member);
    this.#members.set(member, token);
    if (before !== undefined && before !== token) this.#letGo(before);
    if (!this.#running) {
      this.#running = true;
      void this.#run().finally(() => (this.#running = false));
    }
    this.#rest.wake();
    member.tell(this.#fact, this.#problem);
  }

  leave(member: Member): void {
    const token = this.#members.get(member);
    if (token === undefined) return;
    this.#members.delete(member);
    this.#letGo(token);
  }

  /** Nobody wants it any more. */
  close(): void {
    this.#over.abort(new Error("nobody looks at it any more"));
    this.#current?.abort.abort(this.#over.signal.reason);
  }

  /** After `close`. Proofs under way end too. */
  abandon(): void {
    this.#proofs.abort(new Error("the agent stops"));
  }

  /** Resolves when no proof is under way. */
  async proofsDone(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #isProven(member: Member, token: string): boolean {
    const provenAtMs = this.#provenAtMs.get(token);
    if (provenAtMs === undefined || this.#fact === undefined) return false;
    // While nobody answers, members do not queue up to prove what they have proven: the watch alone tries.
    if (this.#problem !== "") return this.#members.get(member) === token;
    const young = this.#members.has(member) || this.#index !== "" ? PROOF_MS / 2 : YOUNG_MS;
    return this.#needs.clock.nowMs() - provenAtMs < young;
  }

  #readFor(member: Member, token: string): Promise<"shared" | "own"> {
    const reading = this.#performProof(member, token);
    this.#underWay.add(reading);
    const done = () => void this.#underWay.delete(reading);
    reading.then(done, done);
    return reading;
  }

  async #performProof(member: Member, token: string): Promise<"shared" | "own"> {
    const order = ++this.#order;
    const { signal } = this.#proofs;
    const reading = await this.#needs.gate.pass(() => this.#read(token, "", signal), signal);
    if (reading.private) {
      this.#turnPrivate();
      if (!member.own(reading, token)) this.#needs.orphan(reading, token);
      return "own";
    }
    this.#private = false;
    this.#provenAtMs.set(token, this.#needs.clock.nowMs());
    const watched = this.#members.size > 0 && this.#problem === "" && this.#fact !== undefined;
    // A system that waits tells the watch by itself, and in order.
    if (reading.index === "" || !watched) this.#adopt(reading, order, false);
    return "shared";
  }

  async #read(token: string, after: string, signal: AbortSignal): Promise<Reading> {
    const { source, thing, reading } = this.#needs;
    if (source === undefined)
      throw new NamedError("THING_INVALID", `Cannot look at "${thing.name}": ${thing.system} is not set up on this node`, {
        fix: `Set ${thing.system} { enabled = true, address = "…" } in its agent's configuration.`,
      });
    reading(1);
    try {
      return await source.read(thing, { token, after, signal });
    } finally {
      reading(-1);
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#needs;
    const { signal } = this.#over;
    let quick = 0;
    while (!signal.aborted) {
      const token = this.#pick();
      const waitMs = token === undefined ? Number.POSITIVE_INFINITY : this.#nextAtMs - clock.nowMs();
      if (token === undefined || waitMs > 0) {
        await this.#rest.sleep(waitMs, signal).catch(() => undefined);
        continue;
      }
      const startedAtMs = clock.nowMs();
      const waited = this.#index !== "";
      await this.#readOn(token);
      quick = waited && clock.nowMs() - startedAtMs < QUICK_MS ? quick + 1 : 0;
      if (quick > QUICK_MAX) this.#nextAtMs = Math.max(this.#nextAtMs, clock.nowMs() + BREATH_MS);
    }
  }

  async #readOn(token: string): Promise<void> {
    const order = ++this.#order;
    const current = { token, abort: new AbortController() };
    const { signal } = current.abort;
    this.#current = current;
    try {
      const after = this.#index;
      const read = () => this.#read(token, after, signal);
      const reading = after === "" ? await this.#needs.gate.pass(read, signal) : await read();
      if (signal.aborted) {
        if (reading.private) this.#needs.orphan(reading, token);
        return;
      }
      if (reading.private) this.#handOut(reading, token);
      else {
        this.#provenAtMs.set(token, this.#needs.clock.nowMs());
        this.#adopt(reading, order, true);
      }
    } catch (thrown) {
      if (!signal.aborted) this.#failed(token, thrown);
    } finally {
      this.#current = undefined;
    }
  }

  #adopt(reading: Reading, order: number, byWatch: boolean): void {
    // Of systems that cannot wait the answer to what was asked last counts.
    if (reading.index === "" && order < this.#adopted) return;
    const { clock, random } = this.#needs;
    this.#adopted = order;
    this.#index = reading.index;
    const againMs = reading.againMs ?? (reading.index === "" ? AGAIN_MS : 0);
    this.#nextAtMs = clock.nowMs() + againMs * (1 - random.fraction() / 5);
    this.#pace.reset();
    const same = this.#fact !== undefined && isDeepStrictEqual(this.#fact.value, reading.value);
    const mended = this.#problem !== "";
    this.#problem = "";
    if (!same) this.#fact = { value: reading.value };
    if (!same || mended) this.#tell();
    if (!byWatch) this.#rest.wake();
  }

  #failed(token: string, thrown: unknown): void {
    if (isTokenTrouble(thrown)) {
      // On to another member's, at once.
      for (const [member, its] of this.#members) {
        if (its !== token) continue;
        this.#members.delete(member);
        member.proveAgain(thrown);
      }
      this.#provenAtMs.delete(token);
      return;
    }
    this.#nextAtMs = this.#needs.clock.nowMs() + this.#pace.waitMs(thrown);
    const problem = problemOf(thrown);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#tell();
  }

  /** The watch's own read was answered with something made for one reader. */
  #handOut(reading: Reading, token: string): void {
    const first = [...this.#members].find(([, its]) => its === token)?.[0];
    this.#turnPrivate();
    try {
      if (first?.own(reading, token) !== true) this.#needs.orphan(reading, token);
    } catch (thrown) {
      first?.proveAgain(thrown);
    }
  }

  #turnPrivate(): void {
    this.#private = true;
    this.#fact = undefined;
    this.#index = "";
    this.#nextAtMs = 0;
    const members = [...this.#members.keys()];
    this.#members.clear();
    this.#provenAtMs.clear();
    this.#current?.abort.abort(new Error("it is each reader's own"));
    for (const member of members) member.proveAgain(undefined);
  }

  /** That of the last read, as long as somebody has it. */
  #pick(): string | undefined {
    const tokens = new Set(this.#members.values());
    if (this.#token === undefined || !tokens.has(this.#token)) this.#token = tokens.values().next().value;
    return this.#token;
  }

  /** A member with this token has gone: nothing is read with it when it was the last. */
  #letGo(token: string): void {
    if ([...this.#members.values()].includes(token)) return;
    this.#provenAtMs.delete(token);
    if (this.#current?.token === token) this.#current.abort.abort(new Error("whose token it was has gone"));
  }

  #tell(): void {
    for (const member of this.#members.keys()) member.tell(this.#fact, this.#problem);
  }
}
