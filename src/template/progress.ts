/** Where a rendering is: written by the thread that renders, read by whoever ends it. */
import type { RenderAnswer, TemplateProblem } from "./contract.ts";
import { placeOf } from "./go/template-error.ts";

/** An offset in the text, or (of Handlebars) a line and a column; 0: not begun. */
const FIELDS = 3;

export class Progress {
  readonly shared: SharedArrayBuffer;
  readonly #at: Int32Array;

  constructor(shared = new SharedArrayBuffer(FIELDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#at = new Int32Array(shared);
  }

  begin(): void {
    this.#at.fill(0);
  }

  reached(offset: number): void {
    this.#at[0] = offset + 1;
  }

  /** From 1. */
  reachedPlace(line: number, column: number): void {
    this.#at[1] = line;
    this.#at[2] = column;
  }

  /** With the place in the template's text, unless it is known already. */
  locate(problem: TemplateProblem, text: string): TemplateProblem {
    const [offset = 0, line = 0, column = 0] = this.#at;
    if (problem.line > 0 || (offset === 0 && line === 0)) return problem;
    const place = offset > 0 ? placeOf(text, offset - 1) : { line, column };
    const message = problem.message.replace(/^Cannot render template: /, (start) => `${start}line ${place.line}, column ${place.column}: `);
    return { ...problem, ...place, message };
  }

  locateAnswer(answer: RenderAnswer, text: string): RenderAnswer {
    return answer.what === "failed" ? { ...answer, problem: this.locate(answer.problem, text) } : answer;
  }
}
