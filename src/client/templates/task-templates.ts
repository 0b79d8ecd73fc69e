/**
 * The templates of one task: rendered from what is known of the things they look at, and again when that changes. Renders and remembers;
 * writes nothing, tells nobody.
 *
 *   unknown ── render ──► waiting for things ──┐
 *      │                       ▲   │           │ a thing it looked at changed: stale
 *      └──► rendered ──────────┴───┴───────────┘
 *                 (a failure keeps the last render, until the next change)
 *
 * Only what looked at something that changed is rendered again: a thousand templates over fifty keys cost what changed.
 */
import { isDeepStrictEqual } from "node:util";
import type { Template } from "#model";
import { thingKey, type Clock, type Thing } from "#ports";
import { RENDERED_BYTES_MAX, type Engine, type Fact, type Renderer, type TemplateProblem } from "#template";
import type { Wait } from "./quiet.ts";
import { concealValues, unsealTemplate, unsealText } from "./sealed.ts";
import type { Located } from "./paths.ts";

export interface PreparedTemplate {
  /** "template.0": what is remembered of it goes by this name. */
  readonly name: string;
  readonly template: Template;
  /** As written, for people. */
  readonly text: string;
  readonly destination: Located;
  readonly mode: number;
  /** "": the agent's. */
  readonly owner: string;
  readonly wait: Wait;
}

/** How one of them stands. */
export interface Standing {
  /** As last rendered; undefined: not yet. */
  readonly rendered: string | undefined;
  /** Of the last round: what it could not do without. */
  readonly missing: readonly Thing[];
  /** Of the last round. */
  readonly problem: TemplateProblem | undefined;
  /** All it looked at. */
  readonly used: readonly Thing[];
  /** Unix milliseconds of `timestamp` in it. */
  readonly momentMs: number;
}

interface State extends Standing {
  readonly seen: ReadonlyMap<string, Fact | undefined> | undefined;
}

export interface TaskTemplatesNeeds {
  readonly templates: readonly PreparedTemplate[];
  readonly renderer: Renderer;
  readonly clock: Clock;
  readonly deniedFunctions: readonly string[];
  /** For `env`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Values of `${sealed.…}`. */
  readonly names: ReadonlyMap<string, string>;
  readonly facts: () => ReadonlyMap<string, Fact>;
}

const NEW: State = { rendered: undefined, missing: [], problem: undefined, used: [], momentMs: 0, seen: undefined };

export class TaskTemplates {
  readonly #needs: TaskTemplatesNeeds;
  readonly #states = new Map<string, State>();

  constructor(needs: TaskTemplatesNeeds) {
    this.#needs = needs;
  }

  get all(): readonly PreparedTemplate[] {
    return this.#needs.templates;
  }

  standing({ name }: PreparedTemplate): Standing {
    return this.#state(name);
  }

  /** What is there already is as good: it is not rendered (`once`). `used`: what it was made of. */
  keep({ name }: PreparedTemplate, rendered: string, used: readonly Thing[]): void {
    this.#states.set(name, { ...NEW, rendered, used, seen: new Map() });
  }

  /** `timestamp` says this until something it looks at changes. */
  remember({ name }: PreparedTemplate, momentMs: number): void {
    this.#states.set(name, { ...this.#state(name), momentMs });
  }

  /** What it looked at is not what it was, or it was never rendered. */
  isStale({ name, template }: PreparedTemplate): boolean {
    const { seen, rendered } = this.#state(name);
    if (seen === undefined) return true;
    if (template.Once && rendered !== undefined) return false;
    return this.changed({ name }).length > 0;
  }

