/**
 * A second server that only follows: it applies the bytes of the log, entry by entry, and must come to the same state. What differs
 * would be a clock, chance or a map's order that got into an apply.
 */
import assert from "node:assert/strict";
import type { MemoryDisk } from "#integrations/memory";
import type { Clock } from "#ports";
import { createCodec, createState, type State } from "#state";

export interface Replica {
  readonly state: State;
  /** Applies what the log has grown by. */
  follow(disk: MemoryDisk): void;
  /** Equal to `state` at its index. Walks the whole state. */
  compare(state: State): void;
}

export function createReplica(clock: Clock): Replica {
  const state = createState({ clock });
  const codec = createCodec();
  let applied = 0;
  return {
    state,
    follow(disk) {
      assert.ok(disk.firstIndex <= applied + 1, "the log was cut before the replica had read it");
      for (let index = applied + 1; index < disk.firstIndex + disk.entries.length; index++) {
        state.apply(index, codec.decode(disk.entries[index - disk.firstIndex] as Uint8Array));
        applied = index;
      }
    },
    compare(other) {
      assert.equal(state.index, other.index);
      assert.equal(state.digest(), other.digest(), `the replica differs at index ${other.index}`);
    },
  };
}
