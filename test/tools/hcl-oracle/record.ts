/**
 * Records the reference's answers: `node test/tools/hcl-oracle/record.ts [file of more expressions, a JSON list]`. Needs Go.
 * Rewrites test/unit/jobspec/hcl/oracle.json, one `{expression, value}` or `{expression, error}` each.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Answer {
  readonly expression: string;
  readonly value?: unknown;
  readonly error?: string;
}

const fixture = join(import.meta.dirname, "../../unit/jobspec/hcl/oracle.json");
const known = existsSync(fixture) ? (JSON.parse(readFileSync(fixture, "utf8")) as Answer[]).map((each) => each.expression) : [];
const more = process.argv[2] === undefined ? [] : (JSON.parse(readFileSync(process.argv[2], "utf8")) as string[]);
const expressions = [...new Set([...known, ...more])];
const input = expressions.map((each) => JSON.stringify(each)).join("\n");
const lines = execFileSync("go", ["run", "."], { cwd: import.meta.dirname, input, encoding: "utf8", maxBuffer: 1 << 28 })
  .trim()
  .split("\n");
const answers = lines.map((line, index) => ({ expression: expressions[index], ...(JSON.parse(line) as object) }));
writeFileSync(fixture, `[\n${answers.map((each) => `  ${JSON.stringify(each)}`).join(",\n")}\n]\n`);
console.log(`${answers.length} answers in ${fixture}`);
