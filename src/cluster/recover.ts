/**
 * From what is on disk to a state: the newest snapshot that can be read, then every entry of the log after it. Refuses what does not
 * fit together rather than starting with a hole.
 */
import type { Clock, Log, SnapshotStore } from "#ports";
import { type Codec, createState, restoreState, type State, type StateOptions } from "#state";
import { messageOf, NamedError } from "#std";
import { APPLY_SLICE_MS } from "./limits.ts";

export interface Recovered {
  readonly state: State;
  /** Index of the snapshot it came from; 0 when there was none. */
  readonly snapshotIndex: number;
  /** Snapshots that could not be read, for the log of the agent. */
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
}

export interface RecoverOptions extends StateOptions {
  /** A snapshot above the log was fetched from another server of the cluster: the log goes on after it. */
  readonly mayRunAhead?: boolean;
}

export async function recover(log: Log, snapshots: SnapshotStore, codec: Codec, options: RecoverOptions): Promise<Recovered> {
  const unreadable: { index: number; reason: string }[] = [];
  for (const index of await snapshots.list()) {
    // Entries between the snapshot and the log must not be missing; an older snapshot would have a larger hole.
    if (index > log.lastIndex && options.mayRunAhead !== true) throw logBehind(index, log);
    if (index < log.firstIndex - 1) break;
    const state = await readSnapshot(snapshots, index, options, unreadable);
    if (state === undefined) continue;
    if (index > log.lastIndex) await log.reset({ afterIndex: index, clusterId: log.clusterId });
    await replay(state, index, log, codec, options.clock);
    return { state, snapshotIndex: index, unreadable };
  }
  if (log.firstIndex > 1) throw noSnapshot(log, unreadable);
  const state = createState(options);
  await replay(state, 0, log, codec, options.clock);
  return { state, snapshotIndex: 0, unreadable };
}

async function readSnapshot(
  snapshots: SnapshotStore,
  index: number,
  options: StateOptions,
  unreadable: { index: number; reason: string }[],
): Promise<State | undefined> {
  try {
    const state = await restoreState(snapshots.open(index), options);
    if (state.logIndex === index) return state;
    unreadable.push({ index, reason: `it holds index ${state.logIndex}` });
  } catch (thrown) {
    unreadable.push({ index, reason: messageOf(thrown) });
  }
  return undefined;
}

async function replay(state: State, after: number, log: Log, codec: Codec, clock: Clock): Promise<void> {
  let expected = after + 1;
  let sliceStart = clock.nowMs();
  for await (const batch of log.read(expected)) {
    for (const { index, data } of batch) {
      if (index !== expected) throw new NamedError("LOG_CORRUPT", `Cannot replay log: entry ${index} follows ${expected - 1}`);
      state.apply(index, codec.decode(data));
      expected++;
      if (clock.nowMs() - sliceStart < APPLY_SLICE_MS) continue;
      await turn();
      sliceStart = clock.nowMs();
    }
  }
}

/** Lets the event loop go round once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function logBehind(index: number, log: Log): NamedError {
  return new NamedError(
    "LOG_BEHIND_SNAPSHOT",
    `Cannot start from log: it ends at index ${log.lastIndex}, a snapshot of index ${index} is there`,
    {
      fix: "The log was replaced or restored from an older copy: restore the whole data directory from one backup.",
    },
  );
}

function noSnapshot(log: Log, unreadable: Recovered["unreadable"]): NamedError {
  const why =
    unreadable.length === 0 ? "there is no snapshot" : unreadable.map(({ index, reason }) => `snapshot ${index}: ${reason}`).join("; ");
  return new NamedError("SNAPSHOT_UNREADABLE", `Cannot start from log: it begins at index ${log.firstIndex}, and ${why}`, {
    fix: "Restore the data directory from a backup.",
  });
}
