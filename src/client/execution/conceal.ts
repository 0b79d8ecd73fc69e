/**
 * What is told of a task, in events and in the log, holds no value of its secrets: a driver that cannot start it quotes its words (`exec: "…": not
 * found`), and in those values stand by `${secret.…}`, `${sealed.…}` or a variable of a template. Pure.
 */
import type { ExecutionContext } from "./context.ts";

type Known = Pick<ExecutionContext, "names" | "added">;

/** Shorter ones are in every text. */
const LENGTH_MIN = 4;
/** Of variables that steps add (tokens, templates with `env`): not all of them are secrets. */
const VARIABLE_LENGTH_MIN = 8;
/** Words of ours. */
const KEPT = new Set(["type", "Type"]);

export function concealer({ names, added }: Known): (text: string) => string {
  const values = new Map<string, string>();
  const add = (name: string, value: string, lengthMin: number): void => {
    // As it is, and as it is quoted.
    for (const form of [value, JSON.stringify(value).slice(1, -1)])
      if (form.length >= lengthMin && !values.has(form)) values.set(form, name);
  };
  for (const [name, value] of names) if (/^(?:sealed|secret)\./.test(name)) add(name, value, LENGTH_MIN);
  for (const [name, value] of Object.entries(added)) add(name, value, VARIABLE_LENGTH_MIN);
  const longestFirst = [...values].toSorted(([a], [b]) => b.length - a.length);
  return (text) => longestFirst.reduce((shown, [value, name]) => shown.replaceAll(value, () => `\${${name}}`), text);
}

/** The same with every text in it concealed; itself when there is nothing to conceal. */
export function concealIn<Told>(told: Told, known: Known): Told {
  if (known.names.size === 0 && Object.keys(known.added).length === 0) return told;
  return deep(told, concealer(known)) as Told;
}

function deep(value: unknown, conceal: (text: string) => string): unknown {
  if (typeof value === "string") return conceal(value);
  if (Array.isArray(value)) return value.map((each) => deep(each, conceal));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, KEPT.has(key) ? each : deep(each, conceal)]));
}
