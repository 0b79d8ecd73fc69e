/** What Nomad was recorded to plan (record.ts): first the job as its parser answered it, then a line an edit. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "../job-oracle/facts.ts";
import type { Lines } from "./lines.ts";

export interface PlanAnswer {
  readonly name: string;
  readonly diff?: Lines;
  /** DesiredTGUpdates. */
  readonly updates?: Facts;
  readonly refused?: true;
}

export const answersFile = join(import.meta.dirname, "../../unit/jobspec/oracle/plans.jsonl");

/** `sent`: the base job in full, with every null, as Nomad's own command line sends it. */
export function planAnswers(): { readonly sent: object; readonly plans: readonly PlanAnswer[] } {
  const [first, ...plans] = readFileSync(answersFile, "utf8").trim().split("\n");
  const { sent } = JSON.parse(first ?? "{}") as { readonly sent: object };
  return { sent, plans: plans.map((line) => JSON.parse(line) as PlanAnswer) };
}
