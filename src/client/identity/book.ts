/**
 * The signed identities of the allocations on this node: asked for in one call per allocation, renewed at half their life, kept in
 * memory only (an agent that restarts asks anew).
 *
 *                obtain               answered                     half of the life is over
 *   (nothing) ──────────► asking ───────────────► signed ◄────────────────────────────────────┐
 *                          │  ▲                      │  └──────► asking again (the old stays) ─┘
 *                  refused │  │ servers away:        │ forget
 *                          ▼  │ wait, longer each    ▼
 *                  obtain rejects                (nothing)
 *
 * An allocation that needs no identity costs nothing: no call, no entry, no timer.
 * While the servers are away whoever starts waits, and whoever runs keeps what it has.
 */
import type { AllocationId, IdentityAnswer, IdentityRequest } from "#model";
import type { Clock, Random, Timer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { IdentityBook, Servers, Signed } from "../contract.ts";
import { orAborted } from "../or-aborted.ts";
import type { Report } from "../world.ts";
import { decideRenewal, hasExpired, type SignedSpan } from "./renewal.ts";
import { identityKey, wantedIdentities } from "./wanted.ts";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
/** A renewal that was refused (the allocation has ended, for the servers) is tried again after this. */
const REFUSED_AGAIN_MS = 60_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface SignedIdentitiesNeeds {
  readonly servers: Pick<Servers, "signIdentities">;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

interface Held extends SignedSpan {
  readonly signed: Signed;
}

interface Entry {
  readonly id: AllocationId;
  wanted: ReadonlyMap<string, IdentityRequest>;
  readonly held: Map<string, Held>;
  readonly refused: Map<string, string>;
  readonly gone: AbortController;
  working: Promise<void> | undefined;
  timer: Timer | undefined;
}

export class SignedIdentities implements IdentityBook {
  readonly #needs: SignedIdentitiesNeeds;
  readonly #entries = new Map<AllocationId, Entry>();
  readonly #listeners = new Set<(request: IdentityRequest, signed: Signed) => void>();
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(needs: SignedIdentitiesNeeds) {
    this.#needs = needs;
  }

  obtain: IdentityBook["obtain"] = async (allocation, signal) => {
    const wanted = wantedIdentities(allocation);
    if (wanted.length === 0 || this.#closed) return;
    const entry = this.#entry(allocation.ID);
    entry.wanted = new Map(wanted.map((request) => [identityKey(request), request]));
    for (const key of entry.held.keys()) if (!entry.wanted.has(key)) entry.held.delete(key);
    entry.refused.clear();
    while (this.#missing(entry).length > 0) {
      // Somebody's call may be under way without what this one wants.
      await orAborted(this.#work(entry), signal);
      const refused = [...entry.refused][0];
      if (refused !== undefined && this.#missing(entry).length > 0) throw refusal(...refused);
      if (entry.gone.signal.aborted) throw forgotten(entry.id);
    }
  };

  find: IdentityBook["find"] = (request) => this.#entries.get(request.AllocationID)?.held.get(identityKey(request))?.signed;

  /**
   * One that can be used now. Waits until somebody obtains it, or until it is renewed when it has expired. Rejects with IDENTITY_REFUSED, or
   * when the signal aborts.
   */
  async fresh(request: IdentityRequest, signal: AbortSignal): Promise<Signed> {
    const key = identityKey(request);
    for (;;) {
      signal.throwIfAborted();
      const entry = this.#entries.get(request.AllocationID);
      if (entry !== undefined) {
        const held = entry.held.get(key);
        if (held !== undefined && !this.#expired(held)) return held.signed;
        const refused = entry.refused.get(key);
        if (refused !== undefined) throw refusal(key, refused);
        if (!entry.wanted.has(key)) throw refusal(key, "its job asks for no such identity");
      }
      const turn = Promise.withResolvers<void>();
      this.#waiting.add(turn.resolve);
      await orAborted(turn.promise, signal).finally(() => this.#waiting.delete(turn.resolve));
    }
  }

  subscribe: IdentityBook["subscribe"] = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  forget: IdentityBook["forget"] = (id) => {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.timer?.cancel();
    entry.gone.abort();
    this.#wake();
  };

  /** Allocations that have identities, and callers that wait for one. */
  get counts(): { readonly allocations: number; readonly waiting: number } {
    return { allocations: this.#entries.size, waiting: this.#waiting.size };
  }

  close(): void {
    this.#closed = true;
    for (const id of this.#entries.keys()) this.forget(id);
  }

  #entry(id: AllocationId): Entry {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = {
        id,
        wanted: new Map(),
        held: new Map(),
        refused: new Map(),
        gone: new AbortController(),
        working: undefined,
        timer: undefined,
      };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #expired(held: Held): boolean {
    return hasExpired(held, this.#needs.clock.nowMs());
  }

  #missing(entry: Entry): readonly IdentityRequest[] {
    return [...entry.wanted].flatMap(([key, request]) => {
      const held = entry.held.get(key);
      return held !== undefined && !this.#expired(held) ? [] : [request];
    });
  }

  /** Asks for what is missing or due, until it was answered. One at a time for each allocation. Never rejects. */
  #work(entry: Entry): Promise<void> {
    entry.working ??= this.#ask(entry).finally(() => {
      entry.working = undefined;
      this.#arm(entry);
      this.#wake();
    });
    return entry.working;
  }

  async #ask(entry: Entry): Promise<void> {
    const { clock, random, report, servers } = this.#needs;
    const gone = entry.gone.signal;
    for (let waitMs = RETRY_FIRST_MS; !gone.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      const requests = this.#due(entry);
      if (requests.length === 0) return;
      try {
        const answers = await servers.signIdentities(requests, gone);
        if (answers.length !== requests.length) throw new Error(`${requests.length} identities were asked for, ${answers.length} answered`);
        if (!gone.aborted) requests.forEach((request, at) => this.#take(entry, request, answers[at] as IdentityAnswer));
        return;
      } catch (thrown) {
        if (gone.aborted) return;
        report({
          level: "warn",
          message: "identities could not be signed, trying again",
          fields: { alloc_id: entry.id, problem: messageOf(thrown) },
        });
      }
      const timed = Promise.withResolvers<void>();
      entry.timer = clock.after(waitMs * (1 + random.fraction() / 10), timed.resolve);
      await orAborted(timed.promise, gone).catch(() => undefined);
    }
  }

  #due(entry: Entry): readonly IdentityRequest[] {
    const { due } = decideRenewal(entry.held, this.#needs.clock.nowMs());
    const keys = new Set([...due, ...this.#missing(entry).map(identityKey)]);
    return [...entry.wanted].flatMap(([key, request]) => (keys.has(key) ? [request] : []));
  }

  #take(entry: Entry, request: IdentityRequest, answer: IdentityAnswer): void {
    const { clock, random, report } = this.#needs;
    const key = identityKey(request);
    const before = entry.held.get(key);
    const signedAtMs = clock.nowMs();
    if ("Refused" in answer) {
      entry.refused.set(key, answer.Refused);
      report({
        level: "warn",
        message: "identity refused",
        fields: { alloc_id: entry.id, identity: request.Identity, problem: answer.Refused },
      });
      // What it has it keeps.
      return;
    }
    entry.refused.delete(key);
    const signed: Signed = { jwt: answer.JWT, expiresAt: answer.ExpiresAt };
    const lifeMs = answer.ExpiresAt === 0 ? null : Math.max(1, answer.ExpiresAt - answer.IssuedAt) * 1000;
    entry.held.set(key, { signed, signedAtMs, lifeMs, jitter: random.fraction() });
    if (before === undefined) return;
    for (const listener of this.#listeners) listener(request, signed);
  }

  #arm(entry: Entry): void {
    if (entry.gone.signal.aborted) return;
    entry.timer?.cancel();
    entry.timer = undefined;
    const { nextMs, due } = decideRenewal(entry.held, this.#needs.clock.nowMs());
    if (nextMs === null && due.length === 0) return;
    const waitMs = entry.refused.size > 0 ? Math.max(nextMs ?? 0, REFUSED_AGAIN_MS) : (nextMs ?? 0);
    entry.timer = this.#needs.clock.after(Math.min(waitMs, TIMER_MAX_MS), () => {
      entry.refused.clear();
      void this.#work(entry);
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

function refusal(key: string, why: string): NamedError {
  const [id, kind, name, ...more] = JSON.parse(key) as string[];
  const workload = kind === "task" ? name : more[0];
  return new NamedError(
    "IDENTITY_REFUSED",
    `Cannot sign identity "${more.at(-1)}" of ${kind} "${workload}" (allocation ${id?.slice(0, 8)}): ${why}`,
    {
      statusCode: 403,
    },
  );
}

function forgotten(id: AllocationId): NamedError {
  return new NamedError("IDENTITY_REFUSED", `Cannot sign identities of allocation ${id.slice(0, 8)}: it is over on this node`, {
    statusCode: 403,
  });
}
