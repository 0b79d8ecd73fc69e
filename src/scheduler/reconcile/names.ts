/** Indexes of a group's allocation names: each used once among the living (F7), the lowest free one next. nomad.md §6.5 item 10. */
import { allocationIndex, allocationName } from "#model";

export class Names {
  readonly #job: string;
  readonly #group: string;
  readonly #used: Set<number>;
  #lowest = 0;

  /** `used`: indexes that are taken. */
  constructor(job: string, group: string, used: ReadonlySet<number>) {
    this.#job = job;
    this.#group = group;
    this.#used = new Set(used);
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
