/** Chance from a seed, and how much of it: FUZZ_SEED=… plays one again, FUZZ_COUNT=… says how many inputs (20,000; a million when soaking). */
import { testScale } from "../scale.ts";

export const SEED = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
export const COUNT = Number(process.env["FUZZ_COUNT"] ?? (testScale() > 1 ? 1_000_000 : 20_000));

export interface Chance {
  /** A whole number from 0. */
  below(count: number): number;
  /** One in `count`. */
  rarely(count: number): boolean;
  one<Value>(of: readonly Value[]): Value;
  bytes(most: number): Uint8Array;
}

/** mulberry32 */
export function chance(seed: number): Chance {
  let state = seed;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(fraction() * count);
  return {
    below,
    rarely: (count) => below(count) === 0,
    one: (of) => of[below(of.length)] as (typeof of)[number],
    bytes: (most) => Uint8Array.from({ length: below(most) }, () => below(256)),
  };
}
