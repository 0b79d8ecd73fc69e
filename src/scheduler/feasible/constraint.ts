/**
 * One constraint against one node: every operator but distinct_hosts and distinct_property, which look at the job's other
 * allocations (distinct.ts). nomad.md §1.11. Affinities use the same operators.
 */
import type { Constraint, Node } from "#model";
import { compilePattern } from "#std";
import { compileTarget, escapesClass, isLiteral } from "./target.ts";
import { parseVersion, parseVersionConstraint } from "./version.ts";

/** A constraint read once and asked of many nodes. */
export interface NodeTest {
  /** As it is shown: "${attr.kernel.name} = windows". */
  readonly text: string;
  readonly passes: (node: Node) => boolean;
  /** Its answer for one node says nothing of other nodes of the computed class. */
  readonly escapes: boolean;
}

export type Operands = Pick<Constraint, "LTarget" | "RTarget" | "Operand">;

/** "${attr.kernel.name} = windows" */
export function constraintText(constraint: Operands): string {
  return `${constraint.LTarget} ${constraint.Operand} ${constraint.RTarget}`.trim();
}

/** Not for distinct_hosts and distinct_property. An operator nobody knows passes on no node. */
export function compileConstraint(constraint: Operands): NodeTest {
  const left = compileTarget(constraint.LTarget);
  const right = compileTarget(constraint.RTarget);
  const compare = comparison(constraint.Operand, isLiteral(constraint.RTarget));
  return {
    text: constraintText(constraint),
    passes: (node) => compare(left(node), right(node)),
    escapes: escapesClass(constraint.LTarget) || escapesClass(constraint.RTarget),
  };
}

type Comparison = (left: string | undefined, right: string | undefined) => boolean;

/** One operator on two texts. `rightIsLiteral`: what is read from the right side is read once. */
export function comparison(operand: string, rightIsLiteral: boolean): Comparison {
  switch (operand) {
    case "=":
    case "==":
    case "is":
      return (left, right) => left !== undefined && left === right;
    case "!=":
    case "not":
      return (left, right) => left !== right;
    case "<":
      return ordered((order) => order < 0);
    case "<=":
      return ordered((order) => order <= 0);
    case ">":
      return ordered((order) => order > 0);
    case ">=":
      return ordered((order) => order >= 0);
    case "is_set":
      return (left) => left !== undefined;
    case "is_not_set":
      return (left) => left === undefined;
    case "set_contains":
    case "set_contains_all":
      return both((left, right) => subset(listOf(right), listOf(left)));
    case "set_contains_any":
      return both((left, right) => overlaps(listOf(right), listOf(left)));
    case "regexp":
      return prepared(compileRegExp, rightIsLiteral);
    case "version":
      return prepared((right) => versionTest(right, "version"), rightIsLiteral);
    case "semver":
      return prepared((right) => versionTest(right, "semver"), rightIsLiteral);
    default:
      return () => false;
  }
}

function both(compare: (left: string, right: string) => boolean): Comparison {
  return (left, right) => left !== undefined && right !== undefined && compare(left, right);
}

/** As integers if both are, else as numbers if both are, else as text. */
function ordered(wanted: (order: number) => boolean): Comparison {
  return both((left, right) => wanted(compareTexts(left, right)));
}

function compareTexts(left: string, right: string): number {
  const a = numberOf(left);
  const b = numberOf(right);
  if (a !== undefined && b !== undefined) return a - b;
  return left === right ? 0 : left < right ? -1 : 1;
}

function numberOf(text: string): number | undefined {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** A test made from the right side; made once when that is literal. */
function prepared(make: (right: string) => ((left: string) => boolean) | undefined, rightIsLiteral: boolean): Comparison {
  let known: ((left: string) => boolean) | undefined;
  let made = false;
  return both((left, right) => {
    if (!rightIsLiteral) return make(right)?.(left) ?? false;
    if (!made) {
      known = make(right);
      made = true;
    }
    return known?.(left) ?? false;
  });
}

function versionTest(constraint: string, flavour: "version" | "semver"): ((left: string) => boolean) | undefined {
  const holds = parseVersionConstraint(constraint, flavour);
  if (holds === undefined) return undefined;
  return (left) => {
    const version = parseVersion(left, flavour);
    return version !== undefined && holds(version);
  };
}

/** What does not compile matches nothing, nor does what takes too long. */
export function compileRegExp(text: string): ((left: string) => boolean) | undefined {
  try {
    const pattern = compilePattern(text);
    return (left) => pattern.test(left);
  } catch {
    return undefined;
  }
}

function listOf(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}
function subset(wanted: readonly string[], present: readonly string[]): boolean {
  return wanted.every((each) => present.includes(each));
}
function overlaps(wanted: readonly string[], present: readonly string[]): boolean {
  return wanted.some((each) => present.includes(each));
}
