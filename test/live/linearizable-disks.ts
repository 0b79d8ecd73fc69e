/** What servers that were killed have on their disks: copies of them, replayed to the same index, and a digest of each state. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createHostClock, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { createCodec } from "#state";
import { recover } from "../../src/cluster/recover.ts";
import { dataOf } from "./linearizable-faults.ts";
import type { ClusterMachine } from "./parts/cluster-world.ts";

/** Of each machine, at the newest index that any of them has. */
export async function digestsOf(
  machines: readonly ClusterMachine[],
): Promise<{ readonly index: number; readonly behind: number; readonly digests: string[] }> {
  const clock = createHostClock({ keepAlive: true });
  const disks = await Promise.all(
    machines.map(async (machine) => {
      const copy = join(machine.folder, "copy");
      await machine.host.must("cp", "-a", join(dataOf(machine), "server"), copy);
      const log = await openSqliteLog({ path: join(copy, "log.sqlite"), clusterId: "" });
      const { state } = await recover(log, openSnapshotStore(join(copy, "snapshots")), createCodec(), { clock, mayRunAhead: true });
      return { name: machine.name, log, state };
    }),
  );
  try {
    const newest = disks.toSorted((a, b) => b.state.logIndex - a.state.logIndex)[0];
    assert.ok(newest);
    const index = newest.state.logIndex;
    const behind = Math.max(...disks.map(({ state }) => index - state.logIndex));
    for (const { name, state } of disks) {
      if (state.logIndex === index) continue;
      const codec = createCodec();
      for await (const batch of newest.log.read(state.logIndex + 1))
        for (const entry of batch) {
          assert.equal(entry.index, state.logIndex + 1, `${name} is behind what ${newest.name} still holds`);
          state.apply(entry.index, codec.decode(entry.data));
        }
    }
    return { index, behind, digests: disks.map(({ state }) => state.digest()) };
  } finally {
    for (const { log } of disks) await log.close();
  }
}
