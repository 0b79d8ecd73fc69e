/** Go's own functions that Handlebars has too (builtins.ts). */
export const TAKEN_NAMES: readonly string[] = [
  "not",
  "index",
  "slice",
  "len",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
  "print",
  "printf",
  "println",
];

export const BUILTIN_NAMES: ReadonlySet<string> = new Set(["and", "or", ...TAKEN_NAMES]);
