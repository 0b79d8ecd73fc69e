/**
 * A whole snapshot from another server, for one that the shared log has left behind, or whose own state is wrong. It counts when it is complete
 * and its sum is right: kept on the own disk first, then the own log goes on after it, then the state becomes it. A crash in between ends in one
 * of the two.
 */
import type { Clock, Log, Peers, ServerReport, SharedLog, SnapshotStore } from "#ports";
import type { State } from "#state";
import { messageOf, NamedError } from "#std";
import { SNAPSHOTS_KEPT } from "../limits.ts";
import { parted } from "../problems.ts";
import { unframed } from "../snapshot-stream.ts";

export interface FetchOptions {
  readonly serverId: string;
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly state: State;
  readonly shared: SharedLog;
  readonly peers: Peers;
  readonly clock: Clock;
}

export interface WantedSnapshot {
  readonly atLeastIndex: number;
  /** Set: the own state is wrong. Only these servers' will do, the same index will do, and no older snapshot stays. */
  readonly insteadFrom?: readonly string[];
}

/**
 * The index it has come to. NamedError SNAPSHOT_NOWHERE (503): no server could give one, with why for each. CLUSTER_STATE_PARTED (503): none of
 * those that were to replace this state trusts its own any more.
 */
export async function fetchSnapshot(options: FetchOptions, wanted: WantedSnapshot): Promise<number> {
  const problems: string[] = [];
  let partedToo = 0;
  for (const { Name, RpcAddress } of await sources(options, wanted)) {
    try {
      return await fetchFrom(options, RpcAddress, wanted);
    } catch (thrown) {
      problems.push(`"${Name}": ${messageOf(thrown)}`);
      if (thrown instanceof NamedError && thrown.code === parted().code) partedToo++;
    }
  }
  if (wanted.insteadFrom !== undefined && partedToo > 0 && partedToo === problems.length) throw parted();
  const need =
    wanted.insteadFrom === undefined
      ? "Cannot catch up: the shared log no longer reaches back"
      : "Cannot replace this server's state, which has parted from the others'";
  const why = problems.length === 0 ? "no other server is known" : problems.join("; ");
  throw new NamedError("SNAPSHOT_NOWHERE", `${need}, and no server gives a snapshot: ${why}`, {
    statusCode: 503,
    fix: "Start the other servers of this cluster.",
  });
}

/** The leader first: it is the one that holds the shared log's cut back meanwhile. */
async function sources({ shared, serverId }: FetchOptions, { insteadFrom }: WantedSnapshot): Promise<readonly ServerReport[]> {
  const leaderId = shared.leader?.ServerId;
  const may = (id: string): boolean => id !== serverId && (insteadFrom === undefined || insteadFrom.includes(id));
  const others = (await shared.reports()).filter(({ ServerId }) => may(ServerId));
  return [...others].sort((a, b) => Number(b.ServerId === leaderId) - Number(a.ServerId === leaderId) || b.SyncedIndex - a.SyncedIndex);
}

async function fetchFrom(
  { peers, log, snapshots, state }: FetchOptions,
  address: string,
  { atLeastIndex, insteadFrom }: WantedSnapshot,
): Promise<number> {
  const { head, chunks } = await unframed(peers.at(address).snapshot(atLeastIndex));
  const replaces = insteadFrom !== undefined;
  if (head.clusterId !== log.clusterId) throw new Error(`it belongs to cluster "${head.clusterId}"`);
  if (head.index < atLeastIndex || (head.index <= state.logIndex && !replaces)) throw new Error(`its snapshot is of index ${head.index}`);
  await snapshots.save(head.index, chunks, replaces ? 1 : SNAPSHOTS_KEPT);
  await log.reset({ afterIndex: head.index, clusterId: log.clusterId });
  await state.load(snapshots.open(head.index));
  return head.index;
}