  /** Keys of what it looked at and is not what it was. */
  changed({ name }: Pick<PreparedTemplate, "name">): readonly string[] {
    const facts = this.#needs.facts();
    return [...(this.#state(name).seen ?? [])].flatMap(([key, fact]) => (sameFact(fact, facts.get(key)) ? [] : [key]));
  }

  /** Has everything it needs, and all of it went well. */
  get complete(): boolean {
    return this.all.every((each) => this.#state(each.name).rendered !== undefined);
  }

  /** What all of them look at: what the last round used, and while that was no success what the last good one did. */
  get used(): readonly Thing[] {
    const things = this.all.flatMap(({ name }) => this.#state(name).used);
    return [...new Map(things.map((thing) => [thingKey(thing), thing])).values()];
  }

  /** One round. Those of `which` that could be rendered and differ from before. */
  async render(which: readonly PreparedTemplate[]): Promise<readonly PreparedTemplate[]> {
    const changed = await Promise.all(which.map(async (each) => ((await this.#render(each)) ? [each] : [])));
    return changed.flat();
  }

  async #render({ name, template, text }: PreparedTemplate): Promise<boolean> {
    const { renderer, clock, deniedFunctions, environment, names } = this.#needs;
    const before = this.#state(name);
    const facts = new Map(this.#needs.facts());
    // The first time what is remembered; a change has its own time.
    const momentMs = before.momentMs === 0 || before.rendered !== undefined ? clock.nowMs() : before.momentMs;
    const answer = await renderer.render({
      engine: engineOf(template),
      text: unsealTemplate(text, names, [template.LeftDelim, template.RightDelim, "{{", "}}"]),
      leftDelimiter: template.LeftDelim,
      rightDelimiter: template.RightDelim,
      errorOnMissingKey: template.ErrMissingKey,
      environment,
      facts,
      deniedFunctions,
      nowMs: momentMs,
    });
    const missing = answer.what === "waiting" ? answer.missing : [];
    const looked = union(answer.used, missing);
    const seen = new Map(looked.map((thing) => [thingKey(thing), facts.get(thingKey(thing))]));
    if (answer.what !== "rendered") {
      const problem = answer.what === "failed" ? problemOf(template, answer.problem, names) : undefined;
      this.#states.set(name, { ...before, seen, missing, problem, used: union(before.used, looked) });
      return false;
    }
    const rendered = unsealText(answer.text, names);
    this.#states.set(name, { rendered, missing, problem: undefined, used: looked, seen, momentMs });
    return rendered !== before.rendered;
  }

  #state(name: string): State {
    return this.#states.get(name) ?? NEW;
  }
}

/** It names its template, and what can be done. */
function problemOf({ DestPath }: Template, problem: TemplateProblem, names: ReadonlyMap<string, string>): TemplateProblem {
  const message = concealValues(problem.message, names).replace(
    /^Cannot (?:render|parse) template\b/,
    (start) => `${start} ${JSON.stringify(DestPath)}`,
  );
  return { ...problem, message, fix: problem.fix === "" ? (FIXES[problem.code] ?? "") : problem.fix };
}

const FIXES: Readonly<Record<string, string>> = {
  TEMPLATE_TIMEOUT: "Let it loop over less: a loop in it does not end, or one in another takes too long.",
  TEMPLATE_TOO_LARGE: "Let it make less: a file of a template has at most 16 MiB.",
};

export function engineOf({ Engine }: Pick<Template, "Engine">): Engine {
  return Engine === "handlebars" ? "handlebars" : "go";
}

/** Does it ask for the task's variables? Then they are remembered as they were. */
export function asksForVariables(templates: readonly PreparedTemplate[]): boolean {
  return templates.some(({ text }) => /env/i.test(text));
}

export const SOURCE_BYTES_MAX = RENDERED_BYTES_MAX;

export function sameFact(a: Fact | undefined, b: Fact | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return a === b;
  return a.value === b.value || isDeepStrictEqual(a.value, b.value);
}

function union(a: readonly Thing[], b: readonly Thing[]): readonly Thing[] {
  return [...new Map([...a, ...b].map((thing) => [thingKey(thing), thing])).values()];
}
