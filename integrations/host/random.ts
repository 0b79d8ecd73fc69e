/** Chance from the system's source. */
import { randomInt, randomUUID } from "node:crypto";
import type { Random } from "#ports";

export function createHostRandom(): Random {
  return {
    fraction: () => Math.random(),
    integer: (below) => (below <= 1 ? 0 : randomInt(below)),
    uuid: () => randomUUID(),
  };
}
