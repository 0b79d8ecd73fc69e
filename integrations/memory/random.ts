/** Chance from a seed: the same seed, the same run. xoshiro128**, seeded by splitmix32. Not for secrets. */
import type { Random } from "#ports";

export function createSeededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const split = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  const next = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const hex = (digits: number) => (next() >>> (32 - digits * 4)).toString(16).padStart(digits, "0");
  return {
    fraction: () => next() / 2 ** 32,
    integer: (below) => Math.floor((next() / 2 ** 32) * below),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${(8 + (next() >>> 30)).toString(16)}${hex(3)}-${hex(8)}${hex(4)}`,
  };
}
