/** What tables held before they were written to, so that an entry that fails halfway can be taken back. */
import type { OrderedMap } from "#std";
import type { AutopilotConfiguration, SchedulerConfiguration } from "#model";
import type { LeadershipRecord } from "./contract.ts";
import type { Grouped } from "./tables/grouped.ts";
import type { TableIndexes, Tables } from "./tables/tables.ts";

interface Change {
  readonly table: OrderedMap<unknown> | Grouped<unknown>;
  /** undefined: the table has no groups. */
  readonly group: string | undefined;
  readonly key: string;
  /** undefined: there was nothing. */
  readonly before: unknown;
}

export class Journal {
  readonly #tables: Tables;
  readonly #tableIndexes: TableIndexes;
  readonly #schedulerConfiguration: SchedulerConfiguration;
  readonly #autopilotConfiguration: AutopilotConfiguration;
  readonly #leadership: LeadershipRecord | undefined;
  readonly #changes: Change[] = [];

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#tableIndexes = { ...tables.tableIndexes };
    this.#schedulerConfiguration = tables.schedulerConfiguration;
    this.#autopilotConfiguration = tables.autopilotConfiguration;
    this.#leadership = tables.leadership;
  }

  /** Returns what was there before. */
  set<V>(table: OrderedMap<V>, key: string, value: V): V | undefined {
    const before = table.get(key);
    this.#changes.push({ table: table as OrderedMap<unknown>, group: undefined, key, before });
    table.set(key, value);
    return before;
  }

  delete<V>(table: OrderedMap<V>, key: string): void {
    const before = table.get(key);
    if (before === undefined) return;
    this.#changes.push({ table: table as OrderedMap<unknown>, group: undefined, key, before });
    table.delete(key);
  }

  setIn<V>(table: Grouped<V>, group: string, key: string, value: V): void {
    this.#changes.push({ table: table as Grouped<unknown>, group, key, before: table.get(group, key) });
    table.set(group, key, value);
  }

  deleteIn<V>(table: Grouped<V>, group: string, key: string): void {
    const before = table.get(group, key);
    if (before === undefined) return;
    this.#changes.push({ table: table as Grouped<unknown>, group, key, before });
    table.delete(group, key);
  }

  undo(): void {
    for (const { table, group, key, before } of this.#changes.toReversed()) {
      if (group !== undefined) {
        const grouped = table as Grouped<unknown>;
        if (before === undefined) grouped.delete(group, key);
        else grouped.set(group, key, before);
      } else {
        const map = table as OrderedMap<unknown>;
        if (before === undefined) map.delete(key);
        else map.set(key, before);
      }
    }
    this.#changes.length = 0;
    this.#tables.tableIndexes = this.#tableIndexes;
    this.#tables.schedulerConfiguration = this.#schedulerConfiguration;
    this.#tables.autopilotConfiguration = this.#autopilotConfiguration;
    this.#tables.leadership = this.#leadership;
  }
}
