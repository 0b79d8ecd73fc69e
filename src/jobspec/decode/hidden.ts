/**
 * What messages do not show: values that came from outside the job file (-var, -var-file, NOMAD_VAR_*) may be secrets, and errors are
 * pasted and logged. A value that the job file itself holds is none.
 */
import { isList, isMap, type Value } from "../hcl/mod.ts";

const SHOWN = "(hidden)";
/** Shorter ones are no secrets, and part of too many words. */
const LENGTH_MIN = 3;
/** So much of a text is shown in messages (see describe). */
const LENGTH_SHOWN = 40;
/** Where a message shows a value: in quotes, a number, a file's path. */
const QUOTED = /"(?:[^"\\]|\\.)*"|\bnumber -?\d[\d.]*|\blooked at .*/g;

export class Hidden {
  readonly #jobText: string;
  readonly #texts = new Set<string>();

  constructor(jobText: string) {
    this.#jobText = jobText;
  }

  /** A value, its parts and its keys. */
  addValue(value: Value): void {
    if (isList(value)) for (const item of value) this.addValue(item);
    else if (value !== null && isMap(value)) {
      for (const [key, inner] of value) {
        this.#add(key);
        this.addValue(inner);
      }
    } else if (typeof value !== "boolean" && value !== null) this.#add(String(value));
  }

  /** As addValue; hidden even where the job file holds it, and however short. */
  addSensitive(value: Value): void {
    for (const text of textsOf(value)) if (text !== "") this.#texts.add(text);
  }

  /** Words of a text that was to become a value: what is wrong with it may name one of them. */
  addWords(text: string): void {
    for (const word of text.split(/[\s"'()[\]{},:=]+/)) this.#add(word);
  }

  #add(text: string): void {
    if (text.length >= LENGTH_MIN && !this.#jobText.includes(text)) this.#texts.add(text);
  }

  /** The message without them. Letters in any case: upper(var.password) is no better. */
  redact(message: string): string {
    if (this.#texts.size === 0) return message;
    return message.replace(QUOTED, (quoted) => {
      const lower = quoted.toLowerCase();
      for (const text of this.#texts) {
        const shown = JSON.stringify(text.slice(0, LENGTH_SHOWN)).slice(1, -1).toLowerCase();
        if (lower.includes(shown)) return quoted.startsWith('"') ? `"${SHOWN}"` : quoted.replace(/\S+$/, SHOWN);
      }
      return quoted;
    });
  }
}

function textsOf(value: Value): readonly string[] {
  if (isList(value)) return value.flatMap(textsOf);
  if (value !== null && isMap(value)) return [...value.values()].flatMap(textsOf);
  return value === null || typeof value === "boolean" ? [] : [String(value)];
}

/** A variable file with its values made unreadable, character by character: the lines of errors keep their columns. */
export function maskValues(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      const equals = /^\s*"?[\p{ID_Continue}-]+"?\s*[=:]/u.exec(line)?.[0].length ?? 0;
      return line.slice(0, equals) + line.slice(equals).replace(/[^\s"(){}[\],:=<>]/gu, "•");
    })
    .join("\n");
}
