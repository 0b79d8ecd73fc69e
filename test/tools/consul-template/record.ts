/** Records consul-template's answers in test/unit/template/functions-oracle.json: `node test/tools/consul-template/record.ts [BINARY]`. Needs Go. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askConsulTemplate } from "./ask.ts";
import { difference, QUESTIONS } from "./questions.ts";

const answers = askConsulTemplate(QUESTIONS, process.argv[2]);
const recorded = QUESTIONS.map((text, index) => {
  const { value, missing, error } = answers[index] ?? {};
  return {
    text,
    ...(value === undefined ? {} : { value }),
    ...(missing === undefined ? {} : { missing }),
    ...(error === undefined ? {} : { error }),
  };
});
writeFileSync(
  join(import.meta.dirname, "..", "..", "unit", "template", "functions-oracle.json"),
  `${JSON.stringify(recorded, undefined, 1)}\n`,
);
for (const { text, ...answer } of recorded) {
  const said = difference(text, answer);
  if (said !== "") console.log(`${text}\n    ${said}`);
}
console.log(`${recorded.length} answers`);
