/**
 * Between the renderer, its process and the thread in there. One request is under way at a time; facts cross once: the thread keeps, of each key,
 * the last it got.
 *
 *   agent ──ProcessRequest──► process ──WorkerRequest──► thread
 *         ◄──ProcessReply────         ◄──WorkerReply───
 */
import type { Fact, RenderAnswer, RenderRequest } from "../contract.ts";

export interface WorkerRequest extends Omit<RenderRequest, "facts"> {
  /** What the rendering knows of; without a fact: as it came last. */
  readonly facts: readonly (readonly [key: string, fact?: Fact])[];
  /** First forgets all facts it kept. */
  readonly forget: boolean;
}

/** "ready" once, then an answer for each request. */
export type WorkerReply = "ready" | Answered;

export interface Answered {
  readonly answer: RenderAnswer;
  /** It keeps no fact any more: memory was short. */
  readonly forgot: boolean;
}

export interface ProcessRequest {
  readonly request: WorkerRequest;
  readonly limitMs: number;
}

/** `ended`: the process is of no use any more. */
export type ProcessReply = "ready" | (Answered & { readonly ended: boolean });

export const failed = (code: string, message: string): RenderAnswer => ({
  what: "failed",
  problem: { code, message, fix: "", line: 0, column: 0 },
  used: [],
});

export const NO_MEMORY = failed("TEMPLATE_TOO_LARGE", "Cannot render template: it takes more memory than a rendering may have");
