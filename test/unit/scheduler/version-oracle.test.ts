/** Our versions beside go-version: its answers were recorded by test/tools/version-oracle. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { OracleAnswer } from "../../tools/ask-oracle.ts";
import { difference, ourAnswer, type Question } from "../../tools/version-oracle/questions.ts";

const recorded = JSON.parse(readFileSync(new URL("version.json", import.meta.url), "utf8")) as {
  readonly question: Question;
  readonly answer: OracleAnswer;
}[];

test("versions and constraints have the recorded answers of go-version", () => {
  assert.ok(recorded.length >= 500, `only ${recorded.length} answers`);
  assert.ok(recorded.filter(({ answer }) => answer.value === true).length > 40, "hardly anything holds");
  assert.deepEqual(
    recorded.flatMap(({ question, answer }) => difference(question, answer, ourAnswer(question)) ?? []),
    [],
  );
});
