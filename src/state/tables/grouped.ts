/**
 * An index: group → the group's records by id, in order. Copies are free, as OrderedMap's: a group's map is forked the first time
 * it is written to after a fork of the whole.
 */
import { OrderedMap } from "#std";

interface Group<V> {
  readonly owner: object;
  readonly records: OrderedMap<V>;
}

export class Grouped<V> {
  #groups = new OrderedMap<Group<V>>();
  #owner: object = {};

  fork(): Grouped<V> {
    const copy = new Grouped<V>();
    copy.#groups = this.#groups.fork();
    this.#owner = {};
    return copy;
  }

  get(group: string, id: string): V | undefined {
    return this.#groups.get(group)?.records.get(id);
  }

  set(group: string, id: string, record: V): void {
    this.#own(group).set(id, record);
  }

  /** An emptied group is forgotten. */
  delete(group: string, id: string): void {
    if (this.#groups.get(group)?.records.has(id) !== true) return;
    const records = this.#own(group);
    records.delete(id);
    if (records.size === 0) this.#groups.delete(group);
  }

  /** The group's records, by id ascending. */
  values(group: string): Iterable<V> {
    return this.#groups.get(group)?.records.values() ?? [];
  }

  count(group: string): number {
    return this.#groups.get(group)?.records.size ?? 0;
  }

  #own(name: string): OrderedMap<V> {
    const group = this.#groups.get(name);
    if (group !== undefined && group.owner === this.#owner) return group.records;
    const records = group === undefined ? new OrderedMap<V>() : group.records.fork();
    this.#groups.set(name, { owner: this.#owner, records });
    return records;
  }
}
