import assert from "node:assert/strict";
import { test } from "node:test";
import { compileConstraint } from "#scheduler";
import { aNode } from "./nouns.ts";

function holds(left: string, operator: "version" | "semver", constraint: string): boolean {
  return compileConstraint({ LTarget: left, Operand: operator, RTarget: constraint }).passes(aNode("m1"));
}

/** [version, constraint, does it hold] */
const VERSIONS: readonly (readonly [string, string, boolean])[] = [
  ["1.2.3", ">= 1.0, < 1.4", true],
  ["1.4.0", ">= 1.0, < 1.4", false],
  ["1.2.3", "1.2.3", true],
  ["v1.2", "= 1.2.0", true],
  ["1.2.3", "!= 1.2.3", false],
  ["1.10", "> 1.9", true],
  ["1.2.3", "~> 1.2", true],
  ["1.9.0", "~> 1.2", true],
  ["2.0", "~> 1.2", false],
  ["1.3.0", "~> 1.2.3", false],
  ["1.2.9", "~> 1.2.3", true],
  ["1.2.2", "~> 1.2.3", false],
  ["3.0", "~> 1", true],
  ["1.2.3.4", "> 1.2.3", true],
  ["6.1.0-17-amd64", ">= 6.0", false],
  // A pre-release holds only where the constraint names one of the same version.
  ["1.3.0-beta1", ">= 1.0", false],
  ["1.3.0-beta1", ">= 1.3.0-alpha", true],
  ["1.3.0-beta1", ">= 1.2.0-alpha", false],
  ["1.3.0", ">= 1.3.0-beta1", true],
  ["1.3.0", "~> 1.3.0-beta1", false],
  ["1.3.0-beta2", "~> 1.3.0-beta1", true],
  ["1.2.0-beta.2", "> 1.2.0-beta.11", false],
  ["1.2.3+ent", "= 1.2.3", true],
  ["nonsense", "> 1", false],
  ["1.2.3", "nonsense", false],
  ["1.2.3", "", false],
  ["", "> 1", false],
];

const SEMVERS: readonly (readonly [string, string, boolean])[] = [
  ["1.2.3", ">= 1.0.0, < 1.4.0", true],
  ["1.3.0-beta1", ">= 1.0.0", true],
  ["1.3.0-beta1", "< 1.3.0", true],
  ["1.3.0-alpha.1", "< 1.3.0-alpha.beta", true],
  ["1.3.0-rc.1", "> 1.3.0-beta.11", true],
  ["1.0.0-1", "< 1.0.0-alpha", true],
  ["1.0.0-alpha", "< 1.0.0-alpha.1", true],
  ["1.2.3", "~> 1.2", false],
  ["1.3.0beta1", "> 1.0.0", false],
];

test("version constraints hold as go-version says", () => {
  for (const [version, constraint, expected] of VERSIONS)
    assert.equal(holds(version, "version", constraint), expected, `${version} ${constraint}`);
});

test("semver constraints order pre-releases like anything else and know no ~>", () => {
  for (const [version, constraint, expected] of SEMVERS)
    assert.equal(holds(version, "semver", constraint), expected, `${version} ${constraint}`);
});
