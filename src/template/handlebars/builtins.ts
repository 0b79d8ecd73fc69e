/** Go's own functions, for Handlebars: comparing, counting, printf. `and` and `or` answer the value that decides. */
import { BUILTINS } from "../go/builtins.ts";
import { TAKEN_NAMES } from "./builtin-names.ts";
import { isTrue, type TemplateFunction, type Value } from "../go/mod.ts";

const deciding = (stopsAt: boolean): TemplateFunction => ({
  minimum: 1,
  call: (args: readonly Value[]) => args.find((value) => isTrue(value ?? null) === stopsAt) ?? args.at(-1),
});

export const BUILTIN_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["and", deciding(false)],
  ["or", deciding(true)],
  ...[...BUILTINS].filter(([name]) => TAKEN_NAMES.includes(name)),
]);
