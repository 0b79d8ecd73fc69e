import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { createMemoryDisk, openMemorySnapshots } from "#integrations/memory";
import { fetchSnapshot, type FetchOptions } from "../../../../src/cluster/shared/fetch.ts";
import { framed } from "../../../../src/cluster/snapshot-stream.ts";

/** A server at index 9 with snapshots of 4 and 8, in a cluster of three; the others give theirs, of 9. */
async function oneOfThree() {
  const snapshots = openMemorySnapshots(createMemoryDisk());
  for (const index of [4, 8]) await snapshots.save(index, Readable.from([Buffer.from("wrong")]), 2);
  const asked: string[] = [];
  const log = {
    clusterId: "c-1",
    resets: [] as number[],
    reset: async (to: { afterIndex: number }) => void log.resets.push(to.afterIndex),
  };
  const state = { logIndex: 9, loaded: 0, load: async () => void state.loaded++ };
  const reports = ["s-1", "s-2", "s-3"].map((ServerId) => ({ ServerId, Name: ServerId, RpcAddress: ServerId, SyncedIndex: 9 }));
  const options = {
    serverId: "s-1",
    log,
    snapshots,
    state,
    shared: { reports: async () => reports, leader: reports[1] },
    peers: {
      at: (address: string) => ({
        snapshot() {
          asked.push(address);
          return framed({ clusterId: "c-1", index: 9 }, Readable.from([Buffer.from("right")]));
        },
      }),
    },
  } as unknown as FetchOptions;
  return { options, snapshots, asked, log, state };
}

test("A wrong state is replaced by that of the servers that are right alone, at the same index too, and no snapshot of before stays", async () => {
  const { options, snapshots, asked, log, state } = await oneOfThree();
  assert.equal(await fetchSnapshot(options, { atLeastIndex: 9, insteadFrom: ["s-3"] }), 9);
  assert.deepEqual(asked, ["s-3"]);
  assert.deepEqual(await snapshots.list(), [9]);
  assert.deepEqual([log.resets, state.loaded], [[9], 1]);
});

test("A server that was left behind asks the leader first, takes nothing it has itself, and keeps what it had", async () => {
  const { options, snapshots, asked, log, state } = await oneOfThree();
  await assert.rejects(fetchSnapshot(options, { atLeastIndex: 9 }), {
    code: "SNAPSHOT_NOWHERE",
    message: /"s-3": its snapshot is of index 9/,
  });
  assert.deepEqual(asked, ["s-2", "s-3"]);
  assert.deepEqual(await snapshots.list(), [8, 4]);
  assert.deepEqual([log.resets, state.loaded], [[], 0]);
});
