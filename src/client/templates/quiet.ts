/**
 * A change waits a moment for more (`wait { min, max }`): what comes in a burst is rendered once. Pure; milliseconds.
 *
 *   changed ──► due `min` after the last change, but no later than `max` after the first
 */
import type { ClientSettings } from "../settings.ts";

export interface Wait {
  readonly minMs: number;
  readonly maxMs: number;
}

export interface Unrest {
  readonly sinceMs: number;
  readonly lastMs: number;
}

export function unrest(before: Unrest | undefined, nowMs: number): Unrest {
  return { sinceMs: before?.sinceMs ?? nowMs, lastMs: nowMs };
}

export function dueMs({ sinceMs, lastMs }: Unrest, { minMs, maxMs }: Wait): number {
  return Math.min(lastMs + minMs, sinceMs + Math.max(minMs, maxMs));
}

/** What a template asks for, within what the operator allows; where it says nothing, the operator's own. Its times are nanoseconds. */
export function waitOf(
  asked: { readonly Min: number | null; readonly Max: number | null } | null | undefined,
  { wait, waitBounds }: ClientSettings["template"],
): Wait {
  const minMs = asked?.Min === null || asked?.Min === undefined ? wait.minMs : asked.Min / 1e6;
  // As consul-template: a minimum alone means four times as long at most.
  const maxMs =
    asked?.Max === null || asked?.Max === undefined
      ? asked?.Min === null || asked?.Min === undefined
        ? wait.maxMs
        : minMs * 4
      : asked.Max / 1e6;
  if (waitBounds === null) return { minMs, maxMs: Math.max(minMs, maxMs) };
  const within = Math.min(Math.max(minMs, waitBounds.minMs), waitBounds.maxMs);
  return { minMs: within, maxMs: Math.min(Math.max(maxMs, within), waitBounds.maxMs) };
}
