/**
 * Says what a task waits for, once for each change of it: nothing of what comes within a moment anyway, and not every second.
 * nomad.md §2.6, "Missing: vault.read(secret/data/app)".
 */
import { thingKey, thingLabel, type Clock, type Thing, type Timer } from "#ports";

const FIRST_MS = 1_500;
const SHOWN_MAX = 3;

export interface Waits {
  readonly missing: readonly Thing[];
  /** By thingKey. */
  readonly problems: ReadonlyMap<string, string>;
}

/** For people, and as details for programs. */
export function describeWaits({ missing, problems }: Waits): {
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
} {
  const sorted = missing.toSorted((a, b) => (thingKey(a) < thingKey(b) ? -1 : 1));
  const labels = sorted.map(thingLabel);
  const reasons = sorted.flatMap((thing) => {
    const problem = problems.get(thingKey(thing));
    return problem === undefined ? [] : [`waiting for ${thing.name === "" ? thingLabel(thing) : thing.name}: ${problem}`];
  });
  const missingText = `Missing: ${shown(labels, ", ")}`;
  return {
    message: reasons.length === 0 ? missingText : `${missingText} (${shown(reasons, "; ")})`,
    details: { missing: labels.join(", "), ...(reasons.length === 0 ? {} : { waiting_for: reasons.join("; ") }) },
  };
}

/** What is no thing is waited for alike. */
export function waitsFor(what: string, problem: string): ReturnType<typeof describeWaits> {
  const reason = `waiting for ${what}: ${problem}`;
  return { message: `Missing: ${what} (${reason})`, details: { missing: what, waiting_for: reason } };
}

function shown(texts: readonly string[], between: string): string {
  const more = texts.length - SHOWN_MAX;
  return texts.slice(0, SHOWN_MAX).join(between) + (more > 0 ? `, and ${more} more` : "");
}

export class WaitTeller {
  readonly #clock: Clock;
  readonly #tell: (message: string, details: Readonly<Record<string, string>>) => void;
  #told = "";
  #next: { readonly message: string; readonly details: Readonly<Record<string, string>> } | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, tell: (message: string, details: Readonly<Record<string, string>>) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  waits(on: Waits): void {
    this.say(describeWaits(on));
  }

  say(what: { readonly message: string; readonly details: Readonly<Record<string, string>> }): void {
    this.#next = what;
    this.#timer ??= this.#clock.after(FIRST_MS, () => {
      this.#timer = undefined;
      if (this.#next === undefined || this.#next.message === this.#told) return;
      this.#told = this.#next.message;
      this.#tell(this.#next.message, this.#next.details);
    });
  }

  /** It has what it waited for. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#next = undefined;
    this.#told = "";
  }
}
