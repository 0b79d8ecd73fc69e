/** A cluster as somebody is to see it: the same one, but for what is put in the place of its own. What it says of itself is asked anew each time. */
import type { Cluster } from "./contract.ts";

export interface Instead extends Partial<Pick<Cluster, "state" | "propose" | "read">> {
  readonly leads?: () => boolean;
}

export function facade(cluster: Cluster, instead: Instead): Cluster {
  return {
    get clusterId() {
      return cluster.clusterId;
    },
    serverId: cluster.serverId,
    state: instead.state ?? cluster.state,
    propose: instead.propose ?? ((command, requestId) => cluster.propose(command, requestId)),
    read: instead.read ?? (() => cluster.read()),
    get leads() {
      return instead.leads?.() ?? cluster.leads;
    },
    get leaderAddress() {
      return cluster.leaderAddress;
    },
    get leader() {
      return cluster.leader;
    },
    get problem() {
      return cluster.problem;
    },
    get discards() {
      return cluster.discards;
    },
    lastContactMs: () => cluster.lastContactMs(),
    whenLeading: (begin) => cluster.whenLeading(begin),
    transferLeadership: (...to) => cluster.transferLeadership(...to),
    compact: () => cluster.compact(),
    readSnapshot: (atLeastIndex) => cluster.readSnapshot(atLeastIndex),
    restore: (chunks) => cluster.restore(chunks),
    servers: () => cluster.servers(),
    forgetServer: (serverId) => cluster.forgetServer(serverId),
    close: () => cluster.close(),
  };
}
