/** Go's values as plain JavaScript ones for Handlebars, and back, so that one set of functions serves both engines. */
import { GoInteger, GoMap, GoStruct, GoText, JsonNumber, type Key, type Value } from "../go/mod.ts";
import { StandInStruct, standInOf } from "../functions/shape.ts";
import { itemsOf } from "../functions/reflect.ts";
import { VariableItem } from "../functions/nomad.ts";
import type { TemplateFunction } from "../go/mod.ts";

/** A number whose spelling counts ("1.50"): written as it is. */
export class SpelledNumber {
  readonly spelling: string;
  constructor(spelling: string) {
    this.spelling = spelling;
  }
  toString(): string {
    return this.spelling;
  }
}

export type CallMethod = (method: TemplateFunction<never>, args: readonly Value[]) => Value;

/** One rendering's: what was made plain is known again when it comes back as an argument. */
export class Translation {
  readonly #origins = new WeakMap<object, Value>();
  readonly #callMethod: CallMethod;

  constructor(callMethod: CallMethod) {
    this.#callMethod = callMethod;
  }

  plain(value: Value): unknown {
    if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number")
      return value;
    if (typeof value === "bigint") return fromWhole(value);
    if (value instanceof GoInteger) return fromWhole(value.value);
    if (value instanceof JsonNumber)
      return String(Number(value.text)) === value.text ? Number(value.text) : this.#remember(new SpelledNumber(value.text), value);
    if (value instanceof GoText) return value.text;
    if (value instanceof VariableItem) return value.standIn;
    const standIn = standInOf(value);
    if (standIn !== undefined) return value instanceof StandInStruct ? (value.text?.() ?? this.plain(standIn)) : this.plain(standIn);
    const items = itemsOf(value);
    if (items !== undefined)
      return this.#remember(
        items.map((item) => this.plain(item)),
        value,
      );
    if (value instanceof GoMap) return this.#object(value.entries, value);
    return value instanceof GoStruct ? this.#object(value.fields, value) : undefined;
  }

  #object(entries: ReadonlyMap<Key, Value>, value: GoMap | GoStruct): object {
    const made = Object.create(null) as Record<string, unknown>;
    for (const [key, entry] of entries) made[String(key)] = this.plain(entry);
    for (const [name, method] of value.methods ?? []) {
      if (Object.hasOwn(made, name) || method.minimum > 0) continue;
      Object.defineProperty(made, name, { get: () => this.plain(this.#callMethod(method as TemplateFunction<never>, [])) });
    }
    // Handlebars' own messages name what lacks a field.
    if (!Object.hasOwn(made, "toString")) Object.defineProperty(made, "toString", { value: () => "[object]" });
    return this.#remember(made, value);
  }

  #remember<Made extends object>(made: Made, value: Value): Made {
    this.#origins.set(made, value);
    return made;
  }

  value(plain: unknown): Value {
    if (plain === undefined || plain === null) return null;
    if (typeof plain === "string" || typeof plain === "boolean") return plain;
    if (typeof plain === "number") return Number.isSafeInteger(plain) && !Object.is(plain, -0) ? BigInt(plain) : plain;
    if (typeof plain !== "object") return null;
    const origin = this.#origins.get(plain);
    if (origin !== undefined) return origin;
    if (Array.isArray(plain)) return plain.map((item) => this.value(item));
    return new GoMap(new Map<Key, Value>(Object.entries(plain).map(([key, value]) => [key, this.value(value)])));
  }
}

/** A whole number beyond 2^53 is written with all its digits. */
const fromWhole = (value: bigint): unknown =>
  BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : new SpelledNumber(String(value));
