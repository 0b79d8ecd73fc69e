/** What every part of the decoder shares: where findings go, and evaluating without unwinding. */
import type { Diagnostic } from "../contract.ts";
import { errorAt, tryEvaluate, warningAt, type Expression, type Range, type Scope, type Value } from "../hcl/mod.ts";
import { Hidden } from "./hidden.ts";
import { Places } from "./places.ts";
import { keysOf, type Keys, type Noun } from "./keys.ts";

/** More errors than these are not collected: the first ones are the ones to mend. */
const ERRORS_MAX = 50;
/** Blocks made by all `dynamic` blocks of a file together. */
const EXPANDED_MAX = 100_000;
/** Attributes and blocks read, all together: what `dynamic` blocks make is read as often as they make it. */
const READ_MAX = 100_000;

export class Decoding {
  readonly warnings: Diagnostic[] = [];
  readonly hidden: Hidden;
  readonly #errors: Diagnostic[] = [];
  /** What an author chose to say. */
  readonly #asWritten = new WeakSet<Diagnostic>();
  readonly places = new Places();
  /** Variables whose value came from the environment: name → text. */
  readonly fromEnvironment = new Map<string, string>();
  #expanded = 0;
  #read = 0;
  readonly #explained = new Set<string>();
  readonly #keys = new Map<Noun["schema"], Keys>();

  constructor(jobText: string) {
    this.hidden = new Hidden(jobText);
  }

  get failed(): boolean {
    return this.#errors.length > 0;
  }

  /** All that is wrong so far, without values from outside. */
  errors(): Diagnostic[] {
    return this.#errors.map((each) =>
      this.#asWritten.has(each) ? each : { ...each, summary: this.hidden.redact(each.summary), detail: this.hidden.redact(each.detail) },
    );
  }

  /** An error with words of the author's: they are shown as they are. */
  say(range: Range, summary: string, words: string): void {
    const said = errorAt(range, summary, words);
    this.#asWritten.add(said);
    this.add(said);
  }

  error(range: Range, summary: string, detail = ""): void {
    this.add(errorAt(range, summary, detail));
  }

  warn(range: Range, summary: string, detail = ""): void {
    this.warnings.push(warningAt(range, summary, detail));
  }

  /** The same mistake at the same place (a body that was made twice) counts once. */
  add(diagnostic: Diagnostic): void {
    const { start, summary } = diagnostic;
    const known = this.#errors.some(
      (each) =>
        each.summary === summary && each.start.line === start.line && each.start.column === start.column && each.start.file === start.file,
    );
    if (!known && this.#errors.length < ERRORS_MAX) this.#errors.push(diagnostic);
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

  /** Counts attributes and blocks read; false when there are too many, and then an error says so. */
  mayRead(count: number, range: Range): boolean {
    const before = this.#read;
    this.#read += count;
    if (this.#read <= READ_MAX) return true;
    if (before <= READ_MAX) this.error(range, `The file makes more than ${READ_MAX} attributes and blocks`);
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
