/** What the functions of one rendering look at and remember: facts, the environment, the scratch pad; and which things were looked at. */
import { type Thing, thingKey } from "#ports";
import type { Fact, NodeAddress } from "../contract.ts";
import type { Value } from "../go/value.ts";
import type { Progress } from "../progress.ts";
import { redactedWhole } from "../redact.ts";

export interface LookingOptions {
  readonly facts: ReadonlyMap<string, Fact>;
  readonly environment: Readonly<Record<string, string>>;
  readonly nowMs: number;
  readonly addresses?: readonly NodeAddress[];
  /** Asked now and then: throws when the rendering holds more memory than it may. */
  readonly checkMemory?: (() => void) | undefined;
  readonly progress?: Progress | undefined;
}

/** Between two looks at the memory. */
const CALLS_BETWEEN = 16;

export class Looking {
  readonly environment: Readonly<Record<string, string>>;
  readonly nowMs: number;
  readonly addresses: readonly NodeAddress[];
  readonly used = new Map<string, Thing>();
  readonly missing = new Map<string, Thing>();
  /** What `scratch` keeps. */
  readonly scratch = new Map<string, Value>();
  readonly progress: Progress | undefined;
  readonly #facts: ReadonlyMap<string, Fact>;
  readonly #checkMemory: (() => void) | undefined;
  #calls = 0;

  constructor(options: LookingOptions) {
    this.#facts = options.facts;
    this.environment = options.environment;
    this.nowMs = options.nowMs;
    this.#checkMemory = options.checkMemory;
    this.progress = options.progress;
    this.addresses = options.addresses ?? [];
  }

  /** A function is about to be called. */
  counted(): void {
    if (this.#checkMemory !== undefined && ++this.#calls % CALLS_BETWEEN === 0) this.#checkMemory();
  }

  /** undefined: not known; it is missing then. */
  fact(thing: Thing): Fact | undefined {
    const key = thingKey(thing);
    this.used.set(key, thing);
    const fact = this.#facts.get(key);
    if (fact === undefined) this.missing.set(key, thing);
    return fact;
  }

  /** The rendering waits for it though it was answered: it is not there, or empty where that is not good enough. */
  waitFor(thing: Thing): void {
    this.missing.set(thingKey(thing), thing);
  }

  /** A text of the template's own, for an error. */
  withoutValues(message: string): string {
    return redactedWhole(message, { facts: this.#facts, environment: this.environment });
  }

  variable(name: string): string | undefined {
    return Object.hasOwn(this.environment, name) ? this.environment[name] : undefined;
  }
}
