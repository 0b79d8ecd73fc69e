import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { SharedLog } from "#ports";
import { NamedError } from "#std";
import { parted } from "../../../../src/cluster/problems.ts";
import { Following, type FollowingOptions } from "../../../../src/cluster/shared/following.ts";

/** A server that follows, of a cluster of two; the other refuses its snapshot with `refusal`. */
function oneOfTwo(refusal: NamedError) {
  const clock = createVirtualClock();
  const ending = new AbortController();
  const told: string[] = [];
  const head = { ClusterId: "c-1", Epoch: 1, EpochId: "e", LastIndex: 5, Floor: 1 };
  const other = { ServerId: "s-2", Name: "s-2", RpcAddress: "s-2:4647", SyncedIndex: 5 };
  const asked = { snapshots: 0 };
  const leading = { rests: Promise.resolve() };
  const refuse = async function* (): AsyncGenerator<Uint8Array> {
    asked.snapshots++;
    yield await Promise.reject(refusal);
  };
  const untilEnded = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
  const following = new Following({
    server: { serverId: "s-1", clock, log: { clusterId: "c-1" }, peers: { at: () => ({ snapshot: refuse }) } },
    state: { logIndex: 5, leadership: { EpochID: "e" } },
    tail: { follow: (_shared: SharedLog, signal: AbortSignal) => untilEnded(signal) },
    compactor: { instead: (fetch: () => Promise<number>) => fetch() },
    waiting: { lookAgain: () => undefined },
    retryMs: 1_000,
    discardRestMs: 60_000,
    rested: () => leading.rests,
    belongs: "c-1",
    founds: false,
    warn: (message: string) => void told.push(message),
    tell: () => undefined,
    signal: ending.signal,
  } as unknown as FollowingOptions);
  const shared = { head: async () => head, reports: async () => [other], leader: other } as unknown as SharedLog;
  const run = following.run(shared);
  const discard = (): void => following.discard({ kind: "diverged", index: 5, ownDigest: "x", digest: "y", agreeing: [other as never] });
  const end = async (): Promise<void> => {
    ending.abort(new Error("the test is over"));
    await run;
  };
  return { clock, following, told, asked, leading, discard, end };
}

test("Of two servers that each take the other's state for the right one both go on with theirs: neither waits for the other for ever", async () => {
  const { clock, following, told, asked, discard, end } = oneOfTwo(parted());
  await clock.settle();
  discard();
  await clock.advance(5_000);
  assert.deepEqual([following.isParted, following.follows, following.discards, asked.snapshots], [false, true, 1, 1]);
  assert.match(told.at(-1) ?? "", /has parted from the others'/);
  discard();
  assert.deepEqual([following.isParted, following.discards], [false, 1], "not again at once");
  await end();
});

test("A wrong state is not gone on with while the server that is right gives no snapshot yet", async () => {
  const { clock, following, asked, discard, end } = oneOfTwo(new NamedError("PEER_UNREACHABLE", "it is down"));
  await clock.settle();
  discard();
  await clock.advance(5_000);
  assert.deepEqual([following.isParted, following.follows], [true, false]);
  assert.ok(asked.snapshots > 2);
  await end();
});

test("A wrong state is not replaced while what its server did as the leader is still under way", async () => {
  const { clock, following, asked, leading, discard, end } = oneOfTwo(parted());
  const resting = Promise.withResolvers<void>();
  leading.rests = resting.promise;
  await clock.settle();
  discard();
  await clock.advance(5_000);
  assert.deepEqual([following.isParted, asked.snapshots], [true, 0]);
  resting.resolve();
  await clock.advance(100);
  assert.equal(asked.snapshots, 1);
  await end();
});
