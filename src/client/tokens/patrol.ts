/**
 * Service tokens are used by nobody while nothing changes, so nobody would notice that one is gone: somebody looks, at one after the other, a few a
 * minute however many there are. With a dozen services each is looked at within 30 s (F31); with hundreds a single one takes longer, but when a
 * system was wiped or restored all are gone together, and the first look says so: then all are looked at, at once.
 *
 *   resting ── EVERY_MS ──► look at the next ── known ──► resting
 *                                └── gone ──► look at all, once ──► resting
 */
import type { Clock, Random, Timer } from "#ports";

const EVERY_MS = 2_500;
/** After a look at all, no other for so long: replacing them takes a moment. */
const ALARM_REST_MS = 15_000;
const LOOKS_AT_ONCE = 8;

export interface PatrolNeeds<Watched> {
  readonly clock: Clock;
  readonly random: Random;
  /** As it is now; order does not matter. */
  readonly watched: () => readonly Watched[];
  /** Also those that are looked at by somebody else, but less often. */
  readonly all: () => readonly Watched[];
  /** Once; whoever finds one gone calls `alarm`. Never rejects. */
  readonly look: (one: Watched) => Promise<void>;
}

export class Patrol<Watched extends object> {
  readonly #needs: PatrolNeeds<Watched>;
  #timer: Timer | undefined;
  #round: Watched[] = [];
  #alarmedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(needs: PatrolNeeds<Watched>) {
    this.#needs = needs;
  }

  /** There is something to watch, perhaps for the first time. */
  begin(): void {
    if (this.#timer !== undefined || this.#closed) return;
    const { clock, random } = this.#needs;
    this.#timer = clock.after(EVERY_MS * (1 - random.fraction() / 5), () => {
      this.#timer = undefined;
      this.#next();
    });
  }

  /** One of them is gone: very likely the others are. */
  alarm(): void {
    const nowMs = this.#needs.clock.nowMs();
    if (this.#closed || nowMs - this.#alarmedAtMs < ALARM_REST_MS) return;
    this.#alarmedAtMs = nowMs;
    const waiting = [...this.#needs.all()];
    const work = async () => {
      for (let one = waiting.pop(); one !== undefined && !this.#closed; one = waiting.pop()) await this.#needs.look(one);
    };
    for (let worker = 0; worker < LOOKS_AT_ONCE; worker++) void work();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #next(): void {
    const watched = new Set(this.#needs.watched());
    if (watched.size === 0) return;
    // Those that came since join the next round.
    this.#round = this.#round.filter((one) => watched.has(one));
    if (this.#round.length === 0) this.#round = [...watched];
    void this.#needs.look(this.#round.shift() as Watched);
    this.begin();
  }
}
