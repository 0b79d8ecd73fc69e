/**
 * JSON templates: data files in which a string that is nothing but `${name}` stands for a value, of whatever kind. Values are never looked into:
 * nothing a job says can open a new place in a document.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Read once each. Throws what the file system says: they are shipped with the program. */
export class Templates {
  readonly #directory: string;
  readonly #read = new Map<string, Json>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  fill(name: string, values: JsonObject): JsonObject {
    let template = this.#read.get(name);
    if (template === undefined) {
      template = JSON.parse(readFileSync(join(this.#directory, `${name}.json`), "utf8")) as Json;
      this.#read.set(name, template);
    }
    return filled(template, values) as JsonObject;
  }
}

function filled(template: Json, values: JsonObject): Json {
  if (typeof template === "string") {
    const whole = /^\$\{([A-Za-z.]+)\}$/.exec(template);
    return whole === null ? template : valueOf(values, whole[1] as string);
  }
  if (template === null || typeof template !== "object") return template;
  if (Array.isArray(template)) return template.map((each: Json) => filled(each, values));
  return Object.fromEntries(Object.entries(template).map(([key, each]) => [key, filled(each, values)]));
}

function valueOf(values: JsonObject, name: string): Json {
  const value = values[name];
  if (value === undefined) throw new Error(`the template asks for "${name}", which nobody gave`);
  return value;
}
