/** One task's looks: what its templates want now, and, for a while, what they wanted before. The same through restarts of the task. */
import { thingKey, type Clock, type Thing, type Timer } from "#ports";
import type { Fact } from "#template";
import type { ThingReader, ThingReaderNeeds } from "../contract.ts";
import type { Look } from "./look.ts";

/** What is not wanted any more is kept for so long: a template that is rendered anew may want it again. */
const GRACE_MS = 30_000;

export interface ReaderNeeds {
  readonly clock: Clock;
  /** A new look at it. */
  readonly look: (thing: Thing, reader: Reader) => Look;
  /** It is over: what it leaves is given back. */
  readonly ended: (look: Look) => void;
}

interface Wanted {
  readonly look: Look;
  wanted: boolean;
  /** Until it is let go of. */
  grace: Timer | undefined;
}

export class Reader implements ThingReader {
  readonly #needs: ReaderNeeds;
  readonly #looks = new Map<string, Wanted>();
  readonly #listeners = new Set<() => void>();
  #who: ThingReaderNeeds;
  #over = false;
  #telling = false;

  constructor(who: ThingReaderNeeds, needs: ReaderNeeds) {
    this.#who = who;
    this.#needs = needs;
  }

  get who(): ThingReaderNeeds {
    return this.#who;
  }

  /** The task starts again: its tokens are asked for in another place. */
  use(who: ThingReaderNeeds): void {
    this.#who = who;
  }

  get looks(): readonly Look[] {
    return [...this.#looks.values()].map(({ look }) => look);
  }

  /** What the last agent left of it: kept until it is wanted (what it depends on may have to be read first), or cannot be kept any longer. */
  takeUp(look: Look): void {
    this.#looks.set(thingKey(look.thing), { look, wanted: false, grace: undefined });
  }

  want: ThingReader["want"] = (things) => {
    if (this.#over) return;
    const keys = new Set<string>();
    for (const thing of things) {
      const key = thingKey(thing);
      if (keys.has(key)) continue;
      keys.add(key);
      const known = this.#looks.get(key);
      if (known === undefined) this.#looks.set(key, { look: this.#needs.look(thing, this), wanted: true, grace: undefined });
      else {
        known.grace?.cancel();
        known.grace = undefined;
        known.wanted = true;
      }
    }
    for (const [key, wanted] of this.#looks) {
      if (!wanted.wanted || keys.has(key)) continue;
      wanted.wanted = false;
      wanted.grace = this.#needs.clock.after(GRACE_MS, () => this.letGo(wanted.look.thing));
    }
  };

  wants(thing: Thing): boolean {
    return this.#looks.get(thingKey(thing))?.wanted === true;
  }

  letGo(thing: Thing): void {
    const key = thingKey(thing);
    const known = this.#looks.get(key);
    if (known === undefined) return;
    known.grace?.cancel();
    this.#looks.delete(key);
    this.#needs.ended(known.look);
  }

  facts: ThingReader["facts"] = () => {
    const facts = new Map<string, Fact>();
    for (const [key, { look, wanted }] of this.#looks) if (wanted && look.fact !== undefined) facts.set(key, look.fact);
    return facts;
  };

  problems: ThingReader["problems"] = () => {
    const problems = new Map<string, string>();
    for (const [key, { look, wanted }] of this.#looks) if (wanted && look.problem !== "") problems.set(key, look.problem);
    return problems;
  };

  subscribe: ThingReader["subscribe"] = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Everything that changed in this moment is told at once. */
  changed(): void {
    if (this.#telling || this.#over) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (!this.#over) for (const listener of this.#listeners) listener();
    });
  }

  /** `each` is what becomes of every look. */
  end(each: (look: Look) => void): void {
    this.#over = true;
    for (const { look, grace } of this.#looks.values()) {
      grace?.cancel();
      each(look);
    }
    this.#looks.clear();
    this.#listeners.clear();
  }
}
