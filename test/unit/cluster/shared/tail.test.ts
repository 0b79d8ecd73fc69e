import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryDisk, createVirtualClock, openMemoryLog } from "#integrations/memory";
import type { SharedBatch, SharedLog } from "#ports";
import type { Codec, Envelope, State } from "#state";
import { Tail } from "../../../../src/cluster/shared/tail.ts";
import { Waiting } from "../../../../src/cluster/shared/requests.ts";
import { eventually } from "../../../eventually.ts";

/** A tail whose entries are their request ids; "bad" is one no state takes. */
function tailing() {
  const disk = createMemoryDisk();
  const ending = new AbortController();
  const during = { apply: (): void => undefined };
  const state = {
    logIndex: 0,
    leadership: { EpochID: "e" },
    apply(index: number, { requestId }: Envelope) {
      during.apply();
      if (requestId === "bad") throw new Error("no state takes it");
      this.logIndex = index;
      return { ok: true, index };
    },
  };
  const codec = { decode: (bytes: Uint8Array) => ({ requestId: Buffer.from(bytes).toString() }) };
  const tail = new Tail({
    log: openMemoryLog(disk),
    state: state as unknown as State,
    codec: codec as unknown as Codec,
    clock: createVirtualClock(),
    waiting: new Waiting(),
    warn: () => undefined,
    entryApplied: () => undefined,
    applied: () => undefined,
    changed: () => undefined,
    signal: ending.signal,
  });
  const coming: SharedBatch[] = [];
  let woken = Promise.withResolvers<void>();
  let last = 0;
  const shared = {
    async *follow(_from: number, signal: AbortSignal) {
      signal.addEventListener("abort", () => woken.resolve());
      while (!signal.aborted) {
        while (coming.length > 0) yield coming.shift();
        await woken.promise;
        woken = Promise.withResolvers();
      }
    },
  } as unknown as SharedLog;
  const come = (...entries: string[]): void => {
    coming.push({ FirstIndex: last + 1, EpochId: "e", PreviousEpochId: "e", Entries: entries.map((each) => Buffer.from(each)) });
    last += entries.length;
    woken.resolve();
  };
  return { during, disk, ending, state, tail, shared, come };
}

for (let turns = 0; turns < 16; turns++)
  test(`A batch that comes ${turns} turns after the disk has taken the one before is written too`, async () => {
    const { disk, ending, state, tail, shared, come } = tailing();
    const following = tail.follow(shared, ending.signal);
    const takes = Promise.withResolvers<void>();
    disk.beforeAppend = () => takes.promise;
    come("first");
    await new Promise(setImmediate);
    disk.beforeAppend = () => Promise.resolve();
    takes.resolve();
    for (let n = 0; n < turns; n++) await Promise.resolve();
    come("second");
    await eventually("it is applied", () => state.logIndex === 2, 1_000);
    ending.abort();
    await following;
  });

test("A server whose disk refuses, with as much waiting for it as may, ends when it is told to", async () => {
  const { disk, ending, tail, shared, come } = tailing();
  disk.beforeAppend = () => Promise.reject(new Error("it is full"));
  const following = tail.follow(shared, ending.signal);
  come("x".repeat(17 * 1024 * 1024));
  await eventually("it is stuck", () => tail.stuck !== undefined, 1_000);
  let over = false;
  void following.finally(() => (over = true));
  ending.abort();
  await eventually("it ended", () => over, 1_000);
});

test("Of a state that halted no snapshot is taken: who waits for the end of the batch is told so, and so is who asks later", async () => {
  const { ending, tail, shared, come, during } = tailing();
  const following = tail.follow(shared, ending.signal).catch(() => undefined);
  const taken: unknown[] = [];
  during.apply = () =>
    void tail
      .atBoundary(() => "taken")
      .then(
        (what) => taken.push(what),
        ({ code }) => taken.push(code),
      );
  come("good", "bad", "never");
  await eventually("who waits is told", () => taken.length === 2, 1_000);
  assert.deepEqual(taken, ["CLUSTER_HALTED", "CLUSTER_HALTED"]);
  await assert.rejects(
    tail.atBoundary(() => "taken"),
    { code: "CLUSTER_HALTED" },
  );
  ending.abort();
  await following;
});

test("What is taken at a boundary sees whole batches only", async () => {
  const { ending, state, tail, shared, come, during } = tailing();
  const following = tail.follow(shared, ending.signal);
  const seen: number[] = [];
  during.apply = () => void tail.atBoundary(() => seen.push(state.logIndex));
  come("a", "b", "c");
  come("d", "e");
  await eventually("all were taken", () => seen.length === 5, 1_000);
  assert.deepEqual(seen, [3, 3, 3, 5, 5]);
  ending.abort();
  await following;
});
