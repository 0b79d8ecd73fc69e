/** What records of access control have in common: names, descriptions, durations as people and programs write them. */
import { parseDuration } from "#std";
import { fieldOf, recordFields, type RecordFields } from "../operations/record-fields.ts";
import { invalid } from "./errors.ts";

const NAME = /^[a-zA-Z0-9-]{1,128}$/;
const DESCRIPTION_MAX = 256;
const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

export { recordFields, type RecordFields };

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** `what`: "policy", "role", … */
export function nameOf(fields: RecordFields, what: string): string {
  const name = fields.text("Name");
  if (!NAME.test(name))
    throw invalid(`invalid name ${JSON.stringify(name)} of ACL ${what}: 1 to 128 letters, digits and dashes are wanted`);
  return name;
}

export function descriptionOf(fields: RecordFields, what: string): string {
  const description = fields.text("Description");
  if (description.length > DESCRIPTION_MAX) throw invalid(`description of ACL ${what} is longer than ${DESCRIPTION_MAX} characters`);
  return description;
}

/** Nanoseconds, of a number of them or a text like "1h30m"; 0: not said. */
export function durationNs(value: unknown, name: string): number {
  if (value === undefined || value === null || value === "") return 0;
  if (typeof value === "number" && Number.isFinite(value)) return Math.trunc(value);
  const parsed = typeof value === "string" ? parseDuration(value) : undefined;
  if (parsed === undefined) throw invalid(`invalid ${name} ${JSON.stringify(value)}: a duration like "1h30m" is wanted`);
  return parsed;
}

export function valueOf(record: unknown, name: string): unknown {
  return typeof record === "object" && record !== null ? fieldOf(record as Record<string, unknown>, name) : undefined;
}

export function listOf(record: unknown, name: string, what: string): readonly unknown[] {
  const value = valueOf(record, name) ?? [];
  if (!Array.isArray(value)) throw invalid(`${name} of ACL ${what} is not a list`);
  return value;
}

export function withoutRepeats<T>(list: readonly T[], keyOf: (each: T) => string): readonly T[] {
  const seen = new Set<string>();
  return list.filter((each) => !seen.has(keyOf(each)) && seen.add(keyOf(each)));
}
