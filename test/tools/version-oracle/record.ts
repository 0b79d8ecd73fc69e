/** Records the reference's answers in test/unit/scheduler/version.json: `node test/tools/version-oracle/record.ts`. Needs Go. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askOracle } from "../ask-oracle.ts";
import { CHOSEN, questions } from "./questions.ts";

const asked = [...CHOSEN, ...questions(20_260, 600)];
const answers = askOracle("version-oracle", asked);
const fixture = join(import.meta.dirname, "../../unit/scheduler/version.json");
writeFileSync(
  fixture,
  `[\n${asked.map((question, index) => `  ${JSON.stringify({ question, answer: answers[index] })}`).join(",\n")}\n]\n`,
);
console.log(`${answers.length} answers in ${fixture}`);
