/** Drover's own registry as this node knows it: filled by what the servers send, read by the DNS. Stays as it was while no server is there. */
import type { ServiceRegistration } from "#model";
import type { ServicesChanged } from "#ports";

export class ServiceDirectory {
  readonly #byId = new Map<string, ServiceRegistration>();
  /** Namespace and name → by id. */
  readonly #byName = new Map<string, Map<string, ServiceRegistration>>();
  #clusterId = "";
  #index = 0;

  /** Older than what is known, or of another cluster while this one goes on, is passed over (F1). */
  accept(change: ServicesChanged): void {
    if (!change.Complete && (change.ClusterId !== this.#clusterId || change.Index < this.#index)) return;
    if (change.Complete && change.ClusterId === this.#clusterId && change.Index < this.#index) return;
    this.#clusterId = change.ClusterId;
    this.#index = change.Index;
    if (change.Complete) {
      this.#byId.clear();
      this.#byName.clear();
    }
    for (const id of change.Gone) this.#remove(id);
    for (const service of change.Changed) {
      this.#remove(service.ID);
      this.#byId.set(service.ID, service);
      const key = keyOf(service.Namespace, service.ServiceName);
      const instances = this.#byName.get(key) ?? new Map<string, ServiceRegistration>();
      instances.set(service.ID, service);
      this.#byName.set(key, instances);
    }
  }

  /** Names are asked for in any case. */
  find(namespace: string, name: string): readonly ServiceRegistration[] {
    return [...(this.#byName.get(keyOf(namespace, name))?.values() ?? [])];
  }

  /** Of the last change. */
  get index(): number {
    return this.#index;
  }

  get size(): number {
    return this.#byId.size;
  }

  #remove(id: string): void {
    const known = this.#byId.get(id);
    if (known === undefined) return;
    this.#byId.delete(id);
    const key = keyOf(known.Namespace, known.ServiceName);
    const instances = this.#byName.get(key);
    instances?.delete(id);
    if (instances?.size === 0) this.#byName.delete(key);
  }
}

const keyOf = (namespace: string, name: string) => `${namespace}\0${name.toLowerCase()}`;
