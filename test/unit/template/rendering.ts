/** Renders in this thread, with what a test says is known. */
import { type Thing, thingKey } from "#ports";
import type { Engine, Fact, RenderAnswer, RenderRequest, TemplateProblem } from "#template";
import { PreparedTemplates } from "../../../src/template/parsed.ts";
import { renderTemplate } from "../../../src/template/render.ts";

export type Known = readonly (readonly [
  system: Thing["system"],
  kind: string,
  name: string,
  value: unknown,
  options?: Readonly<Record<string, string>>,
])[];

export const factsOf = (known: Known): ReadonlyMap<string, Fact> =>
  new Map(known.map(([system, kind, name, value, options = {}]) => [thingKey({ system, kind, name, options }), { value }]));

export function requestOf(text: string, engine: Engine, known: Known = [], more: Partial<RenderRequest> = {}): RenderRequest {
  const usual = {
    leftDelimiter: "{{",
    rightDelimiter: "}}",
    errorOnMissingKey: false,
    environment: {},
    deniedFunctions: [],
    nowMs: 1_700_000_000_123,
  };
  return { ...usual, engine, text, facts: factsOf(known), ...more };
}

export function answerOf(text: string, engine: Engine, known: Known = [], more: Partial<RenderRequest> = {}): RenderAnswer {
  return renderTemplate(requestOf(text, engine, known, more), new PreparedTemplates());
}

export function rendered(text: string, engine: Engine, known: Known = [], more: Partial<RenderRequest> = {}): string {
  const answer = answerOf(text, engine, known, more);
  if (answer.what !== "rendered") throw new Error(`${text}: ${JSON.stringify(answer)}`);
  return answer.text;
}

export function problemOf(text: string, engine: Engine, known: Known = [], more: Partial<RenderRequest> = {}): TemplateProblem {
  const answer = answerOf(text, engine, known, more);
  if (answer.what !== "failed") throw new Error(`${text}: ${JSON.stringify(answer)}`);
  return answer.problem;
}

export function missing(text: string, engine: Engine, known: Known = []): readonly string[] {
  const answer = answerOf(text, engine, known);
  if (answer.what !== "waiting") throw new Error(`${text}: ${JSON.stringify(answer)}`);
  return answer.missing.map(({ system, kind, name }) => `${system} ${kind} ${name}`);
}
