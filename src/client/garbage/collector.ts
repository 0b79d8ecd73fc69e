/**
 * Keeps the machine clean: ended allocations stay readable until there are too many, or space gets short; the oldest go first.
 * nomad.md §7 "GC", §5.3.
 */
import { createRounds, messageOf, type Rounds } from "#std";
import type { Timer } from "#ports";
import type { AllocationRunner } from "../allocation/runner.ts";
import type { Herd } from "../herd.ts";
import type { ClientWorld } from "../world.ts";

export interface Pressure {
  readonly diskUsedPercent: number;
  readonly inodesUsedPercent: number;
}

/** How many of the ended ones must go now. Pure. Under pressure one at a time: measured again after each. */
export function excess(
  total: number,
  ended: number,
  pressure: Pressure,
  limits: { readonly diskUsagePercent: number; readonly inodeUsagePercent: number; readonly allocationsMax: number },
): number {
  if (ended === 0) return 0;
  const tooMany = Math.max(0, total - limits.allocationsMax);
  const tight = pressure.diskUsedPercent > limits.diskUsagePercent || pressure.inodesUsedPercent > limits.inodeUsagePercent;
  return Math.min(ended, Math.max(tooMany, tight ? 1 : 0));
}

export class Collector {
  readonly #world: ClientWorld;
  readonly #herd: Herd;
  #timer: Timer | undefined;
  #closed = false;
  /** What ends while the last one goes may be one too many. */
  readonly #rounds: Rounds;

  constructor(world: ClientWorld, herd: Herd) {
    this.#world = world;
    this.#herd = herd;
    this.#rounds = createRounds(() => this.#collectExcess());
  }

  start(): void {
    this.#arm();
  }

  /** Something ended. */
  nudge(): void {
    if (this.#herd.runners.size > this.#world.settings.garbage.allocationsMax) void this.collectExcess();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Everything that ended goes. */
  async collectAll(): Promise<void> {
    await this.#remove(this.#ended());
  }

  /** Resolves when what is too many now is gone. */
  collectExcess(): Promise<void> {
    return this.#rounds.ask();
  }

  async #collectExcess(): Promise<void> {
    try {
      for (;;) {
        const ended = this.#ended();
        const many = this.#closed ? 0 : excess(this.#herd.runners.size, ended.length, await this.#pressure(), this.#world.settings.garbage);
        if (many === 0) return;
        await this.#remove(ended.slice(0, many));
      }
    } catch (thrown) {
      this.#world.report({ level: "warn", message: "garbage could not be collected", fields: { problem: messageOf(thrown) } });
    }
  }

  async #remove(runners: readonly AllocationRunner[]): Promise<void> {
    const queue = [...runners];
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await this.#herd.remove(next);
    };
    await Promise.all(Array.from({ length: this.#world.settings.garbage.parallel }, worker));
  }

  /** Oldest first; never one whose end the servers have not heard of. */
  #ended(): AllocationRunner[] {
    return [...this.#herd.runners.values()]
      .filter((runner) => runner.isOver && runner.progress.acknowledged)
      .toSorted((a, b) => a.progress.overAt - b.progress.overAt);
  }

  async #pressure(): Promise<Pressure> {
    const usage = await this.#world.disk.usage(this.#world.settings.allocationDirectory);
    const percent = (used: number, total: number) => (total <= 0 ? 0 : (used / total) * 100);
    return {
      diskUsedPercent: percent(usage.usedBytes, usage.usedBytes + usage.availableBytes),
      inodesUsedPercent: percent(usage.totalInodes - usage.freeInodes, usage.totalInodes),
    };
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = this.#world.clock.after(this.#world.settings.garbage.intervalMs, () => {
      void this.collectExcess().then(() => this.#arm());
    });
  }
}
