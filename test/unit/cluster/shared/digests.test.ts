import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#ports";
import { createVirtualClock } from "#integrations/memory";
import { Digests } from "../../../../src/cluster/shared/digests.ts";
import { Hand, job } from "../../state/nouns.ts";

const schedule = { everyEntries: 10, everyMs: 1e9 };

/** A state of so many jobs; each record digested takes a millisecond, by the clock. */
function world(jobs: number) {
  const hand = new Hand();
  const virtual = createVirtualClock();
  let spentMs = 0;
  let longestMs = 0;
  let sliceMs = 0;
  const clock: Clock = {
    nowMs: () => virtual.nowMs() + spentMs,
    nowNs: () => (virtual.nowMs() + spentMs) * 1e6,
    sleep: (delayMs) => virtual.sleep(delayMs),
    after(delayMs, task) {
      sliceMs = 0;
      return virtual.after(delayMs, task);
    },
  };
  const { state } = hand;
  const digesting = state.digesting.bind(state);
  state.digesting = () => {
    const steps = digesting();
    const next = (): IteratorResult<undefined, string> => {
      spentMs++;
      longestMs = Math.max(longestMs, ++sliceMs);
      return steps.next();
    };
    return { next };
  };
  const ending = new AbortController();
  const digests = new Digests({ state, clock, schedule, signal: ending.signal });
  let written = 0;
  const write = (count: number): void => {
    for (let n = 0; n < count; n++) {
      hand.register(job(`j${written++ % jobs}`), null);
      digests.applied();
    }
  };
  return { hand, state, digests, write, virtual, ending, longestMs: () => longestMs };
}

test("A digest is computed in slices of a few milliseconds, of the state at its index, though entries go on being applied", async () => {
  const { state, digests, write, virtual, longestMs } = world(60);
  // The first entry of a Hand has index 2.
  write(58);
  await virtual.advance(10_000);
  write(1);
  assert.equal(state.logIndex, 60);
  const wanted = state.digest();
  for (let n = 0; n < 5; n++) {
    await virtual.advance(5);
    write(1);
  }
  await virtual.advance(5_000);
  const last = digests.kept.at(-1);
  assert.deepEqual(last, { Index: 60, EpochId: "", Digest: wanted });
  assert.ok(longestMs() <= 5, `a slice took ${longestMs()} ms`);
});

test("One is computed at a time, the last four are kept, and those of a state that was replaced are dropped, also one under way", async () => {
  const { digests, write, virtual, state } = world(30);
  write(9);
  write(20);
  await virtual.advance(5_000);
  assert.deepEqual(
    digests.kept.map(({ Index }) => Index),
    [10],
    "what came due meanwhile is passed over",
  );
  for (let n = 0; n < 6; n++) {
    write(10);
    await virtual.advance(5_000);
  }
  assert.deepEqual(
    digests.kept.map(({ Index }) => Index),
    [60, 70, 80, 90],
  );
  write(10);
  await virtual.advance(13);
  digests.forget();
  assert.deepEqual(digests.kept, []);
  await virtual.advance(5_000);
  assert.deepEqual(digests.kept, []);
  write(10);
  await virtual.advance(5_000);
  assert.deepEqual(
    digests.kept.map(({ Index, Digest }) => [Index, Digest]),
    [[110, state.digest()]],
  );
});
