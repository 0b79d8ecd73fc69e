/**
 * What the running process was last told of what its templates and tokens hold, remembered so that a kill -9 of the agent loses no change and makes
 * none up (F51). One sealed fact for each task; no value stands in it, only digests.
 *
 * Written when the process of an attempt is about to start (what it will read), before it is told of something (`telling`) and after.
 *
 * Invariant: what lies in a file is what the process was last told of, or the file's name stands in `telling`, or its digest differs from the
 * one here: in both cases an action is due. (A memory that cannot be written is said, and stops nobody: what is repeated after a kill -9 then is an
 * action, never left out.)
 */
import { createHash } from "node:crypto";
import type { AllocationId } from "#model";
import type { Thing } from "#ports";
import { bytesOf, messageOf } from "#std";
import type { TokenStore } from "../tokens/record.ts";
import type { Report } from "../world.ts";

export interface ToldRecord {
  /** Of the process that was told. */
  readonly attempt: number;
  /** By what is told ("template.0", "vault-token"): of its bytes. */
  readonly digests: Readonly<Record<string, string>>;
  /** Being told now: nobody knows whether the process has heard. */
  readonly telling: readonly string[];
  /** What was looked at for it: wanted at once after a restart, so that no lease among them is let go of before it is rendered again. */
  readonly things: readonly Thing[];
  /** What `env` answers in templates, while this attempt lives: rendering again must not differ because a token or the node did. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Unix milliseconds for `timestamp`, by template. */
  readonly moments: Readonly<Record<string, number>>;
  /** What templates with `once` looked at: they are not rendered again, and what was made for them is kept alive. Absent: nothing. */
  readonly once?: Readonly<Record<string, readonly Thing[]>>;
}

const NOTHING: ToldRecord = { attempt: -1, digests: {}, telling: [], things: [], moments: {} };

export class Told {
  readonly #store: TokenStore;
  readonly #name: string;
  readonly #report: Report;
  #record: ToldRecord | undefined;
  /** What is on disk is older. */
  #unsaved = false;

  constructor(store: TokenStore, id: AllocationId, task: string, report: Report) {
    this.#store = store;
    this.#name = factName(id, task);
    this.#report = report;
  }

  get record(): ToldRecord {
    this.#record ??= (this.#store.facts(this.#name).get(this.#name) as ToldRecord | undefined) ?? NOTHING;
    return this.#record;
  }

  /** Of the process of this attempt; undefined: nothing is known of it. */
  of(attempt: number): ToldRecord | undefined {
    return this.record.attempt === attempt ? this.record : undefined;
  }

  /**
   * A new process will read this; what another step said of it is kept, and what is looked at stays so. What the process before was told of is kept
   * too, until each step has said what this one reads (none is started before).
   */
  begin(attempt: number, part: Partial<Omit<ToldRecord, "attempt">>): void {
    const { environment: _, ...last } = this.record;
    const before = this.of(attempt) ?? { ...last, attempt, telling: [] };
    this.#save({ ...before, ...part, digests: { ...before.digests, ...part.digests }, moments: { ...before.moments, ...part.moments } });
  }

  change(part: Partial<Omit<ToldRecord, "attempt">>): void {
    const { record } = this;
    this.#save({ ...record, ...part, digests: { ...record.digests, ...part.digests }, moments: { ...record.moments, ...part.moments } });
  }

  /** It is about to hear of these. */
  telling(names: readonly string[]): void {
    this.change({ telling: [...new Set([...this.record.telling, ...names])] });
  }

  /** It has heard. */
  told(digests: Readonly<Record<string, string>>): void {
    this.change({ digests, telling: this.record.telling.filter((name) => !(name in digests)) });
  }

  /** The task is dead for good. */
  forget(): void {
    this.#record = NOTHING;
    this.#store.removeFact(this.#name);
  }

  #save(next: ToldRecord): void {
    if (!this.#unsaved && this.#record !== undefined && JSON.stringify(this.#record) === JSON.stringify(next)) return;
    this.#record = next;
    try {
      this.#store.saveFact(this.#name, next);
      this.#unsaved = false;
    } catch (thrown) {
      if (!this.#unsaved) {
        const fields = { fact: this.#name, problem: messageOf(thrown) };
        this.#report({ level: "warn", message: "the node's memory cannot be written", fields });
      }
      this.#unsaved = true;
    }
  }
}

export function digestOf(bytes: string | Uint8Array): string {
  return createHash("sha256")
    .update(typeof bytes === "string" ? bytesOf(bytes) : bytes)
    .digest("base64");
}

function factName(id: AllocationId, task: string): string {
  return `told/${id}/${task}`;
}
