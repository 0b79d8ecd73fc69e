/**
 * What the steps of one task look at, wanted together from the lookout: a step that wants something takes nothing from another. What was
 * looked at before the agent's restart stays wanted until every step has said what it wants now (`settled`): no lease is let go of in between.
 */
import type { Thing } from "#ports";
import { thingKey } from "#ports";
import type { ThingReader } from "../contract.ts";

const BEFORE = "before";

export class TaskThings {
  readonly #open: () => ThingReader;
  readonly #parts = new Map<string, readonly Thing[]>();
  #reader: ThingReader | undefined;
  #said = "";

  constructor(open: () => ThingReader) {
    this.#open = open;
  }

  /** Made when somebody first wants something: most tasks look at nothing. */
  get reader(): ThingReader {
    this.#reader ??= this.#open();
    return this.#reader;
  }

  get any(): boolean {
    return this.#reader !== undefined;
  }

  /** In place of what this part wanted. */
  want(part: string, things: readonly Thing[]): void {
    if (things.length === 0) this.#parts.delete(part);
    else this.#parts.set(part, things);
    this.#say();
  }

  /** As it was remembered. */
  before(things: readonly Thing[]): void {
    if (things.length > 0 && !this.any) this.want(BEFORE, things);
  }

  settled(): void {
    if (this.#parts.delete(BEFORE)) this.#say();
  }

  /** The task is dead for good; should it be called back it begins anew. */
  forget(): void {
    this.#parts.clear();
    this.#reader = undefined;
    this.#said = "";
  }

  get wanted(): readonly Thing[] {
    return [...new Map([...this.#parts.values()].flat().map((thing) => [thingKey(thing), thing])).values()];
  }

  #say(): void {
    const { wanted } = this;
    if (wanted.length === 0 && !this.any) return;
    const said = JSON.stringify(wanted.map(thingKey).toSorted());
    if (said === this.#said) return;
    this.#said = said;
    this.reader.want(wanted);
  }
}
