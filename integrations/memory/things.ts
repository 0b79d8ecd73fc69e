/**
 * Things from a map in this process: for tests and simulations. Values change when told to; the system can be out of reach, forget tokens, deny
 * them, and hands out credentials of its own making, with leases, for things that were declared so.
 */
import { thingKey, type Clock, type Lease, type Random, type Reading, type Thing, type ThingSource, type ThingSystem } from "#ports";
import { NamedError } from "#std";

export interface MemoryLease {
  readonly id: string;
  readonly token: string;
  readonly thing: Thing;
  readonly endsAtMs: number;
  /** Not renewed beyond. */
  readonly lastAtMs: number;
  /** What was answered with it. */
  readonly value: unknown;
}

export interface MemoryThings extends ThingSource {
  reachable: boolean;
  /** undefined: every token is known. */
  tokens: Set<string> | undefined;
  /** What is thrown at every read; undefined: nothing. */
  broken: NamedError | undefined;
  /** May this token read it? */
  allowed: (thing: Thing, token: string) => boolean;
  /** Leases that a token may give back; others are THING_DENIED. */
  mayRevoke: (token: string) => boolean;
  /** Called when a lease was made, before it is answered. */
  made: (lease: MemoryLease) => void;
  /** undefined takes it away. */
  set(thing: Thing, value: unknown): void;
  value(thing: Thing): unknown;
  /** From now on each read of it makes credentials; `maxMs`: renewed no longer than this. */
  lend(thing: Thing, how: { readonly lifeMs: number; readonly maxMs: number; readonly renewable?: boolean }): void;
  /** The token is gone, and its leases with it. */
  forgetToken(token: string): void;
  /** Those that live. */
  readonly leases: ReadonlyMap<string, MemoryLease>;
  readonly counts: { readonly reads: number; readonly waiting: number; readonly most: number; readonly made: number };
  /** Reads since the last call: thing and token, and whether it waited. */
  log(): readonly { readonly key: string; readonly token: string; readonly waits: boolean }[];
}

