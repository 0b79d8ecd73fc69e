import assert from "node:assert/strict";
import { test } from "node:test";
import { compileConstraint, constraintText } from "#scheduler";
import { aNode } from "./nouns.ts";

const node = aNode("m1", {
  Datacenter: "dc1",
  NodeClass: "big",
  NodePool: "gpu",
  Meta: { rack: "r1", empty: "" },
  Attributes: {
    "kernel.name": "linux",
    "cpu.numcores": "16",
    "os.signals": "SIGHUP, SIGINT,SIGTERM",
    "kernel.version": "6.1.0",
    load: "0.5",
  },
});

/** [left, operator, right, does the node pass] */
const CASES: readonly (readonly [string, string, string, boolean])[] = [
  ["${attr.kernel.name}", "=", "linux", true],
  ["${attr.kernel.name}", "==", "windows", false],
  ["${attr.kernel.name}", "is", "linux", true],
  ["${attr.none}", "=", "", false],
  ["${attr.none}", "=", "${attr.other}", false],
  ["${attr.kernel.name}", "!=", "windows", true],
  ["${attr.kernel.name}", "not", "linux", false],
  ["${attr.none}", "!=", "linux", true],
  ["${attr.none}", "!=", "${attr.other}", false],
  ["${attr.cpu.numcores}", ">", "9", true],
  ["${attr.cpu.numcores}", "<", "9", false],
  ["${attr.cpu.numcores}", ">=", "16", true],
  ["${attr.load}", "<=", "0.5", true],
  ["${attr.load}", "<", "1", true],
  ["${meta.rack}", "<", "r2", true],
  ["${meta.rack}", ">", "10", true],
  ["${attr.none}", "<", "1", false],
  ["${attr.kernel.name}", "regexp", "^lin", true],
  ["${attr.kernel.name}", "regexp", "(?i)LINUX", true],
  ["${attr.kernel.name}", "regexp", "(", false],
  ["${attr.kernel.name}", "regexp", "\\Alinux\\z", true],
  ["${node.unique.name}", "regexp", "^m[0-9]$", true],
  ["${attr.os.signals}", "set_contains", "SIGINT,SIGHUP", true],
  ["${attr.os.signals}", "set_contains_all", "SIGINT,SIGKILL", false],
  ["${attr.os.signals}", "set_contains_any", "SIGKILL, SIGTERM", true],
  ["${attr.os.signals}", "set_contains_any", "SIGKILL", false],
  ["${meta.rack}", "is_set", "", true],
  ["${meta.empty}", "is_set", "", true],
  ["${meta.none}", "is_set", "", false],
  ["${meta.none}", "is_not_set", "", true],
  ["${meta.rack}", "is_not_set", "", false],
  ["${node.datacenter}", "=", "dc1", true],
  ["${node.class}", "=", "big", true],
  ["${node.pool}", "=", "gpu", true],
  ["${node.unique.id}", "=", "node-m1", true],
  ["linux", "=", "${attr.kernel.name}", true],
  ["${nobody.knows}", "is_set", "", false],
  ["${attr.kernel.version}", "version", ">= 6.0, < 7", true],
  ["${attr.kernel.name}", "what", "linux", false],
  ["${attr.constructor}", "is_set", "", false],
];

test("every operator says of a node what it should", () => {
  for (const [LTarget, Operand, RTarget, expected] of CASES) {
    assert.equal(compileConstraint({ LTarget, Operand, RTarget }).passes(node), expected, `${LTarget} ${Operand} ${RTarget}`);
  }
});

test("a constraint escapes the computed class exactly when either side names something unique", () => {
  const escapes = (LTarget: string, RTarget: string) => compileConstraint({ LTarget, Operand: "=", RTarget }).escapes;
  assert.deepEqual(
    [
      escapes("${attr.kernel.name}", "unique"),
      escapes("${node.unique.id}", "x"),
      escapes("x", "${attr.unique.hostname}"),
      escapes("${meta.uniquely}", "x"),
    ],
    [false, true, true, false],
  );
});

test("a constraint is shown as it was written", () => {
  assert.equal(constraintText({ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "windows" }), "${attr.kernel.name} = windows");
  assert.equal(constraintText({ LTarget: "${meta.rack}", Operand: "is_set", RTarget: "" }), "${meta.rack} is_set");
});

test("a pattern that backtracks without end holds nobody up, and matches nothing", () => {
  const slow = aNode("m2", { Attributes: { "cpu.modelname": `${"a".repeat(60)}!` } });
  const startedMs = performance.now();
  for (const pattern of ["^(a+)+$", "(?i)^(a+)+$", "^(?:(?:a+)+){1,20}$", "^(a|aa)+$"]) {
    assert.equal(compileConstraint({ LTarget: "${attr.cpu.modelname}", Operand: "regexp", RTarget: pattern }).passes(slow), false, pattern);
  }
  assert.ok(performance.now() - startedMs < 2_000);
});
