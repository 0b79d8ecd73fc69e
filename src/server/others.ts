/** The other servers of the cluster, and how to ask them. A server that stands alone has none. */
import type { Clock, Peer, Peers } from "#ports";
import type { Cluster } from "#cluster";
import { peerTooSlow } from "./errors.ts";

/** Another server answers from memory or its own disk. */
const ANSWER_MS = 2_000;

export interface Others {
  /** host:port (4647) of each. Empty when they cannot be found now. */
  addresses(): Promise<readonly string[]>;
  /** How many servers there are, this one included. */
  count(): Promise<number>;
  /** Rejects when it cannot be asked, or takes longer than a moment. */
  ask<Answer>(address: string, question: (peer: Peer) => Promise<Answer>): Promise<Answer>;
  /** The first that is not undefined, of all who are asked at once; undefined: nobody has one. */
  first<Answer>(question: (peer: Peer, address: string) => Promise<Answer | undefined>): Promise<Answer | undefined>;
}

export function createOthers(cluster: Cluster, clock: Clock, peers: Peers): Others {
  async function addresses(): Promise<readonly string[]> {
    const servers = await cluster.servers().catch(() => []);
    return servers.filter(({ ServerId, RpcAddress }) => ServerId !== cluster.serverId && RpcAddress !== "").map((each) => each.RpcAddress);
  }
  const ask: Others["ask"] = (address, question) =>
    new Promise((resolve, reject) => {
      const timer = clock.after(ANSWER_MS, () => reject(peerTooSlow(address)));
      Promise.try(() => question(peers.at(address)))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  return {
    addresses,
    count: async () => (await addresses()).length + 1,
    ask,
    async first(question) {
      const asked = (await addresses()).map(async (address) => {
        const answer = await ask(address, (peer) => question(peer, address));
        if (answer === undefined) throw peerTooSlow(address);
        return answer;
      });
      return Promise.any(asked).catch(() => undefined);
    },
  };
}
