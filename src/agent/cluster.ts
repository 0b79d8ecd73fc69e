/**
 * A server's part of a cluster: alone with its log on its own disk, or with others by a shared log.
 *
 *   alone      own log ──► cluster
 *   with others
 *     Consul, ours or theirs ──► join ──► the cluster's key ──► shared log ──┐
 *     own log (what was read of it, on this disk) ──────────────────────────► cluster, which answers "No cluster leader" until then
 */
import { join } from "node:path";
import { readServerId, startCluster } from "#cluster";
import { openSnapshotStore } from "#integrations/host";
import type { AgentCluster, ClusterNeeds } from "./cluster-contract.ts";
import { openLocalLog, SNAPSHOTS } from "./local-log.ts";
import { makerDisk } from "./maker-disk.ts";
import type { Parts } from "./parts.ts";

export async function openCluster(needs: ClusterNeeds): Promise<AgentCluster> {
  if (needs.parts.config.server.logMaker === "sqlite") return openAlone(needs.parts);
  // What only servers with others need is loaded only for them.
  const { openWithOthers } = await import("./cluster-shared.ts");
  return openWithOthers(needs);
}

async function openAlone(parts: Parts): Promise<AgentCluster> {
  const { config, clock, random, log } = parts;
  const disk = makerDisk(config.server.dataDirectory);
  const opened = await openLocalLog(parts, disk);
  try {
    const cluster = await startCluster({
      log: opened,
      snapshots: openSnapshotStore(join(config.server.dataDirectory, SNAPSHOTS)),
      serverId: await readServerId(disk, random),
      clock,
      random,
      name: `${config.name}.${config.region}`,
      address: config.advertise.rpc,
      warn: (message) => log.write("WARN", "cluster", message),
      firstConfiguration: config.server.scheduler,
      ...(config.server.snapshotEveryEntries > 0 ? { snapshotEveryEntries: config.server.snapshotEveryEntries } : {}),
    });
    return { cluster, others: undefined, close: () => cluster.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
