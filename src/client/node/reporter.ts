/**
 * Tells the servers how allocations are. What changes within a batch time travels together. News people wait for (an allocation
 * runs, ended, failed) goes at once after quiet, and never waits longer than a quarter of the batch time. An allocation stays due until the servers have acknowledged its latest word, also across restarts of the agent.
 */
import type { AllocationClientUpdate, AllocationId } from "#model";
import type { Clock, LinkConnection, Timer } from "#ports";
import { messageOf } from "#std";
import type { Report } from "../world.ts";

export interface Reported {
  readonly update: AllocationClientUpdate;
  /** Called when the servers have it. */
  readonly acknowledged: () => void;
}

export interface ReporterNeeds {
  readonly clock: Clock;
  readonly batchMs: number;
  readonly report: Report;
  /** The latest word about an allocation; undefined when it is forgotten. */
  readonly describe: (id: AllocationId) => Reported | undefined;
}

/** How many travel at once: a link message stays well under a megabyte. */
const UPDATES_PER_MESSAGE_MAX = 500;
const RETRY_MS = 1_000;

export class Reporter {
  readonly #needs: ReporterNeeds;
  readonly #due = new Set<AllocationId>();
  #connection: LinkConnection | undefined;
  #timer: Timer | undefined;
  /** When the timer rings, and when it should. */
  #timerMs = Number.POSITIVE_INFINITY;
  #dueMs = Number.POSITIVE_INFINITY;
  #flushing = false;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  readonly #idle = new Set<() => void>();

  constructor(needs: ReporterNeeds) {
    this.#needs = needs;
  }

  /** An allocation has something to tell. */
  mark(id: AllocationId, urgent: boolean): void {
    if (this.#closed) return;
    this.#due.add(id);
    const nowMs = this.#needs.clock.nowMs();
    const { batchMs } = this.#needs;
    this.#schedule(urgent ? Math.max(nowMs, this.#lastFlushMs + batchMs / 4) : nowMs + batchMs);
  }

  /** A registered connection, or none. */
  use(connection: LinkConnection | undefined): void {
    this.#connection = connection;
    if (connection !== undefined && this.#due.size > 0) this.#schedule(this.#needs.clock.nowMs());
  }

  /** Resolves when nothing is due. */
  async flushed(): Promise<void> {
    while (this.#due.size > 0 || this.#flushing) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle.add(resolve);
      this.#schedule(this.#needs.clock.nowMs());
      await promise;
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#due.clear();
    this.#wake();
  }

  #schedule(dueMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, dueMs);
    if (this.#closed || this.#flushing || this.#connection === undefined) return;
    if (this.#timer !== undefined && this.#timerMs <= this.#dueMs) return;
    this.#timer?.cancel();
    this.#timerMs = this.#dueMs;
    // At once still means after everything that happens in this turn.
    this.#timer = this.#needs.clock.after(Math.max(0, this.#dueMs - this.#needs.clock.nowMs()), () => {
      this.#timer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#closed) return;
    this.#flushing = true;
    this.#dueMs = Number.POSITIVE_INFINITY;
    let delayMs = this.#needs.batchMs / 4;
    const ids = [...this.#due].slice(0, UPDATES_PER_MESSAGE_MAX);
    for (const id of ids) this.#due.delete(id);
    try {
      const told = ids.map((id) => this.#needs.describe(id)).filter((each) => each !== undefined);
      if (told.length > 0) {
        await connection.updateAllocations(told.map((each) => each.update));
        if (!this.#closed) for (const each of told) each.acknowledged();
      }
    } catch (thrown) {
      if (!this.#closed) for (const id of ids) this.#due.add(id);
      delayMs = RETRY_MS;
      this.#needs.report({
        level: "warn",
        message: "allocation updates were not taken, trying again",
        fields: { problem: messageOf(thrown) },
      });
    } finally {
      this.#flushing = false;
      this.#lastFlushMs = this.#needs.clock.nowMs();
    }
    if (this.#due.size > 0) this.#schedule(Math.min(this.#dueMs, this.#lastFlushMs + delayMs));
    else this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
