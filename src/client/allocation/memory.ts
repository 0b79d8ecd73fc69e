/**
 * How far one allocation got, as this node remembers it: stored before anybody acts on it. Let go (the agent goes), nothing is stored any more:
 * what the next agent finds is what this one last meant.
 */
import type { AllocationId } from "#model";
import { messageOf } from "#std";
import type { ClientWorld } from "../world.ts";
import type { AllocationPhase, AllocationProgress } from "./progress.ts";

export interface AllocationMemoryNeeds {
  readonly id: AllocationId;
  readonly store: Pick<ClientWorld["store"], "saveProgress">;
  readonly report: ClientWorld["report"];
  readonly progress: AllocationProgress;
}

export class AllocationMemory {
  readonly #needs: AllocationMemoryNeeds;
  #progress: AllocationProgress;
  #detached = false;

  constructor(needs: AllocationMemoryNeeds) {
    this.#needs = needs;
    this.#progress = needs.progress;
  }

  get progress(): AllocationProgress {
    return this.#progress;
  }
  get phase(): AllocationPhase {
    return this.#progress.phase;
  }
  get detached(): boolean {
    return this.#detached;
  }

  detach(): void {
    this.#detached = true;
  }

  /** false: it is not on disk. */
  save(progress: AllocationProgress): boolean {
    if (this.#detached) return false;
    const { id, store, report } = this.#needs;
    this.#progress = progress;
    try {
      store.saveProgress(id, progress);
      return true;
    } catch (thrown) {
      report({ level: "error", message: "the node's memory cannot be written", fields: { alloc_id: id, problem: messageOf(thrown) } });
      return false;
    }
  }

  /** The servers know the states as they were when `told` was sent. */
  acknowledge(told: AllocationProgress): void {
    if (this.#detached) return;
    const now = this.#progress;
    const current = now.tasks === told.tasks && now.phase === told.phase && now.health === told.health && now.network === told.network;
    const judged = now.health !== null && now.health === told.health && now.health.healthy !== null && !now.health.told;
    if (!current && !judged) return;
    this.save({
      ...now,
      acknowledged: current || now.acknowledged,
      health: judged && now.health !== null ? { ...now.health, told: true } : now.health,
    });
  }
}
