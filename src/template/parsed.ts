/** Templates already parsed, the ones used last. A template is rendered many times: whenever something it looks at changes. */
import type { TemplateText } from "./contract.ts";
import { functionsWithout } from "./functions/all.ts";
import type { Declared } from "./functions/declare.ts";
import { type Parsed, parseGoTemplate } from "./go/mod.ts";
import { compileHandlebars, type HandlebarsTemplate } from "./handlebars/compile.ts";

export interface Prepared {
  readonly functions: ReadonlyMap<string, Declared>;
  readonly go?: Parsed;
  readonly handlebars?: HandlebarsTemplate;
}

const TEMPLATES_MAX = 2000;
/** Their trees take some fifty times as much memory. */
const CHARACTERS_MAX = 2 * 1024 * 1024;

export class PreparedTemplates {
  /** The one used last comes last. */
  readonly #kept = new Map<string, { readonly prepared: Prepared; readonly length: number }>();
  #characters = 0;

  /** Throws TemplateError. */
  prepare(template: TemplateText & { readonly errorOnMissingKey: boolean }, denied: readonly string[]): Prepared {
    const { engine, text, leftDelimiter, rightDelimiter, errorOnMissingKey } = template;
    const key = JSON.stringify([engine, leftDelimiter, rightDelimiter, errorOnMissingKey, denied]) + text;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known.prepared;
    }
    const prepared = prepareTemplate(template, denied);
    this.#kept.set(key, { prepared, length: key.length });
    this.#characters += key.length;
    this.#forget();
    return prepared;
  }

  forgetAll(): void {
    this.#kept.clear();
    this.#characters = 0;
  }

  #forget(): void {
    for (const [key, { length }] of this.#kept) {
      if (this.#kept.size <= TEMPLATES_MAX && this.#characters <= CHARACTERS_MAX) return;
      this.#kept.delete(key);
      this.#characters -= length;
    }
  }
}

/** Throws TemplateError: TEMPLATE_SYNTAX, TEMPLATE_FUNCTION_UNKNOWN. A denied function fails when it is called. */
function prepareTemplate(template: TemplateText & { readonly errorOnMissingKey: boolean }, denied: readonly string[]): Prepared {
  const { engine, text, leftDelimiter: left, rightDelimiter: right, errorOnMissingKey } = template;
  const functions = functionsWithout(denied);
  if (engine === "handlebars") return { functions, handlebars: compileHandlebars(text, functions, errorOnMissingKey) };
  return { functions, go: parseGoTemplate({ name: "", text, left, right, functions }) };
}
