/** The time of locks, second by second: who keeps one, when it ends, and what happens when its end cannot be written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "#cluster";
import { createVirtualClock } from "#integrations/memory";
import type { SealedVariable } from "#model";
import type { Change, Command, Outcome } from "#state";
import type { ServerContext } from "../../../../src/server/context.ts";
import { createVariableLocks } from "../../../../src/server/variables/locks.ts";

const TTL_MS = 10_000;
const lockOf = (ID: string) => ({ ID, TTL: TTL_MS * 1e6, LockDelay: 0 });
const variable = (Lock: SealedVariable["Lock"]) => ({ Namespace: "default", Path: "app", Lock }) as SealedVariable;
const PLACE = { Namespace: "default", Path: "app" } as const;

function stage(stored: readonly SealedVariable[] = []) {
  const clock = createVirtualClock();
  const proposed: Command[] = [];
  const listeners = new Set<(change: Change) => void>();
  let refuse: Error | undefined;
  const cluster = {
    state: {
      snapshot: () => ({ variables: () => stored }),
      watch: { subscribe: (listener: (change: Change) => void) => (listeners.add(listener), () => listeners.delete(listener)) },
    },
    propose: async (command: Command): Promise<Outcome> => {
      proposed.push(command);
      if (refuse !== undefined) throw refuse;
      return { ok: true, index: 1 } as Outcome;
    },
  } as unknown as Cluster;
  const locks = createVariableLocks({ cluster, clock, report: () => undefined } as unknown as ServerContext);
  const tell = (change: Partial<Change>) => {
    for (const listener of listeners) listener({ variables: [], goneVariables: [], ...change } as Change);
  };
  return { clock, locks, proposed, tell, listeners, fail: (error: Error | undefined) => void (refuse = error) };
}

test("a lock ends a TTL after it was last renewed, by who holds it; a write by its holder gives it no time", async () => {
  const { clock, locks, proposed, tell } = stage();
  tell({ variables: [variable(lockOf("one"))] });
  await clock.advance(9_000);
  assert.equal(locks.renew(PLACE as never, "another"), false);
  assert.equal(locks.renew(PLACE as never, "one"), true);
  await clock.advance(9_000);
  tell({ variables: [variable(lockOf("one"))] });
  await clock.advance(999);
  assert.equal(proposed.length, 0);
  await clock.advance(1);
  assert.deepEqual(proposed, [{ type: "variable-unlock", ...PLACE, LockID: "one", Lost: true }]);
  locks.close();
});

test("what is released, given to another or deleted is not ended again", async () => {
  for (const change of [{ variables: [variable(null)] }, { goneVariables: [variable(lockOf("one"))] }]) {
    const { clock, locks, proposed, tell } = stage();
    tell({ variables: [variable(lockOf("one"))] });
    assert.equal(locks.held, 1);
    tell(change);
    assert.equal(locks.held, 0);
    assert.equal(locks.renew(PLACE as never, "one"), false);
    await clock.advance(60_000);
    assert.deepEqual([proposed.length, clock.pending], [0, 0]);
    locks.close();
  }
  const { clock, locks, proposed, tell } = stage();
  tell({ variables: [variable(lockOf("one"))] });
  await clock.advance(9_000);
  tell({ variables: [variable(lockOf("two"))] });
  await clock.advance(9_999);
  assert.equal(proposed.length, 0);
  await clock.advance(1);
  assert.deepEqual(
    proposed.map((command) => (command as { LockID?: string }).LockID),
    ["two"],
  );
  locks.close();
});

test("an end that cannot be written is tried again each second, and no renewal helps meanwhile: its holder was told it is lost", async () => {
  const { clock, locks, proposed, tell, fail } = stage([variable(lockOf("one"))]);
  fail(new Error("no majority"));
  await clock.advance(TTL_MS);
  assert.equal(proposed.length, 1);
  assert.equal(locks.renew(PLACE as never, "one"), false);
  await clock.advance(3_000);
  assert.equal(proposed.length, 4);
  fail(undefined);
  await clock.advance(1_000);
  assert.equal(proposed.length, 5);
  tell({ variables: [variable(null)] });
  await clock.advance(60_000);
  assert.deepEqual([proposed.length, locks.held, clock.pending], [5, 0, 0]);
});

test("closed, it ends nothing and follows nothing", async () => {
  const { clock, locks, proposed, listeners, fail } = stage([variable(lockOf("one"))]);
  fail(new Error("no majority"));
  await clock.advance(TTL_MS);
  locks.close();
  await clock.advance(60_000);
  assert.deepEqual([proposed.length, listeners.size, clock.pending], [1, 0, 0]);
});
