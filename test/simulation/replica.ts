/**
 * Servers that only follow: they apply the bytes of the log, entry by entry, and must come to the same state. What differs would be a
 * clock, chance or a map's order that got into an apply; of one restored from a snapshot, something the snapshot does not hold.
 */
import assert from "node:assert/strict";
import type { MemoryDisk } from "#integrations/memory";
import type { Clock } from "#ports";
import { createCodec, createState, restoreState, type State } from "#state";

export interface Replica {
  readonly state: State;
  /** Applies what the log has grown by. */
  follow(disk: MemoryDisk): void;
  /** Equal to `state` at its index. Walks the whole state. */
  compare(state: State): void;
}

/** From the log's beginning. */
export function createReplica(clock: Clock): Replica {
  return following(createState({ clock }), 0, "the replica");
}

/** From what another saved now; goes on with the log. */
export async function restoreReplica(clock: Clock, of: State): Promise<Replica> {
  const { index } = of;
  return following(await restoreState(of.save(), { clock }), index, `the replica restored at index ${index}`);
}

function following(state: State, from: number, who: string): Replica {
  const codec = createCodec();
  let applied = from;
  return {
    state,
    follow(disk) {
      assert.ok(disk.firstIndex <= applied + 1, `the log was cut before ${who} had read it`);
      for (let index = applied + 1; index < disk.firstIndex + disk.entries.length; index++) {
        state.apply(index, codec.decode(disk.entries[index - disk.firstIndex] as Uint8Array));
        applied = index;
      }
    },
    compare(other) {
      assert.equal(state.index, other.index);
      assert.equal(state.digest(), other.digest(), `${who} differs at index ${other.index}`);
    },
  };
}
