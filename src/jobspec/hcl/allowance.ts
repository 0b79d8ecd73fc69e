/**
 * How much one evaluation may make and do. A few lines can describe a value that fills the memory (a list of two of a list of two of
 * …) or a loop that never ends in practice; a server parses other people's text, while everybody else waits.
 */
import { isMarked, open } from "./marks.ts";
import { HclExhausted, type Range } from "./source.ts";
import type { Value } from "./value.ts";

/** Values within a value; so many characters count as one. */
const WEIGHT_MAX = 2_000_000;
const CHARACTERS = 8;
/** Rounds of all `for` together. */
const STEPS_MAX = 1_000_000;
/** Parts of expressions evaluated, and the weight of what functions and comparisons look at and make: some seconds. */
const WORK_MAX = 5_000_000;

export class Allowance {
  readonly #weights = new WeakMap<object, number>();
  #steps = 0;
  #work = 0;

  /** One round of a loop. */
  step(range: Range): void {
    this.#steps++;
    if (this.#steps > STEPS_MAX) throw new HclExhausted(range, `Loops go round more than ${STEPS_MAX} times`, "Make the lists shorter.");
  }

  /** One part of an expression. */
  evaluate(range: Range): void {
    this.#spend(1, range);
  }

  /** All of these are looked at, from end to end. */
  read(values: readonly Value[], range: Range): void {
    for (const value of values) this.#spend(this.#weightOf(value), range);
  }

  /** Passes the value on, unless what it stands for, written out, is too much. */
  weigh<V extends Value>(value: V, range: Range): V {
    if (this.#weightOf(value) > WEIGHT_MAX)
      throw new HclExhausted(range, "The value is too large", "Written out it would fill the memory.");
    return value;
  }

  #spend(units: number, range: Range): void {
    this.#work += units;
    if (this.#work > WORK_MAX)
      throw new HclExhausted(
        range,
        "The file takes too much work to evaluate",
        "Make lists and texts shorter, or compute them beforehand.",
      );
  }

  /** What is inside was weighed when it was made: shared parts are counted each time and looked at once. */
  #weightOf(value: Value): number {
    if (typeof value === "string") return 1 + value.length / CHARACTERS;
    if (isMarked(value)) return this.#weightOf(open(value));
    if (typeof value !== "object" || value === null) return 1;
    const known = this.#weights.get(value);
    if (known !== undefined) return known;
    let weight = 1;
    for (const inner of value.values()) weight += this.#weightOf(inner);
    this.#weights.set(value, weight);
    return weight;
  }
}
