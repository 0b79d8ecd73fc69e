/** A flag's value that may be long, or a secret: as it is typed, `@file`, or `-` for standard input. */
import { messageOf, NamedError } from "#std";
import type { Context } from "./command.ts";
import { readText } from "./specification.ts";

export async function readWord(context: Context, word: string): Promise<string> {
  if (word === "-") return context.terminal.readInput();
  return word.startsWith("@") ? readText(context, word.slice(1)) : word;
}

/** A JSON object. Throws NamedError SPECIFICATION_INVALID without quoting it: it may hold secrets. */
export async function readJsonWord(context: Context, word: string, flag: string): Promise<Record<string, unknown>> {
  const text = await readWord(context, word);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = /line \d+ column \d+/.exec(messageOf(error))?.[0];
    throw new NamedError("SPECIFICATION_INVALID", `${flag}: Cannot read JSON${place === undefined ? "" : `, ${place}`}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new NamedError("SPECIFICATION_INVALID", `${flag}: Cannot read JSON: want an object`);
  }
  return value as Record<string, unknown>;
}
