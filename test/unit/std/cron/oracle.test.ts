/** Against recorded answers of hashicorp/cronexpr; test/tools/cron-oracle/record.ts makes them, test/live/cron-oracle.test.ts asks afresh. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { difference, ourAnswer, type Answer, type Question } from "../../../tools/cron-oracle/questions.ts";

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "oracle.json"), "utf8")) as { question: Question; answer: Answer }[];

test("expressions, zones and times of all kinds get the answers of Nomad's parser, refusals too", () => {
  assert.ok(recorded.length > 300, "the recording was not read");
  const different = recorded.flatMap(({ question, answer }) => {
    const said = difference(question, answer, ourAnswer(question));
    return said === undefined ? [] : [`${JSON.stringify(question)}: ${said}`];
  });
  assert.deepEqual(different, []);
});
