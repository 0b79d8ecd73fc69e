/**
 * Records the reference's answers: `node test/tools/hcl-oracle/record.ts [file of more expressions, a JSON list]`. Needs Go.
 * Rewrites test/unit/jobspec/hcl/oracle.json (chosen expressions) and drawn.json (drawn texts of every mode).
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askOracle, type OracleAnswer, type OracleMode } from "./ask.ts";
import { aFile, anExpression, aYamlCall, draw } from "./texts.ts";

const folder = join(import.meta.dirname, "../../unit/jobspec/hcl");
const chosen = join(folder, "oracle.json");
const known = existsSync(chosen)
  ? (JSON.parse(readFileSync(chosen, "utf8")) as { expression: string }[]).map((each) => each.expression)
  : [];
const more = process.argv[2] === undefined ? [] : (JSON.parse(readFileSync(process.argv[2], "utf8")) as string[]);
const expressions = [...new Set([...known, ...more])];
write(
  chosen,
  askOracle("expression", expressions).map((answer, index) => ({ expression: expressions[index], ...answer })),
);

const seed = 20_260;
const drawn: readonly (readonly [mode: OracleMode, texts: readonly string[]])[] = [
  ["expression", [...draw(anExpression(), seed, 500), ...draw(aYamlCall(), seed, 300)]],
  ["file", draw(aFile(), seed, 120)],
  ["format", draw(aFile(), seed + 1, 200)],
];
write(
  join(folder, "drawn.json"),
  drawn.flatMap(([mode, texts]) => askOracle(mode, texts).map((answer, index) => ({ mode, text: texts[index], ...shortened(answer) }))),
);

/** Why it refuses is not compared: the first words are enough to see. */
function shortened(answer: OracleAnswer): OracleAnswer {
  return answer.error === undefined ? answer : { error: answer.error.slice(0, 200) };
}

function write(file: string, answers: readonly object[]): void {
  writeFileSync(file, `[\n${answers.map((each) => `  ${JSON.stringify(each)}`).join(",\n")}\n]\n`);
  console.log(`${answers.length} answers in ${file}`);
}
