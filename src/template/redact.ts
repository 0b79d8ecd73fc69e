/** Takes the values of facts and of the environment out of a text that goes to logs: what a template says of itself may quote them (`sprig_fail`). */
import type { Fact } from "./contract.ts";

const MARK = "[redacted]";
/** Of messages of our own, which quote no values: "a" and "1" are in every one. */
const LENGTH_MIN = 4;
const VALUES_MAX = 20_000;

type Values = { readonly facts: ReadonlyMap<string, Fact>; readonly environment: Readonly<Record<string, string>> };

/** What says where: a place in the template's text, and the text there. */
const PLACE = /^Cannot render template: (?:line \d+, column \d+(?:, at <[^\n]*?>)?: )?(?:error calling \w+: )?/;

export function redacted(message: string, known: Values): string {
  const place = PLACE.exec(message)?.[0] ?? "";
  return place + withoutValues(message.slice(place.length), known, LENGTH_MIN);
}

/** Of what a template says itself, every value goes, however short. */
export const redactedWhole = (message: string, known: Values): string => withoutValues(message, known, 1);

function withoutValues(message: string, { facts, environment }: Values, lengthMin: number): string {
  const values = new Set<string>();
  for (const value of Object.values(environment)) collect(value, values);
  for (const fact of facts.values()) collect(fact.value, values);
  const written = [...values].flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]).filter((value) => value.length >= lengthMin);
  // In one pass: the mark itself is not searched.
  const found = [...new Set(written)].filter((value) => message.includes(value)).toSorted((a, b) => b.length - a.length);
  if (found.length === 0) return message;
  return message.replace(new RegExp(found.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("|"), "g"), MARK);
}

function collect(value: unknown, values: Set<string>): void {
  if (values.size > VALUES_MAX) return;
  if (typeof value === "string") {
    if (value.trim() !== "") values.add(value);
  } else if (typeof value === "number") values.add(String(value));
  else if (typeof value === "object" && value !== null) for (const each of Object.values(value)) collect(each, values);
}
