/**
 * A server's part of a cluster: alone with its log on its own disk, or with others by a shared log.
 *
 *   alone      own log ──► cluster
 *   with others
 *     Consul, ours or theirs ──► join ──► the cluster's key ──► shared log ──┐
 *     own log (what was read of it, on this disk) ──────────────────────────► cluster, which answers "No cluster leader" until then
 */
import { join } from "node:path";
import type { Api } from "#api/server";
import { readServerId, startCluster, type Cluster } from "#cluster";
import { openSnapshotStore } from "#integrations/host";
import type { LinkTls, NetworkPeers, ServedLink } from "#integrations/link";
import type { Membership, PeerEnd } from "#ports";
import type { RunningServer } from "#server";
import type { AgentConsul } from "./consul.ts";
import { openLocalLog, SNAPSHOTS } from "./local-log.ts";
import { makerDisk } from "./maker-disk.ts";
import type { Parts } from "./parts.ts";

export interface AgentCluster {
  readonly cluster: Cluster;
  /** undefined: it stands alone. */
  readonly others: Others | undefined;
  /** `leaves`: the others are told that it goes for good. */
  close(how: { readonly leaves: boolean }): Promise<void>;
}

export interface Others {
  readonly peers: NetworkPeers;
  readonly membership: Membership;
  /** What other servers are answered here. */
  peerEnd(server: RunningServer, api: Api): PeerEnd;
  /** The link listens: this server joins the others, and nodes are told who the servers are, whenever that changes. Rejects with JOIN_FAILED. */
  begin(served: ServedLink): Promise<void>;
  /** Certificates were read again. */
  reload(tls: LinkTls): Promise<void>;
}

export interface ClusterNeeds {
  readonly parts: Parts;
  readonly tls: LinkTls | undefined;
  /** consul { … }: the Consul of the shared log then. */
  readonly consul: AgentConsul | undefined;
}

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
