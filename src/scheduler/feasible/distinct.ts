/**
 * Constraints that look at where the job's other allocations are: distinct_hosts and distinct_property. nomad.md §6.2 item 5.
 * Their answers change while a pass places, so the ranking asks them again before it gives a node out.
 */
import type { Allocation, Constraint, Job, Node, TaskGroup } from "#model";
import { compileTarget, type Target } from "./target.ts";

export interface Distinct {
  /** Why the node cannot take one more; undefined when it can. */
  refusal(node: Node): string | undefined;
  placed(node: Node): void;
  /** One that was counted is stopped by this plan. */
  removed(node: Node): void;
}

/** Allocations of the job that count: those of it that hold room, after this plan's stops. */
export function distinctRules(
  job: Job,
  group: TaskGroup,
  holding: Iterable<Pick<Allocation, "NodeID" | "TaskGroup">>,
  nodeOf: (id: string) => Node | undefined,
): readonly Distinct[] {
  const rules = [
    ...job.Constraints.map((constraint) => ruleOf(constraint, "job")),
    ...group.Constraints.map((constraint) => ruleOf(constraint, "group")),
  ].filter((rule) => rule !== undefined);
  if (rules.length === 0) return [];
  for (const allocation of holding) {
    const node = nodeOf(allocation.NodeID);
    if (node === undefined) continue;
    for (const rule of rules) if (rule.scope === "job" || allocation.TaskGroup === group.Name) rule.placed(node);
  }
  return rules;
}

export function isDistinct(constraint: Constraint): boolean {
  return constraint.Operand === "distinct_hosts" || constraint.Operand === "distinct_property";
}

type ScopedRule = Distinct & { readonly scope: "job" | "group" };

function ruleOf(constraint: Constraint, scope: "job" | "group"): ScopedRule | undefined {
  if (constraint.Operand === "distinct_hosts") return constraint.RTarget === "false" ? undefined : { scope, ...distinctHosts() };
  if (constraint.Operand === "distinct_property") return { scope, ...distinctProperty(constraint) };
  return undefined;
}

function distinctHosts(): Distinct {
  const uses = new Map<string, number>();
  return {
    refusal: (node) => ((uses.get(node.ID) ?? 0) > 0 ? "distinct_hosts" : undefined),
    placed: (node) => count(uses, node.ID, 1),
    removed: (node) => count(uses, node.ID, -1),
  };
}

function distinctProperty(constraint: Constraint): Distinct {
  const target: Target = compileTarget(constraint.LTarget);
  const allowed = constraint.RTarget === "" ? 1 : Number(constraint.RTarget);
  const uses = new Map<string, number>();
  return {
    refusal: (node) => {
      const value = target(node);
      if (value === undefined) return `missing property "${constraint.LTarget}"`;
      const used = uses.get(value) ?? 0;
      return used < allowed ? undefined : `distinct_property: ${constraint.LTarget}=${value} used by ${used} allocs`;
    },
    placed: (node) => count(uses, target(node), 1),
    removed: (node) => count(uses, target(node), -1),
  };
}

function count(uses: Map<string, number>, value: string | undefined, by: 1 | -1): void {
  if (value !== undefined) uses.set(value, (uses.get(value) ?? 0) + by);
}

export function firstRefusal(distinct: readonly Distinct[], node: Node): string | undefined {
  for (const rule of distinct) {
    const reason = rule.refusal(node);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
