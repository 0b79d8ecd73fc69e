/**
 * Chance without chance: numbers that look random and are the same for the same evaluation at the same state index. Two
 * evaluations planned at once get different numbers and so, where it does not matter, different nodes and ports; a retry at a
 * newer index is dealt anew. nomad.md §6.2 item 2.
 */
export interface Draw {
  /** Whole, in [0, bound). */
  below(bound: number): number;
  /** A rank for tie breaks: fixed for this draw and `item`, whatever was drawn before. */
  rank(item: number): number;
}

export function drawFor(evaluationId: string, index: number): Draw {
  let seed = 0x811c9dc5;
  for (let i = 0; i < evaluationId.length; i++) seed = Math.imul(seed ^ evaluationId.charCodeAt(i), 0x01000193);
  seed = mix(seed ^ mix(index | 0));
  let state = seed;
  return {
    below: (bound) => {
      state = (state + 0x9e3779b9) | 0;
      return Math.floor((mix(state) / 0x1_0000_0000) * bound);
    },
    rank: (item) => mix(seed ^ Math.imul(item + 1, 0x85ebca6b)),
  };
}

/** Spreads 32 bits over 32 bits, one to one. */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
