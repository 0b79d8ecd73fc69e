import { askOracle, type OracleAnswer } from "../ask-oracle.ts";
import { ENVIRONMENT, KNOWN } from "./questions.ts";

export type ConsulTemplateAnswer = OracleAnswer & { readonly missing?: number };

export function askConsulTemplate(texts: readonly string[], binary?: string): ConsulTemplateAnswer[] {
  return askOracle(
    "consul-template",
    texts.map((text) => ({ text, environment: ENVIRONMENT, facts: KNOWN })),
    binary,
  );
}
