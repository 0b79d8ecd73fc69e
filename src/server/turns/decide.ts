/**
 * Who of a group may go down next, for a change of what its templates hold? Pure.
 *
 *              asks                     there is room              given back, ended, node lost, ten minutes
 *   (nothing) ──────► waits, in order ─────────────────► holds its turn ──────────────────────────────────► (nothing)
 *                        └─ has not asked for a minute ─► (nothing)
 *
 * Room: fewer than `max` others hold a turn or are down for a reason of their own: crashed, being replaced, not healthy yet in a deployment,
 * wanted and placed nowhere. Whoever has been down for longer than the group's healthy_deadline holds nobody up any more, so one that
 * cannot be mended does not keep a new secret from the rest. Who asks is not counted itself: one that is down waits for no place
 * that its own being down takes.
 */
import type { AllocationId } from "#model";

/** A turn is taken away when it was held so long: whoever holds it has lost it, or its node cannot tell. */
export const TURN_MS_MAX = 10 * 60_000;

export interface GroupView {
  readonly name: string;
  /** update.max_parallel, at least 1. */
  readonly max: number;
  readonly healthyDeadlineMs: number;
  /** Wanted to run, not over, and not well. */
  readonly down: readonly AllocationId[];
  /** How many are wanted that are placed nowhere. */
  readonly missing: number;
  /** Turns held, and since when (unix milliseconds). */
  readonly held: ReadonlyMap<AllocationId, number>;
}

/** Since when (unix milliseconds) something is seen to be down. */
export interface Seen {
  readonly down: ReadonlyMap<AllocationId, number>;
  /** Oldest first. */
  readonly missing: readonly number[];
}
export const NOTHING_SEEN: Seen = { down: new Map(), missing: [] };

export interface Decision {
  readonly grants: readonly AllocationId[];
  /** Held too long. */
  readonly expired: readonly AllocationId[];
  /** What keeps the others waiting, for people. */
  readonly reason: string;
  readonly seen: Seen;
  /** When it is worth looking again although nothing has changed; undefined: never. */
  readonly lookAtMs: number | undefined;
}

/** `asking`: in the order of their places. */
export function decideTurns(view: GroupView, asking: readonly AllocationId[], before: Seen, nowMs: number): Decision {
  const seen = look(view, before, nowMs);
  const counts = (sinceMs: number) => nowMs - sinceMs < view.healthyDeadlineMs;
  const expired = [...view.held].filter(([, sinceMs]) => nowMs - sinceMs >= TURN_MS_MAX).map(([id]) => id);
  const held = new Set([...view.held.keys()].filter((id) => !expired.includes(id)));
  const down = new Set([...seen.down].filter(([, sinceMs]) => counts(sinceMs)).map(([id]) => id));
  const missing = seen.missing.filter(counts).length;
  const restarting = held.size;

  const grants: AllocationId[] = [];
  const away = held.union(down);
  for (const id of asking) {
    const others = away.size + missing - (away.has(id) ? 1 : 0);
    if (held.has(id) || others >= view.max) continue;
    grants.push(id);
    held.add(id);
    away.add(id);
  }
  const deadlines = [
    ...[...seen.down.values(), ...seen.missing].filter(counts).map((sinceMs) => sinceMs + view.healthyDeadlineMs),
    ...[...view.held.values()].map((sinceMs) => sinceMs + TURN_MS_MAX).filter((atMs) => atMs > nowMs),
  ];
  return {
    grants,
    expired,
    reason: reasonOf(view, restarting + grants.length, away.size - held.size + missing),
    seen,
    lookAtMs: deadlines.length === 0 ? undefined : deadlines.reduce((one, other) => Math.min(one, other)),
  };
}

/** What is down now, each since it was first seen so. Which of the missing was placed nobody can tell: the one that waited longest. */
function look(view: GroupView, before: Seen, nowMs: number): Seen {
  const down = new Map(view.down.map((id) => [id, before.down.get(id) ?? nowMs]));
  const kept = before.missing.slice(Math.max(0, before.missing.length - view.missing));
  return { down, missing: [...kept, ...Array.from({ length: view.missing - kept.length }, () => nowMs)] };
}

function reasonOf({ name, max }: GroupView, restarting: number, down: number): string {
  const group = `group ${JSON.stringify(name)}`;
  if (down === 0) return `${restarting} of ${max} allocation${max === 1 ? "" : "s"} of ${group} ${are(restarting)} being restarted`;
  const both = restarting === 0 ? "" : `${restarting} ${are(restarting)} being restarted and `;
  return `${both}${down} ${are(down)} down in ${group}, where max_parallel is ${max}`;
}

function are(count: number): string {
  return count === 1 ? "is" : "are";
}
