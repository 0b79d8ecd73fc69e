/** Recorded answers of Nomad's filter library (test/tools/bexpr-oracle): ours says the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { difference, ourAnswer, type OracleAnswer, type Question } from "../../tools/bexpr-oracle/questions.ts";

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "filter-oracle.json"), "utf8")) as (Question & {
  readonly answer: OracleAnswer;
})[];

test("Filters mean what they mean in Nomad, over drawn expressions and objects", () => {
  assert.ok(recorded.filter(({ answer }) => answer.value === true).length > 40, "hardly anything was asked");
  assert.ok(recorded.filter(({ answer }) => answer.value === false).length > 40, "hardly anything was asked");
  const different = recorded.flatMap((one) => {
    const said = difference(one.answer, ourAnswer(one));
    return said === undefined ? [] : [`${one.expression}: ${said}`];
  });
  assert.deepEqual(different, []);
});
