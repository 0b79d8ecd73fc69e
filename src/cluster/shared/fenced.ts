/** The cluster as the leader's work sees it: what it proposes is written in this tenure or refused, never handed to another leader. */
import type { Command, Outcome, Snapshot } from "#state";
import type { Cluster } from "../contract.ts";
import { facade } from "../facade.ts";

export interface Fence {
  readonly lost: AbortSignal;
  propose(command: Command, requestId: string | undefined): Promise<Outcome>;
  /** What is thrown once it is over. */
  refusal(): Error;
}

export function fenced(cluster: Cluster, fence: Fence): Cluster {
  const whileLeading = async <T>(work: () => Promise<T>): Promise<T> => {
    if (fence.lost.aborted) throw fence.refusal();
    return work();
  };
  return facade(cluster, {
    propose: (command: Command, requestId?: string) => whileLeading(() => fence.propose(command, requestId)),
    read: (): Promise<Snapshot> =>
      whileLeading(async () => {
        const snapshot = await cluster.read();
        if (fence.lost.aborted) throw fence.refusal();
        return snapshot;
      }),
    leads: () => !fence.lost.aborted,
  });
}
