/** What every part of the decoder shares: where findings go, and evaluating without unwinding. */
import type { Diagnostic } from "../contract.ts";
import { errorAt, tryEvaluate, warningAt, type Expression, type Range, type Scope, type Value } from "../hcl/mod.ts";
import { Places } from "./places.ts";
import { keysOf, type Keys, type Noun } from "./keys.ts";

/** More errors than these are not collected: the first ones are the ones to mend. */
const ERRORS_MAX = 50;
/** Blocks made by all `dynamic` blocks of a file together. */
const EXPANDED_MAX = 100_000;

export class Decoding {
  readonly errors: Diagnostic[] = [];
  readonly warnings: Diagnostic[] = [];
  readonly places = new Places();
  /** Variables whose value came from the environment: name → text. */
  readonly fromEnvironment = new Map<string, string>();
  #expanded = 0;
  readonly #explained = new Set<string>();
  readonly #keys = new Map<Noun["schema"], Keys>();

  error(range: Range, summary: string, detail = ""): void {
    this.add(errorAt(range, summary, detail));
  }

  warn(range: Range, summary: string, detail = ""): void {
    this.warnings.push(warningAt(range, summary, detail));
  }

  /** The same mistake at the same place (a body that was made twice) counts once. */
  add(diagnostic: Diagnostic): void {
    const { start, summary } = diagnostic;
    const known = this.errors.some(
      (each) =>
        each.summary === summary && each.start.line === start.line && each.start.column === start.column && each.start.file === start.file,
    );
    if (!known && this.errors.length < ERRORS_MAX) this.errors.push(diagnostic);
  }

  /** True the first time: what a noun knows is listed once. */
  explains(noun: string): boolean {
    const first = !this.#explained.has(noun);
    this.#explained.add(noun);
    return first;
  }

  /** The value; undefined when it could not be had, and then an error says why. */
  evaluate(expression: Expression, scope: Scope): Value | undefined {
    const result = tryEvaluate(expression, scope);
    if ("value" in result) return result.value;
    this.add(result.diagnostic);
    return undefined;
  }

  /** Counts blocks that `dynamic` made; false when there are too many, and then an error says so. */
  mayExpand(count: number, range: Range): boolean {
    const before = this.#expanded;
    this.#expanded += count;
    if (this.#expanded <= EXPANDED_MAX) return true;
    if (before <= EXPANDED_MAX) this.error(range, `dynamic blocks make more than ${EXPANDED_MAX} blocks`);
    return false;
  }

  /** The keys of a noun, looked up once a run. */
  keys(noun: Noun): Keys {
    const known = this.#keys.get(noun.schema);
    if (known !== undefined) return known;
    const keys = keysOf(noun);
    this.#keys.set(noun.schema, keys);
    return keys;
  }
}
