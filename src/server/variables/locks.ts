/**
 * How long a lock is held that nobody renews. Who holds it stands in the state; that time passes is known here alone, so a server that was
 * restarted gives each lock its whole time anew.
 *
 *   locked ──► timer(TTL) ──renewed──► timer(TTL) …
 *                 └─ over ─► expiring: no renewal helps any more ──► variable-unlock, lost (tried until it is written)
 */
import type { SealedVariable } from "#model";
import type { Timer } from "#ports";
import type { Change } from "#state";
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";

const RETRY_MS = 1_000;

export interface VariableLocks {
  /** false: not held by this id, or lost already. */
  renew(of: Place, lockId: string): boolean;
  readonly held: number;
  close(): void;
}

type Place = Pick<SealedVariable, "Namespace" | "Path">;

interface Held {
  readonly place: Place;
  readonly id: string;
  readonly ttlMs: number;
  timer: Timer;
  expiring: boolean;
}

export function createVariableLocks({ cluster, clock, report }: ServerContext): VariableLocks {
  const all = new Map<string, Held>();
  let closed = false;

  function arm(variable: SealedVariable): void {
    const key = keyOf(variable);
    const known = all.get(key);
    const lock = variable.Lock;
    if (known?.id === lock?.ID) return;
    known?.timer.cancel();
    all.delete(key);
    if (lock === null) return;
    const ttlMs = lock.TTL / 1e6;
    const { Namespace, Path } = variable;
    const held: Held = { place: { Namespace, Path }, id: lock.ID, ttlMs, timer: clock.after(ttlMs, () => expire(held)), expiring: false };
    all.set(key, held);
  }

  function forget(place: Place): void {
    all.get(keyOf(place))?.timer.cancel();
    all.delete(keyOf(place));
  }

  function expire(held: Held): void {
    held.expiring = true;
    cluster.propose({ type: "variable-unlock", ...held.place, LockID: held.id, Lost: true }).then(
      // Refused: it was given back, or has gone, which was told by a change of its own.
      (outcome) => {
        if (outcome.ok) report({ level: "info", message: "lock of a variable was lost: it was not renewed", fields: { ...held.place } });
      },
      (thrown: unknown) => {
        if (closed || all.get(keyOf(held.place)) !== held) return;
        report({ level: "warn", message: "cannot end a lost lock yet", fields: { ...held.place, error: messageOf(thrown) } });
        held.timer = clock.after(RETRY_MS, () => expire(held));
      },
    );
  }

  function observe({ variables, goneVariables }: Change): void {
    for (const each of variables) arm(each);
    for (const each of goneVariables) forget(each);
  }

  const unsubscribe = cluster.state.watch.subscribe(observe);
  for (const variable of cluster.state.snapshot().variables("*")) if (variable.Lock !== null) arm(variable);
  return {
    renew(place, lockId) {
      const held = all.get(keyOf(place));
      if (held === undefined || held.id !== lockId || held.expiring) return false;
      held.timer.cancel();
      held.timer = clock.after(held.ttlMs, () => expire(held));
      return true;
    },
    get held() {
      return all.size;
    },
    close() {
      closed = true;
      unsubscribe();
      for (const { timer } of all.values()) timer.cancel();
    },
  };
}

function keyOf({ Namespace, Path }: Place): string {
  return `${Namespace}\u0000${Path}`;
}
