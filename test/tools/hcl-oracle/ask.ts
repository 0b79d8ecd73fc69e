import { askOracle as ask, type OracleAnswer } from "../ask-oracle.ts";

export type { OracleAnswer };
export type OracleMode = "expression" | "file" | "format";

export function askOracle(mode: OracleMode, texts: readonly string[], binary?: string): OracleAnswer[] {
  return ask("hcl-oracle", texts, binary, [mode]);
}
