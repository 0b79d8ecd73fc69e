/**
 * Keeps the catalogs saying what the allocations of this node offer. One per agent; one `Shelf` for each catalog.
 *
 *   offer, withdraw ──► wanted ──┐
 *                                ├──► decideRegistrations ──► register, deregister ──► believed
 *   a look every ~5 s ► believed ┘
 *
 * - What changes is acted on at once, by what is believed of the catalog; the look every few seconds finds what somebody else changed, or
 *   a catalog that lost its memory.
 * - What nobody here wants is removed, once it is known what lives here (`known`): an agent that was killed leaves nothing.
 * - A catalog that cannot be reached is tried again for ever; what it refuses is tried again more and more rarely.
 *
 * nomad.md §2.8; F28, F29, F31, F33.
 */
import type { AllocationId, IdentityRequest } from "#model";
import type { Catalog, Clock, Random, ServiceInstance, ServicesChanged } from "#ports";
import { catalogDigest } from "#ports";
import type { Registrar, TokenBook } from "../contract.ts";
import type { Report } from "../world.ts";
import { registrationDigest } from "./native-catalog.ts";
import { Shelf } from "./shelf.ts";

export interface RegistrarNeeds {
  readonly catalogs: readonly Catalog[];
  readonly tokens: Pick<TokenBook, "token" | "has" | "gone">;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

/** A stop is not held up for longer by a catalog that does not answer. */
const WITHDRAW_WAIT_MAX_MS = 5_000;

interface Offer {
  readonly instances: readonly ServiceInstance[];
  readonly digests: string;
}

export class CatalogRegistrar implements Registrar {
  readonly #needs: RegistrarNeeds;
  readonly #shelves: ReadonlyMap<string, Shelf>;
  readonly #offers = new Map<AllocationId, Offer>();
  /** Where the services of an allocation were ever offered, so that no other catalog is asked for them when they leave. */
  readonly #homes = new Map<AllocationId, Map<string, string>>();
  readonly #listeners = new Set<(id: AllocationId) => void>();

  constructor(needs: RegistrarNeeds) {
    this.#needs = needs;
    const changed = (id: AllocationId) => {
      for (const listener of this.#listeners) listener(id);
    };
    this.#shelves = new Map(needs.catalogs.map((catalog) => [catalog.provider, new Shelf({ ...needs, catalog, changed })]));
  }

  /** From now on the catalogs are looked at. */
  start(): void {
    for (const shelf of this.#shelves.values()) shelf.start();
  }

  /** All allocations that live here have offered: whatever else stands in the catalogs under this node's name is of the dead. */
  known(): void {
    for (const shelf of this.#shelves.values()) shelf.known();
  }

  /** Look again soon: the catalog may have changed. */
  lookAgain(provider: Catalog["provider"]): void {
    this.#shelves.get(provider)?.lookAgain();
  }

  /** The servers' registry changed, by whomever. */
  registryChanged({ Changed, Gone }: ServicesChanged): void {
    const shelf = this.#shelves.get("nomad");
    if (shelf === undefined) return;
    shelf.doubt(Gone.map((id) => [id, undefined] as const));
    shelf.doubt(Changed.filter((each) => shelf.settled(each.ID)).map((each) => [each.ID, registrationDigest(each)] as const));
  }

  /** As TokenBook.subscribe tells it. */
  tokenReplaced(identity: IdentityRequest): void {
    for (const shelf of this.#shelves.values()) shelf.tokenReplaced(identity);
  }

  close(): void {
    for (const shelf of this.#shelves.values()) shelf.close();
  }

  offer(id: AllocationId, instances: readonly ServiceInstance[]): void {
    const digests = instances.map((each) => `${each.ID} ${catalogDigest(each)}`).join("\n");
    const before = this.#offers.get(id);
    if (before?.digests === digests || (before === undefined && instances.length === 0)) return;
    // A service that moves to another provider keeps its id.
    const kept = new Set(instances.map((each) => `${each.Provider} ${each.ID}`));
    if (instances.length === 0) this.#offers.delete(id);
    else this.#offers.set(id, { instances, digests });
    const homes = this.#homes.get(id) ?? new Map<string, string>();
    this.#homes.set(id, homes);
    for (const each of instances) homes.set(each.ID, each.Provider);
    for (const each of before?.instances ?? [])
      if (!kept.has(`${each.Provider} ${each.ID}`)) this.#shelves.get(each.Provider)?.unwant(each.ID);
    for (const each of instances) this.#shelves.get(each.Provider)?.want(each);
  }

  async withdraw(id: AllocationId, serviceIds?: readonly string[]): Promise<void> {
    const offered = this.#offers.get(id)?.instances ?? [];
    const leaving = new Set(serviceIds ?? offered.map((each) => each.ID));
    this.offer(
      id,
      offered.filter((each) => !leaving.has(each.ID)),
    );
    // Also those that were withdrawn before and still stand there.
    const gone = [...this.#shelves].flatMap(([provider, shelf]) => {
      const here = (each: string) => (this.#homes.get(id)?.get(each) ?? provider) === provider;
      return (serviceIds?.filter(here) ?? shelf.of(id)).map((each) => shelf.gone(each));
    });
    if (serviceIds === undefined) this.#homes.delete(id);
    const { clock } = this.#needs;
    const timed = Promise.withResolvers<void>();
    const timer = clock.after(WITHDRAW_WAIT_MAX_MS, timed.resolve);
    await Promise.race([Promise.all(gone), timed.promise]);
    timer.cancel();
  }

  settled(id: AllocationId): boolean {
    return this.#unsettled(id).length === 0;
  }

  problems(id: AllocationId): readonly string[] {
    return this.#unsettled(id).map((each) => {
      const shelf = this.#shelves.get(each.Provider);
      const why = shelf === undefined ? `this agent has no ${each.Provider === "consul" ? "Consul" : "registry"}` : shelf.problem(each.ID);
      return `service "${each.Name}" is not registered${why === "" ? " yet" : `: ${why}`}`;
    });
  }

  standing(id: AllocationId, service: string): ReturnType<Registrar["standing"]> {
    const instance = this.#offers.get(id)?.instances.find((each) => each.Name === service);
    if (instance === undefined) return undefined;
    const shelf = this.#shelves.get(instance.Provider);
    const problem =
      shelf === undefined ? `this agent has no ${instance.Provider === "consul" ? "Consul" : "registry"}` : shelf.problem(instance.ID);
    return { instance, settled: shelf?.settled(instance.ID) === true, problem };
  }

  subscribe(listener: (id: AllocationId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Services offered, those of them that stand in their catalog as wanted, and whatever else is kept in mind. */
  statistics(): Readonly<Record<"services" | "services_registered" | "services_remembered" | "allocations_with_services", number>> {
    const shelves = [...this.#shelves.values()];
    const sum = (count: (shelf: Shelf) => number) => shelves.reduce((total, shelf) => total + count(shelf), 0);
    return {
      services: sum((shelf) => shelf.wantedCount),
      services_registered: sum((shelf) => shelf.settledCount),
      services_remembered: sum((shelf) => shelf.size),
      allocations_with_services: this.#homes.size,
    };
  }

  #unsettled(id: AllocationId): readonly ServiceInstance[] {
    return (this.#offers.get(id)?.instances ?? []).filter((each) => this.#shelves.get(each.Provider)?.settled(each.ID) !== true);
  }
}
