/** What every part of the decoder shares: where findings go, and evaluating without unwinding. */
import type { Diagnostic } from "../contract.ts";
import {
  errorAt,
  isList,
  isMap,
  isMarked,
  type Marked,
  open,
  openDeep,
  toText,
  tryEvaluate,
  warningAt,
  type Expression,
  type Range,
  type Scope,
  type Value,
} from "../hcl/mod.ts";
import { changeTexts, mayBeSensitive, type Slice, writePath, writeSlice } from "../sensitive.ts";
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

  /** Sensitive variables, and where the default of each is written. */
  readonly sensitiveVariables = new Map<string, Range | undefined>();
  /** Stand around what is sensitive of a text while the job is decoded, whatever rules do with it; no text of an author's holds them. */
  readonly #begin: string;
  readonly #end: string;

  /** `nonce`: nobody can guess it. */
  constructor(jobText: string, nonce: string) {
    this.hidden = new Hidden(jobText);
    this.#begin = `\u0000${nonce}<`;
    this.#end = `>${nonce}\u0000`;
  }

  /** The value with its marks as part of its texts: `uncover` finds them again. */
  disguise(value: Value): Value {
    return openDeep(value).marked ? this.#disguised(value, false) : value;
  }

  #disguised(value: Value, marked: boolean): Value {
    const pieces = isMarked(value) && !marked ? (value as Marked).pieces : undefined;
    if (pieces !== undefined) return pieces.map(({ text, sensitive }) => (sensitive ? this.#covered(text) : text)).join("");
    if (isMarked(value)) return this.#disguised(open(value), true);
    if (isList(value)) return value.map((item) => this.#disguised(item, marked));
    if (value !== null && isMap(value)) return new Map([...value].map(([key, inner]) => [key, this.#disguised(inner, marked)]));
    return marked && value !== null ? this.#covered(toText(value) ?? "") : value;
  }

  #covered(text: string): string {
    return this.#begin + text + this.#end;
  }

  /** The job as it is meant, and the paths of its sensitive texts. Those that everybody could read are errors. */
  uncover(job: Record<string, unknown>): { readonly job: Record<string, unknown>; readonly sensitive: readonly string[] } {
    if (this.sensitiveVariables.size === 0) return { job, sensitive: [] };
    const sensitive: string[] = [];
    const plain = changeTexts(job, (text, steps) => {
      if (!text.includes(this.#begin)) return undefined;
      const path = writePath(steps);
      if (!mayBeSensitive(steps)) this.#exposed(job, path);
      const { plain, parts } = this.#uncovered(text);
      sensitive.push(...parts.map((part) => writeSlice(path, part, plain)));
      return plain;
    });
    return { job: plain as Record<string, unknown>, sensitive };
  }

  #uncovered(text: string): { readonly plain: string; readonly parts: readonly Slice[] } {
    const [first = "", ...rest] = text.split(this.#begin);
    const parts: Slice[] = [];
    let plain = first;
    for (const each of rest) {
      const [covered = "", ...open] = each.split(this.#end);
      parts.push({ start: plain.length, end: plain.length + covered.length });
      plain += covered + open.join("");
    }
    return { plain, parts };
  }

  #exposed(job: object, path: string): void {
    const place = this.places.find(job, path);
    const { summary, detail } = exposed(path);
    if (place !== undefined) this.add({ severity: "error", summary, detail, ...place });
  }

  sensitiveIn(what: string, range: Range): void {
    const { summary, detail } = exposed(what);
    this.error(range, summary, detail);
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

function exposed(what: string): { readonly summary: string; readonly detail: string } {
  return {
    summary: `A sensitive value cannot stand in ${what}: everybody could read it there`,
    detail: "It can in env and config of a task, in the data of its templates and in the config of its secrets.",
  };
}
