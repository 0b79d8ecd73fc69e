/** Asks the oracle: runs `binary` (or `go run .`) once over all texts. Needs Go. */
import { execFileSync } from "node:child_process";

export type OracleMode = "expression" | "file" | "format";
export interface OracleAnswer {
  readonly value?: unknown;
  readonly error?: string;
}

export function askOracle(mode: OracleMode, texts: readonly string[], binary?: string): OracleAnswer[] {
  const input = texts.map((each) => JSON.stringify(each)).join("\n");
  const [command, parameters] = binary === undefined ? ["go", ["run", ".", mode]] : [binary, [mode]];
  const lines = execFileSync(command, parameters, { cwd: import.meta.dirname, input, encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as OracleAnswer);
}
