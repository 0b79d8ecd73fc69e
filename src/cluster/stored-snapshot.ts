/** The newest snapshot on this server's disk, for others; written first when there is none that is new enough. */
import type { SnapshotStore } from "#ports";
import type { State } from "#state";
import { NamedError } from "#std";
import type { Compactor } from "./compactor.ts";
import { framed } from "./snapshot-stream.ts";

export interface StoredSnapshots {
  readonly snapshots: SnapshotStore;
  readonly clusterId: string;
  readonly state: State;
  readonly compactor: Compactor;
}

/** Index: the log's. NamedError SNAPSHOT_BEHIND (503): this server has not come so far itself. */
export async function* storedSnapshot(of: StoredSnapshots, atLeastIndex: number): AsyncGenerator<Uint8Array> {
  const newest = async () => (await of.snapshots.list()).find((index) => index >= atLeastIndex);
  if (of.state.logIndex < atLeastIndex) throw tooYoung(of.state.logIndex, atLeastIndex);
  if ((await newest()) === undefined) await of.compactor.compact();
  // One that was under way may have been taken too early.
  if ((await newest()) === undefined) await of.compactor.compact();
  const index = await newest();
  if (index === undefined) throw tooYoung(of.state.logIndex, atLeastIndex);
  yield* framed({ clusterId: of.clusterId, index }, of.snapshots.open(index));
}

function tooYoung(has: number, wanted: number): NamedError {
  return new NamedError("SNAPSHOT_BEHIND", `Cannot send snapshot: index ${wanted} is wanted, this server is at ${has}`, {
    statusCode: 503,
  });
}
