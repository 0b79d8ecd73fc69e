/**
 * What a device says of itself, compared with what a job writes: numbers know their units ("4 GiB" is more than "4000 MB"), texts are
 * texts. Numbers and booleans, or units of different
 * things, do not compare. nomad.md §1.9.
 */
import type { DeviceAttribute } from "#model";

export type Attribute =
  | {
      readonly kind: "number";
      readonly value: number;
      /** What is measured; "" for a bare number. */ readonly of: string;
      readonly text: string;
    }
  | { readonly kind: "boolean"; readonly value: boolean; readonly text: string }
  | { readonly kind: "text"; readonly text: string };

/** Unit → what it measures, and how many of the smallest. */
const UNITS: ReadonlyMap<string, { readonly of: string; readonly factor: number }> = new Map([
  ...scale("bytes", ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 1024, 1024),
  ...scale("bytes", ["kB", "MB", "GB", "TB", "PB", "EB"], 1000, 1000),
  ...scale("bytes", ["KB"], 1000, 1000),
  ...scale("bytes per second", ["KiB/s", "MiB/s", "GiB/s", "TiB/s", "PiB/s", "EiB/s"], 1024, 1024),
  ...scale("bytes per second", ["kB/s", "MB/s", "GB/s", "TB/s", "PB/s", "EB/s"], 1000, 1000),
  ...scale("bytes per second", ["KB/s"], 1000, 1000),
  ...scale("hertz", ["MHz", "GHz"], 1e6, 1000),
  ...scale("watts", ["mW", "W", "kW", "MW", "GW"], 1, 1000),
]);

function scale(of: string, names: readonly string[], first: number, step: number): (readonly [string, { of: string; factor: number }])[] {
  return names.map((name, place) => [name, { of, factor: first * step ** place }] as const);
}

/** As a device plugin reports it. */
export function attributeOf(reported: DeviceAttribute): Attribute {
  if (reported.Bool !== undefined) return { kind: "boolean", value: reported.Bool, text: String(reported.Bool) };
  const number = reported.Int ?? reported.Float;
  return number === undefined ? { kind: "text", text: reported.String ?? "" } : measured(number, reported.Unit ?? "");
}

/** As a job file writes it: "4 GiB", "1.5", "true", "tesla". */
export function parseAttribute(text: string): Attribute {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return { kind: "boolean", value: trimmed === "true", text };
  const match = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z/]*)$/.exec(trimmed);
  if (match === null || (match[2] !== "" && !UNITS.has(match[2] as string))) return { kind: "text", text };
  return measured(Number(match[1]), match[2] as string);
}

/** Negative, zero or positive; undefined when the two do not compare. */
export function compareAttributes(a: Attribute, b: Attribute): number | undefined {
  if (a.kind === "number" && b.kind === "number") return a.of === b.of ? a.value - b.value : undefined;
  if (a.kind === "boolean" && b.kind === "boolean") return Number(a.value) - Number(b.value);
  // A model may be called "1080": a text compares with what was written.
  if (a.kind !== "text" && b.kind !== "text") return undefined;
  return a.text === b.text ? 0 : a.text < b.text ? -1 : 1;
}

function measured(number: number, unit: string): Attribute {
  const known = UNITS.get(unit);
  const text = unit === "" ? String(number) : `${number} ${unit}`;
  return { kind: "number", value: number * (known?.factor ?? 1), of: known?.of ?? unit, text };
}
