/** Admission takes just the version constraints the scheduler can evaluate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionError, admitJob } from "#jobspec";
import { testScale } from "../../../scale.ts";
import { questions } from "../../../tools/version-oracle/questions.ts";
import { parseVersionConstraint } from "../../../../src/scheduler/feasible/version.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

function isAdmitted(operator: string, value: string): boolean {
  const Constraints = [{ LTarget: "${attr.x}", Operand: operator, RTarget: value }];
  try {
    admitJob({ ID: "j", Constraints, TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "exec" }] }] }, CONTEXT);
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof AdmissionError);
    return false;
  }
}

test("what admission takes as a version constraint the scheduler can evaluate, and nothing else", () => {
  const seed = 7;
  for (const question of questions(seed, Math.round(400 * testScale()))) {
    if (!("constraint" in question) || question.constraint.includes("99999")) continue;
    for (const flavour of ["version", "semver"] as const) {
      const readable: boolean = parseVersionConstraint(question.constraint, flavour) !== undefined;
      assert.equal(isAdmitted(flavour, question.constraint), readable, `${flavour} ${JSON.stringify(question.constraint)}`);
    }
  }
});
