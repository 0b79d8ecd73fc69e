/**
 * The expression language of go-bexpr: `?filter=` over the objects of a list, selectors of binding rules over claims. nomad.md §3.1.
 *
 * What comes in: text from a stranger. What goes out: a predicate, or NamedError API_FILTER_INVALID (400) with the column.
 * Invariants: no expression takes more than linear time on a value (patterns are bounded, nesting and length are limited).
 * Read next: parse.ts for the grammar, evaluate.ts for the meaning.
 */
export { compileFilter } from "./evaluate.ts";
