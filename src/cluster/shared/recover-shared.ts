/**
 * Offline, by an operator: the shared log is gone, or tells another story, and this server's disk is to be the truth. What the shared log held is
 * forgotten; it goes on after this disk's last entry. Servers that hold less take a snapshot from this one; servers that hold more refuse.
 */
import type { Clock, Log, SharedLog, SnapshotStore } from "#ports";
import { createCodec } from "#state";
import { type MakerDisk, writeMakerRecord } from "../maker.ts";
import { recover } from "../recover.ts";

export interface RecoverSharedOptions {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly disk: MakerDisk;
  readonly shared: SharedLog;
  readonly clock: Clock;
}

/** What the cluster goes on from. NamedErrors as startCluster and SharedLog.replace. */
export async function recoverShared(options: RecoverSharedOptions): Promise<{ readonly clusterId: string; readonly lastIndex: number }> {
  const { log, snapshots, disk, shared, clock } = options;
  const { state } = await recover(log, snapshots, createCodec(), { clock, mayRunAhead: true });
  const { clusterId } = log;
  const head = { ClusterId: clusterId, EpochId: state.leadership?.EpochID ?? "", LastIndex: state.logIndex };
  if ((await shared.head()) !== null || !(await shared.create(head))) await shared.replace(head);
  await writeMakerRecord(disk, { maker: "consul", clusterId });
  return { clusterId, lastIndex: state.logIndex };
}
