/**
 * Lists of like records as columns: a value that all share is written once, texts and objects that several share once each. Smaller,
 * and what was shared is shared again when read, so that twenty thousand allocations do not each bring their own "running".
 */
// This entrance leaves out msgpackr's native reader: its texts are slices of six-kilobyte ones, and a stored id would keep all of that.
import { Packr } from "msgpackr/pack";

type Column =
  | { readonly same: unknown }
  | { readonly of: readonly unknown[]; readonly at: readonly number[] }
  | { readonly each: readonly unknown[] };

export interface Packed {
  readonly count: number;
  readonly keys: readonly string[];
  readonly columns: readonly Column[];
}
/** Records that are not alike are written as they are. */
export type PackedOrPlain = Packed | { readonly plain: readonly object[] };

export function packRecords(records: readonly object[]): PackedOrPlain {
  const first = records[0];
  if (first === undefined || records.length < 2) return { plain: records };
  const keys = Object.keys(first);
  const alike = records.every((record) => {
    const own = Object.keys(record);
    return own.length === keys.length && keys.every((key) => Object.hasOwn(record, key));
  });
  if (!alike) return { plain: records };
  return {
    count: records.length,
    keys,
    columns: keys.map((key) => packColumn(records.map((record) => (record as Record<string, unknown>)[key]))),
  };
}

function packColumn(values: readonly unknown[]): Column {
  const places = new Map<unknown, number>();
  const at = values.map((value) => {
    const known = places.get(value);
    if (known !== undefined) return known;
    places.set(value, places.size);
    return places.size - 1;
  });
  if (places.size === 1) return { same: values[0] };
  // Small whole numbers cost no more than a place in a list.
  if (places.size > values.length / 2 || typeof values[0] === "number") return { each: values };
  return { of: [...places.keys()], at };
}

export function unpackRecords<T extends object>(packed: PackedOrPlain): T[] {
  if ("plain" in packed) return packed.plain as T[];
  const records: T[] = [];
  for (let row = 0; row < packed.count; row++) {
    const record: Record<string, unknown> = {};
    packed.keys.forEach((key, at) => {
      record[key] = valueAt(packed.columns[at] as Column, row);
    });
    records.push(record as T);
  }
  return records;
}

function valueAt(column: Column, row: number): unknown {
  if ("same" in column) return column.same;
  return "each" in column ? column.each[row] : column.of[column.at[row] as number];
}

/** Records are written once an entry; without shared structures msgpackr keeps nothing from one pack to the next. */
export function createPackr(): Packr {
  return new Packr({ useRecords: true, moreTypes: false });
}
