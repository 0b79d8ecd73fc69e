/** What Nomad was recorded to answer (record.ts): a line an input. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withBeyond, type Beyond, type Facts } from "./facts.ts";

export interface JobAnswer {
  readonly name: string;
  /** POST /v1/jobs/parse, not canonical. */
  readonly parsed?: Facts;
  /** GET /v1/job/:id after the parsed job was sent: what it has beyond the first answer's. */
  readonly stored?: Beyond;
  /** What was refused. */
  readonly refused?: "parsed" | "stored";
}

export interface WholeAnswer extends Omit<JobAnswer, "stored"> {
  readonly stored?: Facts;
}

export const answersFile = join(import.meta.dirname, "../../unit/jobspec/oracle/jobs.jsonl");

export function jobAnswers(): WholeAnswer[] {
  const lines = readFileSync(answersFile, "utf8").trim().split("\n");
  const answers = lines.map((line) => JSON.parse(line) as JobAnswer);
  const base = withBeyond({}, answers[0]?.stored ?? {});
  return answers.map(({ stored, ...rest }, index) => {
    return stored === undefined ? rest : { ...rest, stored: index === 0 ? base : withBeyond(base, stored) };
  });
}
