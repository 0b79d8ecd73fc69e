/** The network of each allocation of this node that has one of its own, and of tasks whose driver gave them one. */
import type { AllocationId } from "#model";
import type { AllocationNetwork, DriverNetwork } from "#ports";
import type { NetworkBook } from "../contract.ts";

export class Networked implements NetworkBook {
  readonly #networks = new Map<AllocationId, AllocationNetwork>();
  readonly #ofTasks = new Map<AllocationId, Map<string, DriverNetwork>>();
  readonly #listeners = new Set<(id: AllocationId) => void>();

  of(id: AllocationId): AllocationNetwork | undefined {
    return this.#networks.get(id);
  }

  ofTask(id: AllocationId, task: string): DriverNetwork | undefined {
    return this.#ofTasks.get(id)?.get(task);
  }

  set(id: AllocationId, network: AllocationNetwork): void {
    if (JSON.stringify(this.#networks.get(id)) === JSON.stringify(network)) return;
    this.#networks.set(id, network);
    this.#tell(id);
  }

  setTask(id: AllocationId, task: string, network: DriverNetwork | undefined): void {
    const own = this.#ofTasks.get(id) ?? new Map<string, DriverNetwork>();
    if (JSON.stringify(own.get(task)) === JSON.stringify(network)) return;
    if (network === undefined) own.delete(task);
    else own.set(task, network);
    this.#ofTasks.set(id, own);
    this.#tell(id);
  }

  forget(id: AllocationId): void {
    const known = this.#networks.delete(id);
    if (this.#ofTasks.delete(id) || known) this.#tell(id);
  }

  subscribe(listener: (id: AllocationId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(id: AllocationId): void {
    for (const listener of this.#listeners) listener(id);
  }
}
