/** consul-template's recorded answers (test/tools/consul-template/record.ts), asked again of ours. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { difference, QUESTIONS } from "../../tools/consul-template/questions.ts";

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "functions-oracle.json"), "utf8")) as { readonly text: string }[];

test("functions answer what consul-template answered, byte for byte", () => {
  assert.deepEqual(
    recorded.map(({ text }) => text),
    [...QUESTIONS],
    "record them anew: node test/tools/consul-template/record.ts",
  );
  const different = recorded.map(({ text, ...answer }) => [text, difference(text, answer)]).filter(([, said]) => said !== "");
  assert.deepEqual(different, []);
});
