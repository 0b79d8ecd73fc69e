/**
 * Records the reference's answers: `node test/tools/bexpr-oracle/record.ts`. Needs Go. Rewrites test/unit/api/filter-oracle.json.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askOracle } from "./ask.ts";
import { questions } from "./questions.ts";

const SEED = 20_260;
const COUNT = 400;

const asked = questions(SEED, COUNT);
const lines = askOracle(asked).map((answer, index) => {
  // Why it refuses is not compared: the first words are enough to see.
  const kept = answer.error === undefined ? answer : { error: answer.error.slice(0, 120) };
  return `  ${JSON.stringify({ ...asked[index], answer: kept })}`;
});
const file = join(import.meta.dirname, "../../unit/api/filter-oracle.json");
writeFileSync(file, `[\n${lines.join(",\n")}\n]\n`);
console.log(`${lines.length} answers in ${file}`);
