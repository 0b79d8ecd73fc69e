/**
 * Somebody reloads the firewall, tidies /var/lib/cni, removes the bridge: while the agent runs, what its networks stand on is looked at once in
 * a while and mended under their tasks. Nothing is done where no allocation has a network of its own. F38, F39, F42.
 */
import { messageOf } from "#std";
import type { Clock, Networks, Timer } from "#ports";
import type { Report } from "../world.ts";

export interface SettlingNeeds {
  readonly clock: Clock;
  readonly networks: Pick<Networks, "settle"> | undefined;
  /** An allocation of this node has a network now. */
  readonly wanted: () => boolean;
  /** What could not be mended under its tasks is found by those it belongs to. */
  readonly settled: () => Promise<void>;
  readonly intervalMs: number;
  readonly report: Report;
}

export class Settling {
  readonly #needs: SettlingNeeds;
  #timer: Timer | undefined;
  #closed = false;
  /** What was said last: a machine that stays broken is not complained of every minute. */
  #problem = "";

  constructor(needs: SettlingNeeds) {
    this.#needs = needs;
  }

  start(): void {
    if (this.#needs.networks !== undefined) this.#next();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** The next look begins a while after the last one has ended: never two at once. */
  #next(): void {
    if (this.#closed) return;
    this.#timer = this.#needs.clock.after(this.#needs.intervalMs, () => void this.#look().then(() => this.#next()));
  }

  async #look(): Promise<void> {
    const { networks, wanted, settled, report } = this.#needs;
    if (networks === undefined || !wanted()) return;
    try {
      for (const each of await networks.settle()) report({ level: "warn", message: `networks: ${each}`, fields: {} });
      await settled();
      this.#problem = "";
    } catch (thrown) {
      const problem = messageOf(thrown);
      if (problem !== this.#problem) report({ level: "warn", message: "networks could not be mended, trying again", fields: { problem } });
      this.#problem = problem;
    }
  }
}
