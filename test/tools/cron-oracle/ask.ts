/** Asks the oracle: builds nothing, runs `binary` (or `go run .`) once over all questions. */
import { execFileSync } from "node:child_process";
import type { Answer, Question } from "./questions.ts";

export function askOracle(questions: readonly Question[], binary?: string): Answer[] {
  const input = questions.map((each) => JSON.stringify(each)).join("\n");
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
    .map((line) => JSON.parse(line) as Answer);
}
