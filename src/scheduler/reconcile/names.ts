/** Indexes of a group's allocation names: each used once among the living (F7), the lowest free one next. nomad.md §6.5 item 10. */
import { allocationIndex, allocationName } from "#model";
import type { Allocation } from "#model";

/** A set of indexes as bytes: a group of ten thousand is looked through in every pass. */
export class Indexes {
  #bytes = new Uint8Array(64);
  #size = 0;

  static of(...lists: readonly (readonly Allocation[])[]): Indexes {
    const indexes = new Indexes();
    for (const list of lists) for (const allocation of list) indexes.add(allocationIndex(allocation.Name));
    return indexes;
  }

  /** How many were added that were not in it. Names without an index are all different. */
  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    if (!(index >= 0)) this.#size++;
    else if (!this.has(index)) {
      if (index >= this.#bytes.length) this.#grow(index);
      this.#bytes[index] = 1;
      this.#size++;
    }
  }

  has(index: number): boolean {
    return this.#bytes[index] === 1;
  }

  copy(): Indexes {
    const copied = new Indexes();
    copied.#bytes = this.#bytes.slice();
    copied.#size = this.#size;
    return copied;
  }

  #grow(index: number): void {
    const larger = new Uint8Array(Math.max(index + 1, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

export class Names {
  readonly #job: string;
  readonly #group: string;
  readonly #used: Indexes;
  #lowest = 0;

  /** `used`: indexes that are taken. */
  constructor(job: string, group: string, used: Indexes) {
    this.#job = job;
    this.#group = group;
    this.#used = used.copy();
  }

  /** The same name again if nobody has it, else the next free one. */
  again(name: string): string {
    const index = allocationIndex(name);
    if (index < 0 || this.#used.has(index)) return this.next();
    this.#used.add(index);
    return allocationName(this.#job, this.#group, index);
  }

  next(): string {
    while (this.#used.has(this.#lowest)) this.#lowest++;
    this.#used.add(this.#lowest);
    return allocationName(this.#job, this.#group, this.#lowest);
  }
}
