/** A JSON Schema's `$defs`, one for each noun of the model that is reached, under the name the model calls it by. */
import type { TSchema } from "typebox";
import * as model from "#model";
import { fieldsOf } from "#model";

export type JsonSchema = Readonly<Record<string, unknown>>;

export const DIALECT = "https://json-schema.org/draft/2020-12/schema";

export class Definitions {
  readonly #describe: (noun: TSchema) => JsonSchema;
  readonly #names = new Map<TSchema, string>();
  readonly #made = new Map<string, JsonSchema>();

  /** `describe` is asked once for each noun; it may refer to others, and to itself. */
  constructor(describe: (noun: TSchema) => JsonSchema) {
    this.#describe = describe;
  }

  /** `parent` and `field`: how a noun the model has no name for is called. */
  refer(noun: TSchema, parent: string, field: string): JsonSchema {
    const known = this.#names.get(noun);
    const name = known ?? this.#free(MODEL_NAMES.get(noun) ?? `${parent}${field}`);
    if (known === undefined) {
      this.#names.set(noun, name);
      this.#made.set(name, {});
      this.#made.set(name, this.#describe(noun));
    }
    return { $ref: `#/$defs/${name}` };
  }

  nameOf(noun: TSchema): string {
    return this.#names.get(noun) ?? "";
  }

  all(): JsonSchema {
    return Object.fromEntries([...this.#made].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Two nouns without a name may end up with the same one. */
  #free(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#made.has(name); count++) name = `${wanted}${count}`;
    return name;
  }
}

const MODEL_NAMES: ReadonlyMap<TSchema, string> = new Map(
  Object.entries(model as Record<string, unknown>).flatMap(([name, value]) => {
    const isNoun = typeof value === "object" && value !== null && fieldsOf(value as TSchema).length > 0;
    return isNoun ? [[value as TSchema, name] as const] : [];
  }),
);
