/**
 * Allocations, evaluations and deployments in the order they were made, so that a page of a hundred thousand costs what the page
 * holds and not what the table holds (F60).
 *
 * What was made first stands first and never moves, so the order is a list that only grows at its end, told by the state what is new.
 * What is gone stays in it as a name that leads to nothing, until half of it does. Sixteen bytes a record; built when first asked for.
 */
import type { Change, Snapshot, State } from "#state";
import { compareText, readIndexToken, type Seekable } from "./order.ts";
import { collect, sortInSlices } from "./slices.ts";

export interface Made {
  readonly ID: string;
  readonly CreateIndex: number;
}
export type MadeTable = "allocations" | "evaluations" | "deployments";

/** The orders of the tables; each kept up to date from when it was first asked for. */
export class CreationOrders {
  readonly #orders = new Map<MadeTable, Promise<CreationOrder>>();
  readonly #unsubscribes: (() => void)[] = [];

  of(state: State, table: MadeTable): Promise<CreationOrder> {
    let order = this.#orders.get(table);
    if (order === undefined) {
      order = CreationOrder.follow(state, table, (unsubscribe) => this.#unsubscribes.push(unsubscribe));
      this.#orders.set(table, order);
    }
    return order;
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
  }
}

const READ = {
  allocations: { all: (snapshot: Snapshot) => snapshot.allocations(), one: (snapshot: Snapshot, id: string) => snapshot.allocation(id) },
  evaluations: { all: (snapshot: Snapshot) => snapshot.evaluations(), one: (snapshot: Snapshot, id: string) => snapshot.evaluation(id) },
  deployments: { all: (snapshot: Snapshot) => snapshot.deployments(), one: (snapshot: Snapshot, id: string) => snapshot.deployment(id) },
} satisfies Record<MadeTable, { all(snapshot: Snapshot): Iterable<Made>; one(snapshot: Snapshot, id: string): Made | undefined }>;

/** Names that lead to nothing before the list is made anew. */
const GONE_MIN = 4096;

export class CreationOrder {
  readonly #table: MadeTable;
  #ids: string[] = [];
  #indexes: number[] = [];
  #gone = 0;

  private constructor(table: MadeTable) {
    this.#table = table;
  }

  static async follow(state: State, table: MadeTable, subscribed: (unsubscribe: () => void) => void): Promise<CreationOrder> {
    const order = new CreationOrder(table);
    // Told of what is made while the first list is put together too: nothing falls between.
    let waiting: Change[] | undefined = [];
    subscribed(state.watch.subscribe((change) => void (waiting === undefined ? order.#note(change) : waiting.push(change))));
    const snapshot = state.snapshot();
    const all = await collect<Made>(READ[table].all(snapshot), () => true);
    for (const { ID, CreateIndex } of await sortInSlices(all, compareMade)) order.#add(ID, CreateIndex);
    for (const change of waiting) if (change.index > snapshot.index) order.#note(change);
    waiting = undefined;
    return order;
  }

  #note(change: Change): void {
    const made = (change[this.#table] as readonly Made[]).filter((one) => one.CreateIndex === change.index);
    for (const { ID } of made.length > 1 ? made.toSorted(compareMade) : made) this.#add(ID, change.index);
  }

  #add(id: string, index: number): void {
    // A record written twice by one entry is told twice.
    if (this.#ids.at(-1) === id) return;
    this.#ids.push(id);
    this.#indexes.push(index);
  }

  /** What of it is in the snapshot. */
  within<T extends Made>(snapshot: Snapshot): Seekable<T> {
    return { from: (token, reverse) => this.#walk<T>(snapshot, token, reverse) };
  }

  *#walk<T extends Made>(snapshot: Snapshot, token: string | undefined, reverse: boolean): Generator<T> {
    // The lists only grow, or are replaced: a walk that was begun ends on the one it began with.
    const ids = this.#ids;
    const indexes = this.#indexes;
    const { one } = READ[this.#table];
    const step = reverse ? -1 : 1;
    let gone = 0;
    for (let at = this.#start(token, reverse); at >= 0 && at < ids.length; at += step) {
      const found = one(snapshot, ids[at] as string) as T | undefined;
      // An id that was used again stands in a second place: only the place of the living one counts.
      if (found === undefined || found.CreateIndex !== indexes[at]) gone++;
      else yield found;
    }
    if (ids === this.#ids && gone > this.#gone) this.#gone = gone;
    if (this.#gone >= GONE_MIN && this.#gone * 2 > ids.length) this.#sweep(snapshot);
  }

  /** The token's place, or the next one to come if what it names is gone. Throws 400 for a token that is none. */
  #start(token: string | undefined, reverse: boolean): number {
    if (token === undefined) return reverse ? this.#ids.length - 1 : 0;
    const { index, name } = readIndexToken(token);
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const before = (this.#indexes[middle] as number) - index || compareText(this.#ids[middle] as string, name);
      if (before < 0) low = middle + 1;
      else high = middle;
    }
    return reverse && this.#ids[low] !== name ? low - 1 : low;
  }

  /** What was made after the snapshot stays, whatever it says. */
  #sweep(snapshot: Snapshot): void {
    const { one } = READ[this.#table];
    const kept = this.#ids.flatMap((id, at) => {
      const index = this.#indexes[at] as number;
      return index > snapshot.index || one(snapshot, id)?.CreateIndex === index ? [{ id, index }] : [];
    });
    this.#ids = kept.map(({ id }) => id);
    this.#indexes = kept.map(({ index }) => index);
    this.#gone = 0;
  }
}

function compareMade(a: Made, b: Made): number {
  return a.CreateIndex - b.CreateIndex || compareText(a.ID, b.ID);
}
