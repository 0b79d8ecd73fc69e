/** Records Go's answers to the corpus in test/unit/template/go/oracle.json: `node test/tools/template/record.ts`. Needs Go. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askOracle } from "./ask.ts";
import { corpus } from "./corpus.ts";

const { chosen, verbs, go } = corpus();
const lists = Object.entries({ chosen, verbs, go }).map(([name, questions]) => {
  const answers = askOracle(questions).map((answer) => JSON.stringify(answer));
  return `"${name}": [\n${answers.join(",\n")}\n]`;
});
const fixture = join(import.meta.dirname, "../../unit/template/go/oracle.json");
writeFileSync(fixture, `{\n${lists.join(",\n")}\n}\n`);
console.log(`${chosen.length + verbs.length + go.length} answers in ${fixture}`);
