/** Asks the oracle: runs `binary` (or `go run .`) once over all questions. Needs Go. */
import { execFileSync } from "node:child_process";
import type { OracleAnswer, Question } from "./questions.ts";

export function askOracle(asked: readonly Question[], binary?: string): OracleAnswer[] {
  const input = asked.map((each) => JSON.stringify(each)).join("\n");
  const [command, parameters] = binary === undefined ? ["go", ["run", "."]] : [binary, []];
  const lines = execFileSync(command, parameters, {
    cwd: import.meta.dirname,
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as OracleAnswer);
}
