/**
 * Evenly over what: how much a `spread` block wants the next allocation on a node with this value of its attribute.
 * nomad.md §6.3 "Targeted spread", "Even spread".
 *
 *   with targets     ((desired − used) / desired) · share of the weights        used counts the one being placed
 *                    nothing desired there: the lowest any value has now, at most −1
 *   without          as far as this value is behind the fullest, or ahead of the emptiest, value in use
 *   no such attribute on the node, or a value nobody asked for    −1
 *
 * A value is in use once something was there, also when this plan takes the last of it away.
 */
import type { Job, Node, Spread, TaskGroup } from "#model";
import { compileTarget } from "../feasible/target.ts";

export interface SpreadRule {
  readonly valueOf: (node: Node) => string | undefined;
  boost(value: string | undefined): number;
  /** `by`: 1 placed, −1 stopped by this plan. */
  count(value: string | undefined, by: 1 | -1): void;
}

/** Those of the job and of the group count alike. */
export function compileSpreads(job: Job, group: TaskGroup): readonly SpreadRule[] {
  const spreads = [...job.Spreads, ...group.Spreads];
  const whole = spreads.reduce((sum, spread) => sum + spread.Weight, 0);
  return spreads.map((spread) => {
    const valueOf = compileTarget(spread.Attribute);
    const share = whole === 0 ? 0 : spread.Weight / whole;
    return { valueOf, ...(spread.SpreadTarget.length > 0 ? targeted(spread, group.Count ?? 1, share) : even()) };
  });
}

function targeted(spread: Spread, count: number, share: number): Omit<SpreadRule, "valueOf"> {
  const uses = new Map<string, number>();
  const desired = new Map(spread.SpreadTarget.map((target) => [target.Value, (target.Percent / 100) * count]));
  const asked = [...desired.values()].reduce((sum, each) => sum + each, 0);
  const others = desired.get("*") ?? (asked < count ? count - asked : undefined);
  const boostOf = (value: string): number | undefined => {
    const wanted = desired.get(value) ?? others;
    if (wanted === undefined) return -1;
    return wanted === 0 ? undefined : ((wanted - ((uses.get(value) ?? 0) + 1)) / wanted) * share;
  };
  const lowest = (): number => {
    let least = -1;
    for (const value of uses.keys()) least = Math.min(least, boostOf(value) ?? -1);
    return least;
  };
  return {
    boost: (value) => (value === undefined ? -1 : (boostOf(value) ?? lowest())),
    count: (value, by) => {
      if (value !== undefined) uses.set(value, Math.max(0, (uses.get(value) ?? 0) + by));
    },
  };
}

function even(): Omit<SpreadRule, "valueOf"> {
  const uses = new Map<string, number>();
  // The emptiest and the fullest of the values in use; looked for again when a count has changed.
  let min = 0;
  let max = 0;
  let known = true;
  const settle = (): void => {
    min = Infinity;
    max = -Infinity;
    for (const used of uses.values()) {
      if (used < min) min = used;
      if (used > max) max = used;
    }
    known = true;
  };
  return {
    boost: (value) => {
      if (uses.size === 0) return 0;
      if (value === undefined) return -1;
      if (!known) settle();
      return evenBoost(uses.get(value) ?? 0, min, max);
    },
    count: (value, by) => {
      if (value === undefined) return;
      uses.set(value, Math.max(0, (uses.get(value) ?? 0) + by));
      known = false;
    },
  };
}

function evenBoost(current: number, min: number, max: number): number {
  if (current !== min) return min === 0 ? -1 : (min - current) / min;
  if (min === max) return -1;
  return min === 0 ? 1 : (max - min) / min;
}
