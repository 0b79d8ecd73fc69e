/** One round of one template: what it makes of what is known, which things it waits for, or what is wrong with it. Never throws. */
import type { Thing } from "#ports";
import { type RenderAnswer, RENDERED_BYTES_MAX, type RenderRequest } from "./contract.ts";
import { TooLargeError } from "./functions/declare.ts";
import { Looking } from "./functions/looking.ts";
import { executeGoTemplate } from "./go/mod.ts";
import { runHandlebars } from "./handlebars/run.ts";
import { type Prepared, type PreparedTemplates } from "./parsed.ts";
import { problemOf, shortened } from "./problem.ts";
import type { Progress } from "./progress.ts";
import { redacted } from "./redact.ts";

export interface Within {
  /** Throws when the rendering holds more memory than it may. */
  readonly checkMemory?: () => void;
  /** Says where it is. */
  readonly progress?: Progress;
}

export function renderTemplate(request: RenderRequest, templates: PreparedTemplates, within: Within = {}): RenderAnswer {
  const { progress } = within;
  progress?.begin();
  const looking = new Looking({ ...request, ...within });
  let prepared: Prepared;
  try {
    prepared = templates.prepare(request, request.deniedFunctions);
  } catch (thrown) {
    return { what: "failed", problem: shortened(problemOf(thrown)), used: [] };
  }
  try {
    const text = run(prepared, request, looking);
    const used = [...looking.used.values()];
    return looking.missing.size > 0 ? waiting(looking, used) : { what: "rendered", text, used };
  } catch (thrown) {
    const used = [...looking.used.values()];
    // Without what is missing, what it does with it fails: `{{ (secret "a").Data.b }}`.
    if (looking.missing.size > 0 && !(thrown instanceof TooLargeError)) return waiting(looking, used);
    const found = problemOf(thrown);
    const problem = progress?.locate(found, request.text) ?? found;
    return { what: "failed", problem: shortened({ ...problem, message: redacted(problem.message, request) }), used };
  }
}

const waiting = (looking: Looking, used: readonly Thing[]): RenderAnswer => ({
  what: "waiting",
  missing: [...looking.missing.values()],
  used,
});

function run({ functions, go, handlebars }: Prepared, request: RenderRequest, looking: Looking): string {
  if (handlebars !== undefined) return runHandlebars(handlebars, functions, looking);
  if (go === undefined) return "";
  const { errorOnMissingKey } = request;
  const { progress } = looking;
  const reached = progress === undefined ? undefined : (offset: number): void => progress.reached(offset);
  return executeGoTemplate(go, {
    functions,
    data: null,
    errorOnMissingKey,
    missingIsZero: true,
    context: looking,
    outputBytesMax: RENDERED_BYTES_MAX,
    reached,
  });
}
