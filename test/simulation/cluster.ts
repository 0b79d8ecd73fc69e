/** One server's agreement with itself, in memory. */
import type { Cluster } from "#cluster";
import type { Clock, Random } from "#ports";
import { commandVersion, createState } from "#state";

export async function startSimulatedCluster(clock: Clock, random: Random): Promise<Cluster> {
  const state = createState({ clock, freeze: true });
  let index = state.index;
  return {
    clusterId: random.uuid(),
    state,
    async propose(command, requestId = random.uuid()) {
      await undefined;
      const time = Math.max(clock.nowNs(), state.time);
      return state.apply(++index, { version: commandVersion(command.type) ?? 0, time, requestId, command });
    },
    read: async () => state.snapshot(),
    leads: true,
    leaderAddress: "127.0.0.1:4647",
    compact: async () => undefined,
    close: async () => undefined,
  };
}