export function createMemoryThings(how: {
  readonly system: ThingSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** null: reads wait for a change. Else: look again after so long. */
  readonly againMs?: number | null;
  readonly waitMs?: number;
  readonly delayMs?: number;
}): MemoryThings {
  const { system, clock, random, againMs = null, waitMs = 60_000, delayMs = 0 } = how;
  const values = new Map<string, { value: unknown; index: number }>();
  const lent = new Map<string, { lifeMs: number; maxMs: number; renewable: boolean }>();
  const leases = new Map<string, MemoryLease>();
  const waiters = new Set<() => void>();
  let index = 1;
  const counts = { reads: 0, waiting: 0, most: 0, made: 0 };
  let inside = 0;
  let seen: { key: string; token: string; waits: boolean }[] = [];

  const sweep = () => {
    for (const [id, { endsAtMs }] of leases) if (endsAtMs <= clock.nowMs()) leases.delete(id);
  };
  const check = (thing: Thing, token: string) => {
    sweep();
    if (!things.reachable) throw new NamedError("THING_UNREACHABLE", "Cannot read it: the system does not answer", { statusCode: 503 });
    if (things.tokens !== undefined && !things.tokens.has(token)) {
      throw new NamedError("THING_TOKEN_UNKNOWN", "Cannot read it: the token is not known", { statusCode: 403 });
    }
    if (thing.name === "") return;
    if (things.broken !== undefined) throw things.broken;
    if (thing.name.includes("\0")) throw new NamedError("THING_INVALID", "Cannot read it: the path is not right", { statusCode: 400 });
    if (!things.allowed(thing, token)) {
      throw new NamedError("THING_DENIED", "permission denied: no policy allows it", { statusCode: 403, fix: "Allow it." });
    }
  };
  const lend = (thing: Thing, token: string): Reading => {
    const terms = lent.get(thingKey(thing)) as { lifeMs: number; maxMs: number; renewable: boolean };
    counts.made++;
    const id = `lease-${random.uuid()}`;
    const value = { Data: { username: `user-${counts.made}`, password: random.uuid() } };
    const nowMs = clock.nowMs();
    const lease: MemoryLease = { id, token, thing, endsAtMs: nowMs + terms.lifeMs, lastAtMs: nowMs + terms.maxMs, value };
    leases.set(id, lease);
    things.made(lease);
    return { value, index: "", againMs: null, private: true, lease: { id, durationMs: terms.lifeMs, renewable: terms.renewable } };
  };
  const answer = (thing: Thing): Reading => {
    const { value, index: at } = values.get(thingKey(thing)) ?? { value: undefined, index: 1 };
    return { value: structuredClone(value), index: againMs === null ? String(at) : "", againMs, private: false, lease: null };
  };
  const arrive = async () => {
    if (delayMs > 0) await clock.sleep(delayMs);
  };
  /** Until something changes anywhere, time is up, or the reader has gone. */
  const wait = async (signal: AbortSignal, untilMs: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(untilMs - clock.nowMs(), resolve);
    const wake = () => resolve();
    waiters.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    counts.waiting++;
    await promise;
    counts.waiting--;
    signal.removeEventListener("abort", wake);
    waiters.delete(wake);
    timer.cancel();
    signal.throwIfAborted();
  };
  const wake = () => {
    for (const each of waiters) each();
  };

  const things: MemoryThings = {
    system,
    get reachable() {
      return reachable;
    },
    set reachable(now) {
      reachable = now;
      wake();
    },
    tokens: undefined,
    broken: undefined,
    allowed: () => true,
    mayRevoke: () => true,
    made: () => {},
    leases,
    counts,
    log() {
      const all = seen;
      seen = [];
      return all;
    },
    async read(thing, { token, after, signal }) {
      counts.reads++;
      seen.push({ key: thingKey(thing), token, waits: after !== "" });
      if (after === "") counts.most = Math.max(counts.most, ++inside);
      try {
        await arrive();
      } finally {
        if (after === "") inside--;
      }
      signal.throwIfAborted();
      const untilMs = clock.nowMs() + waitMs;
      for (;;) {
        check(thing, token);
        if (lent.has(thingKey(thing))) return lend(thing, token);
        const now = answer(thing);
        if (after === "" || now.index !== after || clock.nowMs() >= untilMs) return now;
        await wait(signal, untilMs);
      }
    },
    async renew(lease: Lease, token) {
      await arrive();
      check({ system, kind: "", name: "", options: {} }, token);
      const known = leases.get(lease.id);
      if (known === undefined) throw new NamedError("THING_INVALID", "Cannot renew a lease: it is not known", { statusCode: 400 });
      const terms = lent.get(thingKey(known.thing));
      const endsAtMs = Math.min(clock.nowMs() + (terms?.lifeMs ?? lease.durationMs), known.lastAtMs);
      leases.set(lease.id, { ...known, endsAtMs });
      return { id: lease.id, durationMs: endsAtMs - clock.nowMs(), renewable: true };
    },
    async revoke(leaseId, token) {
      await arrive();
      check({ system, kind: "", name: "", options: {} }, token);
      if (!things.mayRevoke(token)) throw new NamedError("THING_DENIED", "permission denied: no policy allows it", { statusCode: 403 });
      leases.delete(leaseId);
    },
    set(thing, value) {
      values.set(thingKey(thing), { value, index: ++index });
      wake();
    },
    value: (thing) => values.get(thingKey(thing))?.value,
    lend(thing, { lifeMs, maxMs, renewable = true }) {
      lent.set(thingKey(thing), { lifeMs, maxMs, renewable });
      wake();
    },
    forgetToken(token) {
      things.tokens?.delete(token);
      for (const [id, lease] of leases) if (lease.token === token) leases.delete(id);
      wake();
    },
  };
  let reachable = true;
  return things;
}
