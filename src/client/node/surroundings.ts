/**
 * Systems beside the node that its description names (Consul): looked at again and again, so that one that starts after us is found without
 * a restart (F33).
 *
 *   unknown ──answers──► there ──silent──► there (as last heard, looked at quickly) ──silent for GRACE_MS──► gone ──answers──► there
 *
 * A restart of the other system is not worth telling anybody: only what is gone for longer leaves the description.
 */
import type { NodeNetwork } from "#model";
import type { Clock, FingerprintSource, Surrounding, Timer } from "#ports";

/** While a source is silent. */
const QUICK_MS = 5_000;
const GRACE_MS = 60_000;
/** A start does not wait longer for what may not be there. */
const FIRST_LOOK_MS = 1_000;

export interface SurroundingsNeeds {
  readonly sources: readonly FingerprintSource[];
  readonly clock: Clock;
  /** While a source answers. */
  readonly intervalMs: number;
}

export class Surroundings {
  readonly #needs: SurroundingsNeeds;
  readonly #heard = new Map<string, { readonly said: Surrounding; readonly atMs: number }>();
  readonly #timers = new Map<string, Timer>();
  #closed = false;
  #changed: (() => void) | undefined;
  /** As it was when `start` resolved, or `changed` was called last. */
  #told = "";

  constructor(needs: SurroundingsNeeds) {
    this.#needs = needs;
  }

  /** Resolves when every source was looked at once, or after a second. */
  async start(): Promise<void> {
    const { sources, clock } = this.#needs;
    if (sources.length > 0) {
      const limit = Promise.withResolvers<void>();
      const timer = clock.after(FIRST_LOOK_MS, limit.resolve);
      await Promise.race([Promise.all(sources.map((source) => this.#look(source))), limit.promise]);
      timer.cancel();
    }
    this.#told = JSON.stringify(this.describe());
  }

  /** `changed`: what `describe` answers is not what it was; at once, if it differs from what it was at the start. */
  follow(changed: () => void): void {
    this.#changed = changed;
    this.#tell();
  }

  describe(): Surrounding {
    const attributes: Record<string, string> = {};
    const links: Record<string, string> = {};
    const networks: NodeNetwork[] = [];
    for (const { said } of this.#heard.values()) {
      Object.assign(attributes, said.attributes);
      Object.assign(links, said.links);
      networks.push(...(said.networks ?? []));
    }
    return { attributes, links, ...(networks.length === 0 ? {} : { networks }) };
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  async #look(source: FingerprintSource): Promise<void> {
    const { clock, intervalMs } = this.#needs;
    const said = await source.look();
    if (this.#closed) return;
    const nowMs = clock.nowMs();
    if (said !== undefined) this.#heard.set(source.name, { said, atMs: nowMs });
    else if (nowMs - (this.#heard.get(source.name)?.atMs ?? 0) > GRACE_MS) this.#heard.delete(source.name);
    this.#timers.set(
      source.name,
      clock.after(said === undefined ? Math.min(QUICK_MS, intervalMs) : intervalMs, () => void this.#look(source)),
    );
    this.#tell();
  }

  #tell(): void {
    const now = JSON.stringify(this.describe());
    if (this.#changed === undefined || now === this.#told) return;
    this.#told = now;
    this.#changed();
  }
}
