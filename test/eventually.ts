/** How tests wait: for what they wait for, never for a time. */
import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `probe` gives something; fails with what it was waiting for. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `waited ${timeoutMs} ms for ${what}${last === undefined ? "" : `; last: ${last instanceof Error ? last.message : String(last)}`}`,
      );
    }
    await sleep(10);
  }
}
