/** Recorded answers of Go's text/template (test/tools/template/record.ts): every construct, every verb, and the texts of Go's own tests. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { difference, type Answer, type Question } from "../../../tools/template/ask.ts";
import { corpus } from "../../../tools/template/corpus.ts";

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "oracle.json"), "utf8")) as Readonly<Record<string, readonly Answer[]>>;

for (const [name, questions] of Object.entries<readonly Question[]>({ ...corpus() })) {
  test(`${questions.length} recorded answers of Go to the corpus "${name}" are ours, byte for byte, with the line where one fails`, () => {
    const answers = recorded[name] ?? [];
    assert.equal(answers.length, questions.length, "run node test/tools/template/record.ts");
    const different = questions.flatMap((question, index) => difference(question, answers[index] as Answer) ?? []);
    assert.deepEqual(different, []);
  });
}
