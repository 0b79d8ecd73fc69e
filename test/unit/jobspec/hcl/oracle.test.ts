/** Our evaluator beside the reference implementation: its answers were recorded by test/tools/hcl-oracle. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { formatText } from "#jobspec/hcl";
import type { OracleAnswer, OracleMode } from "../../../tools/hcl-oracle/ask.ts";
import { difference, ourAnswer } from "../../../tools/hcl-oracle/compare.ts";

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
  const known = DIFFERENCES.get(expression);
  test(`${JSON.stringify(expression)} is what the reference says`, { skip: known ?? false }, () => {
    assert.equal(difference(expression, answer, ourAnswer("expression", expression)), undefined);
  });
}

const drawn = JSON.parse(readFileSync(new URL("drawn.json", import.meta.url), "utf8")) as (OracleAnswer & {
  mode: OracleMode;
  text: string;
})[];

for (const mode of ["expression", "file", "format"] as const) {
  test(`texts drawn at random have the recorded answers of the reference: ${mode}`, () => {
    const asked = drawn.filter((each) => each.mode === mode);
    assert.ok(asked.length >= 90, `only ${asked.length} answers`);
    assert.ok(asked.filter((each) => each.error === undefined).length > asked.length / 3, "most of them are refused");
    assert.deepEqual(
      asked.flatMap((each) => difference(each.text, each, ourAnswer(mode, each.text)) ?? []),
      [],
    );
  });
}

test("what the formatter makes is canonical: formatting it again changes nothing, and it means the same", () => {
  for (const { text, error } of drawn.filter((each) => each.mode === "format")) {
    if (error !== undefined) continue;
    const formatted = formatText(text);
    assert.equal(formatText(formatted), formatted, JSON.stringify(text));
    const before = ourAnswer("file", text);
    if (before.error === undefined) assert.deepEqual(ourAnswer("file", formatted), before, JSON.stringify(text));
  }
});
