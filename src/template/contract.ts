/**
 * What the renderer promises. Text and facts in, text out: it knows no job, no network, no disk, and asks nobody.
 *
 *   render(text, facts) ──► rendered: every thing it looked at was known
 *                     └───► waiting: these are missing (blocking ones); whoever asked makes them known and renders again
 *                     └───► failed: where and why
 *
 * A template whose things depend on each other ("the key named by that key") takes a round for each level.
 */
import type { Thing } from "#ports";

export type Engine = "go" | "handlebars";

/** What is known of a thing; `value` undefined: it is not there. Shapes: ports/thing.ts. */
export interface Fact {
  readonly value: unknown;
}

export interface TemplateText {
  readonly engine: Engine;
  readonly text: string;
  /** "{{" and "}}"; of handlebars they are its own. */
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
}

export interface RenderRequest extends TemplateText {
  /** Indexing a map by a key it does not have fails. */
  readonly errorOnMissingKey: boolean;
  /** For `env`: what the task will see. */
  readonly environment: Readonly<Record<string, string>>;
  /** By thingKey. */
  readonly facts: ReadonlyMap<string, Fact>;
  /** function_denylist. */
  readonly deniedFunctions: readonly string[];
  /** Unix milliseconds: for `timestamp`. */
  readonly nowMs: number;
  /** The node's addresses, for `sockaddr`; absent: the renderer's maker says them, or there are none. */
  readonly addresses?: readonly NodeAddress[];
}

export interface NodeAddress {
  /** Of the interface: "eth0". */
  readonly interface: string;
  readonly address: string;
}

export type RenderAnswer =
  | { readonly what: "rendered"; readonly text: string; readonly used: readonly Thing[] }
  | { readonly what: "waiting"; readonly missing: readonly Thing[]; readonly used: readonly Thing[] }
  | { readonly what: "failed"; readonly problem: TemplateProblem; readonly used: readonly Thing[] };

/** No value that came from a fact or the environment stands in it. */
export interface TemplateProblem {
  /** TEMPLATE_SYNTAX, TEMPLATE_FUNCTION_UNKNOWN, TEMPLATE_FUNCTION_DENIED (only of a check), TEMPLATE_FAILED, TEMPLATE_TIMEOUT, TEMPLATE_TOO_LARGE */
  readonly code: string;
  readonly message: string;
  /** Did you mean …; "" for none. */
  readonly fix: string;
  /** From 1, in the template's text; 0: not known. */
  readonly line: number;
  readonly column: number;
}

export interface Renderer {
  /** Never rejects for what a template does. One that takes longer than `limitMs` (default 10 s of its own time) is ended: TEMPLATE_TIMEOUT. */
  render(request: RenderRequest): Promise<RenderAnswer>;
  close(): Promise<void>;
}

/** Is it a template at all, and calls nothing that is denied? For plan time: nothing is rendered. undefined: it is. */
export type CheckTemplate = (text: TemplateText, deniedFunctions?: readonly string[]) => TemplateProblem | undefined;

/** Output above this is refused. */
export const RENDERED_BYTES_MAX = 16 * 1024 * 1024;
