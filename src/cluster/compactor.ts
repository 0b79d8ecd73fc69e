/**
 * Snapshots every so many entries, and the own log cut behind the older of two: a restart applies few entries, and a damaged snapshot costs
 * nothing.
 */
import type { Clock, Log, SnapshotStore } from "#ports";
import type { State } from "#state";
import { messageOf } from "#std";
import { SNAPSHOT_EVERY_ENTRIES, SNAPSHOT_PATIENCE, SNAPSHOT_REST, SNAPSHOTS_KEPT } from "./limits.ts";

export interface CompactorOptions {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly state: State;
  readonly clock: Clock;
  readonly everyEntries?: number;
  readonly warn: (message: string) => void;
  /** Runs what takes the snapshot when the state is one a snapshot may be taken of; default: at once. */
  readonly atBoundary?: <T>(take: () => T) => Promise<T>;
}

export class Compactor {
  readonly #options: CompactorOptions;
  readonly #every: number;
  #snapshotIndex: number;
  #restsUntilMs = 0;
  #compacting: Promise<void> | undefined;

  constructor(options: CompactorOptions, snapshotIndex: number) {
    this.#options = options;
    this.#every = options.everyEntries ?? SNAPSHOT_EVERY_ENTRIES;
    this.#snapshotIndex = snapshotIndex;
  }

  /** After entries were applied: is it time? */
  applied(index: number): void {
    const since = index - this.#snapshotIndex;
    if (since < this.#every || this.#compacting !== undefined) return;
    if (since < this.#every * SNAPSHOT_PATIENCE && this.#options.clock.nowMs() < this.#restsUntilMs) return;
    this.compact().catch((thrown: unknown) => {
      // Not at every entry from now on: again after as many more.
      this.#snapshotIndex = index;
      this.#options.warn(`Cannot write snapshot: ${messageOf(thrown)}; the log goes on growing`);
    });
  }

  compact(): Promise<void> {
    this.#compacting ??= this.#compactNow().finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  /** A snapshot comes from elsewhere, of the index it resolves with. None is taken here meanwhile: who asks for one gets that one. */
  async instead(fetch: () => Promise<number>): Promise<number> {
    while (this.#compacting !== undefined) await this.settled();
    const fetching = fetch();
    this.#compacting = fetching
      .then((index) => void (this.#snapshotIndex = index))
      .finally(() => {
        this.#compacting = undefined;
      });
    await this.#compacting;
    return fetching;
  }

  async settled(): Promise<void> {
    await this.#compacting?.catch(() => undefined);
  }

  async #compactNow(): Promise<void> {
    const { log, snapshots, clock, state, atBoundary = async (take) => take() } = this.#options;
    if (log.lastIndex === 0) return;
    const startedMs = clock.nowMs();
    // Both in one turn: the snapshot is of this index.
    const { index, chunks } = await atBoundary(() => ({ index: state.logIndex, chunks: state.save() }));
    await snapshots.save(index, chunks, SNAPSHOTS_KEPT);
    this.#snapshotIndex = index;
    this.#restsUntilMs = clock.nowMs() + SNAPSHOT_REST * (clock.nowMs() - startedMs);
    const kept = await snapshots.list();
    // A lone snapshot has nothing behind it should it be damaged: until there is a second, the log stays whole.
    if (kept.length >= SNAPSHOTS_KEPT) await log.cut(kept[SNAPSHOTS_KEPT - 1] as number);
  }
}
