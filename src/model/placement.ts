/** Where a job wants to be: constraints (must), affinities (would rather), spreads (evenly over). nomad.md §1.11. */
import Type, { type Static } from "typebox";
import { blocks, labelled, text, whole } from "./field.ts";

export const CONSTRAINT_OPERATORS = [
  "=",
  "==",
  "is",
  "!=",
  "not",
  "<",
  "<=",
  ">",
  ">=",
  "regexp",
  "version",
  "semver",
  "set_contains",
  "set_contains_all",
  "set_contains_any",
  "is_set",
  "is_not_set",
  "distinct_hosts",
  "distinct_property",
] as const;

/** LTarget Operand RTarget; either side may be `${…}` or literal. */
export const Constraint = Type.Object({
  LTarget: text({ hcl: "attribute" }),
  RTarget: text({ hcl: "value" }),
  Operand: text({ hcl: "operator", default: "=" }),
});
export type Constraint = Static<typeof Constraint>;

export const Affinity = Type.Object({
  LTarget: text({ hcl: "attribute" }),
  RTarget: text({ hcl: "value" }),
  Operand: text({ hcl: "operator", default: "=" }),
  Weight: whole({ hcl: "weight", default: 50 }),
});
export type Affinity = Static<typeof Affinity>;

export const SpreadTarget = Type.Object({
  Value: text(),
  Percent: whole({ hcl: "percent" }),
});
export type SpreadTarget = Static<typeof SpreadTarget>;

export const Spread = Type.Object({
  Attribute: text({ hcl: "attribute" }),
  Weight: whole({ hcl: "weight", default: 50 }),
  SpreadTarget: labelled(SpreadTarget, { hcl: "target", label: "Value" }),
});
export type Spread = Static<typeof Spread>;

/** The three placement blocks as a job, a group or a task writes them. */
export const constraints = () => blocks(Constraint, { hcl: "constraint" });
export const affinities = () => blocks(Affinity, { hcl: "affinity" });
export const spreads = () => blocks(Spread, { hcl: "spread" });
