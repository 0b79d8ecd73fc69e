/** Our evaluator beside the reference implementation: its answers were recorded by test/tools/hcl-oracle. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluate, HclFailure, makeFunctions, parseLoneExpression, toPlain, type Scope, type Value } from "#jobspec/hcl";

interface Answer {
  readonly expression: string;
  readonly value?: unknown;
  readonly error?: string;
}

/** Where we differ on purpose, with the reason. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ["{ for = 1 }", "a key named for needs no quotes here"],
  ["[[1,2],[3]].0.1", "chained old-style indexes are read"],
  ['index({a = 1}, "a")', "objects are maps here"],
  ["length({a = 1})", "objects are maps here"],
  ['try(1 / 0, "z")', "there is no infinity here"],
]);

const answers = JSON.parse(readFileSync(new URL("oracle.json", import.meta.url), "utf8")) as Answer[];

test("the record of the reference's answers is there", () => {
  assert.ok(answers.length >= 300, `only ${answers.length} answers`);
});

for (const answer of answers) {
  const { expression } = answer;
  const difference = DIFFERENCES.get(expression);
  test(`${JSON.stringify(expression)} is what the reference says`, { skip: difference ?? false }, () => {
    const ours = evaluateText(expression);
    if (answer.error !== undefined) assert.ok("error" in ours, `the reference refuses (${answer.error}), we say ${JSON.stringify(ours)}`);
    else assert.deepEqual(normal(ours), normal({ value: answer.value }));
  });
}

/** Object keys in order: only content counts. */
function normal(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => (isPlainObject(inner) ? Object.fromEntries(Object.entries(inner).sort()) : inner)),
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function evaluateText(text: string): { value: unknown } | { error: string } {
  const { expression, diagnostics } = parseLoneExpression(text, "expression");
  if (expression === undefined || diagnostics.length > 0) return { error: diagnostics.map((each) => each.summary).join("; ") };
  try {
    return { value: toPlain(evaluate(expression, scope())) };
  } catch (thrown) {
    if (thrown instanceof HclFailure) return { error: thrown.message };
    throw thrown;
  }
}

function scope(): Scope {
  const object = (id: string, port: number): Value =>
    new Map<string, Value>([
      ["id", id],
      ["ports", [port]],
    ]);
  const variables = new Map<string, Value>([
    ["name", "web"],
    ["count", 3],
    ["yes", true],
    ["nothing", null],
    ["list", ["a", "b", "c"]],
    [
      "map",
      new Map([
        ["x", "1"],
        ["y", "2"],
      ]),
    ],
    ["objects", [object("i1", 80), object("i2", 81)]],
  ]);
  return {
    names: new Map([["var", variables]]),
    functions: makeFunctions({ randomUuid: () => "00000000-0000-4000-8000-000000000000" }),
    unknownRoots: "refuse",
    hints: new Map(),
  };
}
