/** Between the renderer and its worker. One request is under way at a time; facts cross once: the worker keeps, of each key, the last it got. */
import type { Fact, RenderAnswer, RenderRequest } from "../contract.ts";

export interface WorkerRequest extends Omit<RenderRequest, "facts"> {
  /** What the rendering knows of; without a fact: as it came last. */
  readonly facts: readonly (readonly [key: string, fact?: Fact])[];
  /** First forgets all facts it kept. */
  readonly forget: boolean;
}

/** "ready" once, then an answer for each request. */
export type WorkerReply = "ready" | RenderAnswer;
