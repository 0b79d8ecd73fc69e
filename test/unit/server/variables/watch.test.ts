/** Waiting for paths: who is woken by what, and that nothing is left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { SealedVariable } from "#model";
import type { Change } from "#state";
import { createPathWatch } from "../../../../src/server/variables/watch.ts";

function stage() {
  const clock = createVirtualClock();
  const listeners = new Set<(change: Change) => void>();
  const state = {
    watch: { subscribe: (listener: (change: Change) => void) => (listeners.add(listener), () => void listeners.delete(listener)) },
  };
  const watch = createPathWatch(state, clock);
  const tell = (kind: "variables" | "goneVariables", Path: string, Namespace = "default") => {
    const change = { variables: [], goneVariables: [], [kind]: [{ Namespace, Path } as SealedVariable] } as unknown as Change;
    for (const listener of listeners) listener(change);
  };
  const woken: string[] = [];
  const wait = (name: string, Path: string, below = false, Namespace = "default") =>
    void watch.touched({ Namespace, Path, below }, 1_000).then((touched) => woken.push(`${name} ${touched}`));
  const settled = async () => (await clock.settle(), woken.splice(0).toSorted());
  return { clock, watch, tell, wait, settled, listeners };
}

test("a path wakes who waits for it, or for any beginning of it, the empty and the whole one too; in its namespace alone", async () => {
  for (const kind of ["variables", "goneVariables"] as const) {
    const { watch, tell, wait, settled } = stage();
    wait("exact", "app/db");
    wait("again", "app/db");
    wait("all", "", true);
    wait("begins", "app/d", true);
    wait("whole", "app/db", true);
    wait("longer", "app/db/x");
    wait("longer below", "app/db/", true);
    wait("beside", "app", false);
    wait("elsewhere", "app/db", false, "prod");
    wait("all elsewhere", "", true, "prod");
    tell(kind, "app/db");
    assert.deepEqual(await settled(), ["again true", "all true", "begins true", "exact true", "whole true"], kind);
    assert.equal(watch.waiting, 5);
    watch.close();
    assert.equal((await settled()).length, 5);
  }
});

test("who waits too long hears that nothing came; nothing is left of who does not wait any more", async () => {
  const { clock, watch, tell, wait, settled, listeners } = stage();
  wait("one", "app");
  wait("two", "app", true);
  await clock.advance(999);
  assert.deepEqual(await settled(), []);
  await clock.advance(1);
  assert.deepEqual(await settled(), ["one false", "two false"]);
  assert.deepEqual([watch.waiting, clock.pending], [0, 0]);
  wait("three", "app");
  tell("variables", "app");
  assert.deepEqual(await settled(), ["three true"]);
  assert.deepEqual([watch.waiting, clock.pending], [0, 0]);
  wait("four", "app");
  watch.close();
  assert.deepEqual(await settled(), ["four false"]);
  assert.deepEqual([watch.waiting, clock.pending, listeners.size], [0, 0, 0]);
});
