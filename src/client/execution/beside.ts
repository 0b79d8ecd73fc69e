/**
 * What goes on beside a task's process for one step: from its enter (or resume) to its exit. `end` stops it and resolves when nothing of it
 * is under way any more: no secret is written into a directory that was removed meanwhile (F43).
 */
import { orAborted } from "../or-aborted.ts";

/** Whose steps they are: what goes on by the step's name, and what interrupts it. */
interface Owner {
  readonly beside: Map<string, Beside>;
  readonly interruption: () => AbortSignal;
}

export class Beside {
  readonly #ended = new AbortController();
  readonly #busy = new Set<Promise<unknown>>();
  readonly #endings: (() => void)[] = [];
  readonly #interruption: AbortSignal;

  private constructor(interruption: AbortSignal) {
    this.#interruption = interruption;
  }

  /** In place of what the step had going on before. */
  static async begin(context: Owner, step: string): Promise<Beside> {
    await Beside.end(context, step);
    const beside = new Beside(context.interruption());
    context.beside.set(step, beside);
    return beside;
  }

  static async end(context: Owner, step: string): Promise<void> {
    const before = context.beside.get(step);
    context.beside.delete(step);
    await before?.end();
  }

  /** It has ended, or the task is to, or the agent: waiting is in vain, and nothing is to be begun. */
  get over(): boolean {
    return this.#ended.signal.aborted || this.#interruption.aborted;
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.#ended.signal, this.#interruption]);
  }

  /** Waited for by `end`. */
  async perform<Result>(work: () => Promise<Result>): Promise<Result> {
    const working = work();
    this.#busy.add(working);
    try {
      return await working;
    } finally {
      this.#busy.delete(working);
    }
  }

  /** Called at the end, at once when that was before. */
  atEnd(ending: () => void): void {
    if (this.#ended.signal.aborted) ending();
    else this.#endings.push(ending);
  }

  /** Ends early with the rest: look at `over`. */
  async pause(sleep: Promise<void>): Promise<void> {
    await orAborted(sleep, this.signal).catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#ended.abort();
    for (const ending of this.#endings.splice(0)) ending();
    await Promise.allSettled(this.#busy);
  }
}
