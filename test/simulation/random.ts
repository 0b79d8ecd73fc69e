/** Chance from a seed (mulberry32): the same seed, the same run. */
import type { Random } from "#ports";

export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number): string => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join("");
  return {
    fraction: next,
    integer: (below) => Math.floor(next() * below),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[Math.floor(next() * 4)]}${hex(3)}-${hex(12)}`,
  };
}

/** The seed of a run: DROVER_SEED, else a fresh one. Print it. */
export function seedOfRun(): number {
  const given = process.env["DROVER_SEED"];
  return given === undefined || given === "" ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
