/** Evaluations are created or moved on. Which of them replaces which is decided where they are made (server). */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type EvaluationsUpsert = Extract<Command, { type: "evaluations-upsert" }>;

export function applyEvaluationsUpsert(draft: Draft, command: EvaluationsUpsert): Refusal | undefined {
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}
