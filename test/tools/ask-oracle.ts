/** Asks one of the Go programs here: a JSON question a line in, a JSON answer a line out. Needs Go, or the program built before. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export interface OracleAnswer {
  readonly value?: unknown;
  readonly error?: string;
}

/** `binary`: the built program; absent: `go run .` in the folder named. */
export function askOracle(
  folder: string,
  questions: readonly unknown[],
  binary?: string,
  parameters: readonly string[] = [],
): OracleAnswer[] {
  const input = questions.map((each) => JSON.stringify(each)).join("\n");
  const [command, first] = binary === undefined ? ["go", ["run", "."]] : [binary, []];
  const cwd = join(import.meta.dirname, folder);
  const lines = execFileSync(command, [...first, ...parameters], { cwd, input, encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as OracleAnswer);
}
