/**
 * Gives leases back, for as long as it takes and they live: a few at a time while their system answers, none while it cannot be reached (a wait,
 * longer each time), one that is refused now and then. Many a task's token may not give a single lease back; it ends with that token then, and
 * the next try finds it gone. What is given back, or out, is erased from the node's memory after, never before.
 */
import type { Clock, Random, ThingSource, ThingSystem } from "#ports";
import type { FactStore } from "../sealed-facts.ts";
import { codeOf, Pace } from "./pace.ts";
import { endAtMs, eraseRecord, isLeased, isOut, type PrivateRecord } from "./private-record.ts";
import { Rest } from "./rest.ts";

const PARALLEL_MAX = 4;
const REFUSED_AGAIN_MS = 15_000;
const REFUSED_AGAIN_MAX_MS = 300_000;

export interface LeaseReturnsNeeds {
  readonly sources: ReadonlyMap<ThingSystem, ThingSource>;
  readonly facts: FactStore;
  readonly clock: Clock;
  readonly random: Random;
}

interface Waiting {
  readonly record: PrivateRecord;
  notBeforeMs: number;
  refusedAgainMs: number;
}

export class LeaseReturns {
  readonly #lanes = new Map<ThingSystem, Lane>();
  readonly #needs: LeaseReturnsNeeds;

  constructor(needs: LeaseReturnsNeeds) {
    this.#needs = needs;
  }

  get count(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.count, 0);
  }

  /** Its record says "returning" on disk already. */
  add(record: PrivateRecord): void {
    const { system } = record.thing;
    let lane = this.#lanes.get(system);
    if (lane === undefined) this.#lanes.set(system, (lane = new Lane(this.#needs, this.#needs.sources.get(system))));
    lane.add(record);
  }

  /** Resolves when all that can be given back at once is. */
  async settled(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.firstRound()));
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
  }
}

/** One system's. */
class Lane {
  readonly #needs: LeaseReturnsNeeds;
  readonly #source: ThingSource | undefined;
  readonly #waiting = new Map<string, Waiting>();
  readonly #over = new AbortController();
  readonly #rest: Rest;
  readonly #pace: Pace;
  #working = false;
  #idle = Promise.withResolvers<void>();

  constructor(needs: LeaseReturnsNeeds, source: ThingSource | undefined) {
    this.#needs = needs;
    this.#source = source;
    this.#rest = new Rest(needs.clock);
    this.#pace = new Pace(needs.random);
  }

  get count(): number {
    return this.#waiting.size;
  }

  add(record: PrivateRecord): void {
    this.#waiting.set(record.id, { record, notBeforeMs: 0, refusedAgainMs: REFUSED_AGAIN_MS });
    this.#rest.wake();
    this.#start();
  }

  #start(): void {
    if (this.#working) return;
    this.#working = true;
    this.#idle = Promise.withResolvers();
    void this.#work().finally(() => {
      this.#working = false;
      this.#idle.resolve();
      // What came just as it ended found it still at work.
      if (this.#waiting.size > 0 && !this.#over.signal.aborted) this.#start();
    });
  }

  /** Until nothing is left, or what is left has to wait. */
  firstRound(): Promise<void> {
    return this.#working ? this.#idle.promise : Promise.resolve();
  }

  close(): void {
    this.#over.abort(new Error("the agent stops"));
  }

  async #work(): Promise<void> {
    const { clock } = this.#needs;
    const { signal } = this.#over;
    while (!signal.aborted && this.#waiting.size > 0) {
      const all = [...this.#waiting.values()];
      const ready = all.filter(({ notBeforeMs }) => notBeforeMs <= clock.nowMs()).slice(0, PARALLEL_MAX);
      const outcomes = await Promise.all(ready.map((each) => this.#giveBack(each)));
      const away = outcomes.find((outcome) => outcome !== undefined);
      if (away === undefined) this.#pace.reset();
      const soonestMs = Math.min(...[...this.#waiting.values()].map(({ notBeforeMs }) => notBeforeMs));
      const waitMs = away === undefined ? soonestMs - clock.nowMs() : this.#pace.waitMs(away);
      if (this.#waiting.size === 0 || waitMs <= 0) continue;
      this.#idle.resolve();
      this.#idle = Promise.withResolvers<void>();
      await this.#rest.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** What was thrown when the system could not be reached. */
  async #giveBack(waiting: Waiting): Promise<unknown> {
    const { clock, facts } = this.#needs;
    const { record } = waiting;
    try {
      if (isLeased(record) && !isOut(record, clock.nowMs())) {
        if (this.#source === undefined) {
          waiting.notBeforeMs = endAtMs(record) ?? 0;
          return undefined;
        }
        await this.#source.revoke(record.lease?.id ?? "", record.token);
      }
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === "THING_DENIED") {
        waiting.notBeforeMs = clock.nowMs() + waiting.refusedAgainMs;
        waiting.refusedAgainMs = Math.min(waiting.refusedAgainMs * 2, REFUSED_AGAIN_MAX_MS);
        return undefined;
      }
      // Not known any more: it ended with its token, or by itself.
      if (code !== "THING_TOKEN_UNKNOWN" && code !== "THING_INVALID") return thrown;
    }
    if (this.#over.signal.aborted) return undefined;
    try {
      eraseRecord(facts, record);
      this.#waiting.delete(record.id);
    } catch {
      // The memory cannot be written: given back again later, which is fine, and erased then.
      waiting.notBeforeMs = clock.nowMs() + REFUSED_AGAIN_MS;
    }
    return undefined;
  }
}
