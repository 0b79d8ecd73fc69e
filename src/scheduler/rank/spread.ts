/**
 * Evenly over what: how much a `spread` block wants the next allocation on a node with this value of its attribute.
 * nomad.md §6.3 "Targeted spread", "Even spread".
 *
 *   with targets     ((desired − used) / desired) · share of the weights        used counts the one being placed
 *   without          as far as this value is behind the fullest, or ahead of the emptiest, value in use
 *   no such attribute on the node, or a value nobody asked for    −1
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
  return spreads.map((spread) => ruleOf(spread, group.Count ?? 1, whole === 0 ? 0 : spread.Weight / whole));
}

function ruleOf(spread: Spread, count: number, share: number): SpreadRule {
  const uses = new Map<string, number>();
  const desired = new Map(spread.SpreadTarget.map((target) => [target.Value, (target.Percent / 100) * count]));
  const asked = [...desired.values()].reduce((sum, each) => sum + each, 0);
  const others = asked < count ? (desired.get("*") ?? count - asked) : desired.get("*");
  const targeted = (value: string): number => {
    const wanted = desired.get(value) ?? others;
    if (wanted === undefined) return -1;
    const used = (uses.get(value) ?? 0) + 1;
    return wanted === 0 ? -1 : ((wanted - used) / wanted) * share;
  };
  const even = (value: string): number => (uses.size === 0 ? 0 : evenBoost(uses.get(value) ?? 0, [...uses.values()]));
  return {
    valueOf: compileTarget(spread.Attribute),
    boost: (value) => (value === undefined ? -1 : desired.size > 0 ? targeted(value) : even(value)),
    count: (value, by) => {
      if (value === undefined) return;
      const used = (uses.get(value) ?? 0) + by;
      if (used > 0) uses.set(value, used);
      else uses.delete(value);
    },
  };
}

function evenBoost(current: number, inUse: readonly number[]): number {
  const min = Math.min(...inUse);
  const max = Math.max(...inUse);
  if (current !== min) return min === 0 ? -1 : (min - current) / min;
  if (min === max) return -1;
  return min === 0 ? 1 : (max - min) / min;
}
