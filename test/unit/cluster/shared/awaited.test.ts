/** What a server answers before there is a cluster: what it waits for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startSharedCluster } from "#cluster";
import {
  createMemoryDisk,
  createMemoryPeerNetwork,
  createSeededRandom,
  createVirtualClock,
  openMemoryLog,
  openMemorySnapshots,
} from "#integrations/memory";

test("Who asks a server that has met too few others is told so, not that something does not answer", async () => {
  const disk = createMemoryDisk("c-1");
  let awaited = "";
  const cluster = await startSharedCluster({
    serverId: "s1",
    name: "s1.global",
    rpcAddress: "s1:4647",
    httpAddress: "s1:4646",
    bootstrap: true,
    log: openMemoryLog(disk),
    snapshots: openMemorySnapshots(disk),
    disk: { read: async () => undefined, write: async () => undefined },
    shared: new Promise(() => undefined),
    awaited: () => awaited,
    peers: createMemoryPeerNetwork().peers("s1:4647"),
    clock: createVirtualClock(),
    random: createSeededRandom(1),
  });
  try {
    await assert.rejects(cluster.read(), { code: "CLUSTER_NO_LEADER", message: /the shared log does not answer yet/ });
    awaited = "no cluster is here yet: 1 of 3 expected servers have met";
    await assert.rejects(cluster.read(), { code: "CLUSTER_NO_LEADER", message: /1 of 3 expected servers have met/ });
    assert.equal(cluster.problem?.message, awaited);
    assert.equal(cluster.leader, undefined);
  } finally {
    await cluster.close();
  }
});
