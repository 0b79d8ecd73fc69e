/**
 * disconnect.stop_on_client_after: a node that has heard of no server for so long stops such allocations by itself, so that whoever
 * replaces them elsewhere is alone. Nothing else is ever stopped for the loss of the servers. nomad.md §1.4.
 */
import type { Allocation, AllocationId, TaskGroup } from "#model";
import type { Clock, ClientStore, Timer } from "#ports";
import { groupOf } from "../allocation/progress.ts";

export interface SolitudeNeeds {
  readonly clock: Clock;
  readonly store: ClientStore;
  /** Those that still run. */
  readonly living: () => Iterable<Allocation>;
  readonly stop: (id: AllocationId) => void;
}

/** An agent that was away may first try to reach a server. */
const GRACE_MS = 30_000;
const FACT = "heard";

/** Undefined: it stays however long the node is alone. */
export function aloneLimitNs(group: Pick<TaskGroup, "Disconnect" | "StopAfterClientDisconnect">): number | undefined {
  return group.Disconnect?.StopOnClientAfter ?? group.StopAfterClientDisconnect ?? undefined;
}

export class Solitude {
  readonly #needs: SolitudeNeeds;
  readonly #begunMs: number;
  #heardMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor(needs: SolitudeNeeds) {
    this.#needs = needs;
    this.#begunMs = needs.clock.nowMs();
    const stored = needs.store.fact(FACT);
    this.#heardMs = typeof stored === "number" ? Math.min(stored, this.#begunMs) : this.#begunMs;
  }

  /** A server has answered. */
  heard(): void {
    if (this.#closed) return;
    this.#heardMs = this.#needs.clock.nowMs();
    // Kept only where it matters: an agent that dies again and again is alone all the same.
    if (this.#limited().length > 0) this.#needs.store.saveFact(FACT, this.#heardMs);
    this.look();
  }

  /** Allocations came, changed or went. */
  look(): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const nowMs = this.#needs.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { id, limitMs } of this.#limited()) {
      const dueMs = Math.max(this.#heardMs + limitMs, this.#begunMs + Math.min(limitMs, GRACE_MS));
      if (dueMs <= nowMs) this.#needs.stop(id);
      else nextMs = Math.min(nextMs, dueMs);
    }
    if (Number.isFinite(nextMs)) this.#timer = this.#needs.clock.after(Math.min(nextMs - nowMs, 2 ** 31 - 1), () => this.look());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #limited(): { id: AllocationId; limitMs: number }[] {
    return [...this.#needs.living()].flatMap((allocation) => {
      const group = groupOf(allocation);
      const limitNs = group === undefined ? undefined : aloneLimitNs(group);
      return limitNs === undefined ? [] : [{ id: allocation.ID, limitMs: limitNs / 1e6 }];
    });
  }
}
