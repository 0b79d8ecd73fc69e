/**
 * Drover's own registry as templates see it: fed with what the servers send (ServicesChanged), and told to whoever waits for a service to change.
 * Stays as it was while no server is there.
 */
import type { ServiceRegistration } from "#model";
import type { ServicesChanged } from "#ports";

export class NomadServices {
  readonly #byId = new Map<string, ServiceRegistration>();
  /** By namespace, then name, then id. */
  readonly #names = new Map<string, Map<string, Map<string, ServiceRegistration>>>();
  readonly #listeners = new Set<(namespace: string, name: string) => void>();
  readonly #known = Promise.withResolvers<void>();
  #clusterId = "";
  #index = 0;
  #complete = false;

  /** Older than what is known, or of another cluster while this one goes on, is passed over (F1). */
  accept(change: ServicesChanged): void {
    const same = change.ClusterId === this.#clusterId;
    if (change.Complete ? same && change.Index < this.#index : !same || change.Index < this.#index) return;
    this.#clusterId = change.ClusterId;
    this.#index = change.Index;
    const touched = new Map<string, ServiceRegistration>();
    const remove = (id: string) => {
      const gone = this.#remove(id);
      if (gone !== undefined) touched.set(JSON.stringify([gone.Namespace, gone.ServiceName]), gone);
    };
    if (change.Complete) for (const id of this.#byId.keys()) remove(id);
    for (const id of change.Gone) remove(id);
    for (const service of change.Changed) {
      remove(service.ID);
      this.#add(service);
      touched.set(JSON.stringify([service.Namespace, service.ServiceName]), service);
    }
    if (change.Complete) this.#complete = true;
    if (change.Complete) this.#known.resolve();
    for (const { Namespace, ServiceName } of touched.values()) for (const listener of this.#listeners) listener(Namespace, ServiceName);
  }

  /** The whole was heard once. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Resolves when it is complete. */
  get whenComplete(): Promise<void> {
    return this.#known.promise;
  }

  /** By id. */
  find(namespace: string, name: string): readonly ServiceRegistration[] {
    const found = this.#names.get(namespace)?.get(name)?.values() ?? [];
    return [...found].toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
  }

  names(namespace: string): readonly string[] {
    return [...(this.#names.get(namespace)?.keys() ?? [])].toSorted();
  }

  /** Called for every name that something changed of. */
  subscribe(listener: (namespace: string, name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #add(service: ServiceRegistration): void {
    this.#byId.set(service.ID, service);
    const names = this.#names.get(service.Namespace) ?? new Map<string, Map<string, ServiceRegistration>>();
    const instances = names.get(service.ServiceName) ?? new Map<string, ServiceRegistration>();
    instances.set(service.ID, service);
    names.set(service.ServiceName, instances);
    this.#names.set(service.Namespace, names);
  }

  #remove(id: string): ServiceRegistration | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    this.#byId.delete(id);
    const names = this.#names.get(known.Namespace);
    const instances = names?.get(known.ServiceName);
    instances?.delete(id);
    if (instances?.size === 0) names?.delete(known.ServiceName);
    if (names?.size === 0) this.#names.delete(known.Namespace);
    return known;
  }
}
