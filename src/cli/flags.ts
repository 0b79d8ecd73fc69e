/**
 * Go's flag syntax: `-name value`, `-name=value`, `--name …`; a boolean takes no value (`-detach`, `-detach=false`); flags come
 * before the arguments, the first word that is not a flag (or `--`) ends them. A repeated list flag adds up.
 * commander cannot read single-dash words, so this is ours; pure.
 */
import { NamedError, nearest, parseDuration } from "#std";

export type FlagKind = "boolean" | "text" | "whole" | "duration" | "list";

export interface FlagSpecification {
  readonly kind: FlagKind;
  readonly about: string;
  /** Shown in help: `-check-index=<index>`. */
  readonly value?: string;
}
export type FlagTable = Readonly<Record<string, FlagSpecification>>;

export interface ParsedFlags {
  readonly arguments: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  whole(name: string): number | undefined;
  /** Nanoseconds. */
  duration(name: string): number | undefined;
  list(name: string): readonly string[];
  /** Was it written at all? */
  given(name: string): boolean;
}

export class UsageError extends NamedError {
  constructor(message: string) {
    super("USAGE", message, { statusCode: 400 });
  }
}

/** `foreignWords`: the arguments may hold another program's flags. */
export function parseFlags(words: readonly string[], table: FlagTable, foreignWords = false): ParsedFlags {
  const values = new Map<string, string[]>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as string;
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1] ?? "";
    const flag = Object.hasOwn(table, name) ? table[name] : undefined;
    if (match === null || flag === undefined) {
      const near = nearest(name, Object.keys(table));
      throw new UsageError(`flag provided but not defined: -${name}${near === undefined ? "" : `; did you mean -${near}?`}`);
    }
    let value = match[2];
    if (flag.kind === "boolean") {
      value ??= "true";
    } else if (value === undefined) {
      at++;
      value = words[at];
      if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
    }
    check(name, flag, value);
    values.set(name, flag.kind === "list" ? [...(values.get(name) ?? []), value] : [value]);
  }
  // Read as an argument it would do something else than was meant: `job stop web -purge` would stop "web", and not purge it.
  const late =
    foreignWords || words[at - 1] === "--"
      ? undefined
      : words.slice(at).find((word) => Object.hasOwn(table, /^--?([^=]+)/.exec(word)?.[1] ?? ""));
  if (late !== undefined) throw new UsageError(`flags come before arguments: move ${late} before ${JSON.stringify(words[at])}`);
  const last = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    arguments: words.slice(at),
    flag: (name) => isTrue(last(name) ?? "false"),
    text: last,
    whole: (name) => (values.has(name) ? Number(last(name)) : undefined),
    duration: (name) => (values.has(name) ? parseDuration(last(name) as string) : undefined),
    list: (name) => values.get(name) ?? [],
    given: (name) => values.has(name),
  };
}

function check(name: string, flag: FlagSpecification, value: string): void {
  const wrong = (wanted: string) => new UsageError(`invalid value ${JSON.stringify(value)} for flag -${name}: want ${wanted}`);
  if (flag.kind === "boolean" && !/^(1|t|true|0|f|false)$/i.test(value)) throw wrong("true or false");
  if (flag.kind === "whole" && !/^\+?\d+$/.test(value)) throw wrong("a whole number, 0 or more");
  if (flag.kind === "duration" && parseDuration(value) === undefined) throw wrong('a duration such as "30s" or "1h15m"');
}

/** As Go reads a boolean. */
export function isTrue(value: string): boolean {
  return /^(1|t|true)$/i.test(value);
}
