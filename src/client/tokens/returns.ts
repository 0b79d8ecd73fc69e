/**
 * Gives tokens back, for as long as it takes: a few at a time while the system answers, none while it cannot be reached (a wait, longer
 * each time), and one that it refuses to take only now and then. What is given back is erased from the node's memory after, never before.
 */
import type { Clock, Random, TokenExchange } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Report } from "../world.ts";
import { isOut, type TokenRecord, type TokenShelf } from "./record.ts";

const PARALLEL_MAX = 4;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
const REFUSED_AGAIN_MS = 300_000;

export interface TokenReturnsNeeds {
  readonly exchange: TokenExchange | undefined;
  readonly shelf: TokenShelf;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

interface Waiting {
  readonly record: TokenRecord;
  notBeforeMs: number;
}

export class TokenReturns {
  readonly #needs: TokenReturnsNeeds;
  readonly #waiting = new Map<string, Waiting>();
  #working: Promise<void> | undefined;
  #away = false;
  #closed = false;
  #nudge = Promise.withResolvers<void>();

  constructor(needs: TokenReturnsNeeds) {
    this.#needs = needs;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Its record says "returning" on disk already. */
  add(record: TokenRecord): void {
    this.#waiting.set(record.accessor, { record, notBeforeMs: 0 });
    this.#start();
    this.#wake();
  }

  /** Resolves when all are given back, or when that cannot be done at once. */
  async settled(): Promise<void> {
    while (this.#working !== undefined && !this.#away && this.#ready().length > 0) await this.#nudge.promise;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #start(): void {
    const { exchange } = this.#needs;
    if (exchange === undefined || this.#closed || this.#waiting.size === 0 || this.#working !== undefined) return;
    this.#working = this.#work(exchange).finally(() => {
      this.#working = undefined;
      this.#start();
    });
  }

  async #work(exchange: TokenExchange): Promise<void> {
    const { clock, random } = this.#needs;
    let awayMs = RETRY_FIRST_MS;
    while (!this.#closed && this.#waiting.size > 0) {
      const ready = this.#ready().slice(0, PARALLEL_MAX);
      if (ready.length === 0) {
        const next = Math.min(...[...this.#waiting.values()].map((each) => each.notBeforeMs));
        await this.#sleep(next - clock.nowMs(), true);
        continue;
      }
      const answered = await Promise.all(ready.map((each) => this.#giveBack(exchange, each)));
      this.#away = answered.every((answer) => !answer);
      this.#wake();
      if (!this.#away) {
        awayMs = RETRY_FIRST_MS;
        continue;
      }
      await this.#sleep(awayMs * (1 + random.fraction() / 5), false);
      awayMs = Math.min(awayMs * 2, RETRY_MAX_MS);
    }
  }

  /** Did the system answer, whatever it said? */
  async #giveBack(exchange: TokenExchange, waiting: Waiting): Promise<boolean> {
    const { clock, report, shelf } = this.#needs;
    const { record } = waiting;
    try {
      // One that is out is forgotten by the system itself.
      if (!isOut(record, clock.nowMs())) await exchange.revoke(record.secret);
      if (!this.#closed) shelf.erase(record);
    } catch (thrown) {
      if (thrown instanceof NamedError && thrown.code === "TOKEN_UNREACHABLE") return false;
      waiting.notBeforeMs = clock.nowMs() + REFUSED_AGAIN_MS;
      report({
        level: "warn",
        message: "a token could not be given back, trying again",
        fields: { alloc_id: record.request.AllocationID, accessor: record.accessor, problem: messageOf(thrown) },
      });
      return true;
    }
    if (!this.#closed) this.#waiting.delete(record.accessor);
    return true;
  }

  #ready(): readonly Waiting[] {
    const now = this.#needs.clock.nowMs();
    return [...this.#waiting.values()].filter((each) => each.notBeforeMs <= now);
  }

  /** `early`: ends when more comes. */
  async #sleep(delayMs: number, early: boolean): Promise<void> {
    const timed = Promise.withResolvers<void>();
    const timer = this.#needs.clock.after(delayMs, timed.resolve);
    do await Promise.race([timed.promise.then(() => (early = true)), this.#nudge.promise]);
    while (!early && !this.#closed);
    timer.cancel();
  }

  #wake(): void {
    this.#nudge.resolve();
    this.#nudge = Promise.withResolvers<void>();
  }
}
