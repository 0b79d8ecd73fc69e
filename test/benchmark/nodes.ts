/** NODES nodes without tasks on three servers as they are installed: what they cost at rest, and how long it takes when the leader is killed. */
import { beatsBySecond, startManyNodes } from "../live/parts/many-nodes.ts";
import { eventually } from "../live/real-agent.ts";
import type { Benchmark, Figure } from "./figure.ts";

const NODES = 1_000;
const WATCH_MS = 30_000;
const PATIENCE_MS = 300_000;

export const nodes: Benchmark = {
  name: "nodes",
  about: `three servers with their private Consul, ${NODES} nodes without tasks, ${WATCH_MS / 1000} s at rest; then the leader is killed`,
  async run() {
    const ends: (() => Promise<void>)[] = [];
    try {
      const many = await startManyNodes({ after: (end) => void ends.push(async () => end()) });
      const empty = await many.cost(WATCH_MS / 3);
      const startedMs = performance.now();
      many.startNodes(NODES);
      await eventually("all nodes to be registered", () => many.latest().registered === NODES, PATIENCE_MS);
      const registeredMs = performance.now() - startedMs;
      for (const server of many.servers) {
        await eventually("every server to know them", async () => (await many.seenBy(server)).length === NODES, PATIENCE_MS);
      }
      await eventually("a heartbeat of every node", () => many.latest().beats >= 2 * NODES, PATIENCE_MS);
      const restMs = Date.now();
      const rest = await many.cost(WATCH_MS);
      const beats = beatsBySecond(many.reports(), restMs, Date.now());
      const leader = await many.leader();
      const losses = many.latest().byServer[`${leader.address}:4647`] ?? 0;
      const killedMs = performance.now();
      await many.process(leader).kill9();
      await eventually("its nodes to miss it", () => many.latest().lost >= losses, PATIENCE_MS);
      await eventually("all nodes to be registered again", () => many.latest().registered === NODES, PATIENCE_MS);
      const backMs = performance.now() - killedMs;
      const figure = (bench: string, value: number, unit: string, goal = ""): Figure => ({
        bench: `nodes: ${bench}`,
        value,
        unit,
        reference: null,
        goal,
      });
      const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
      const residentMb = sum(rest.agents.map((each) => each.residentMb));
      const emptyMb = sum(empty.agents.map((each) => each.residentMb));
      const cpuPercent = sum(rest.agents.map((each) => each.cpuPercent));
      const idlePercent = sum(empty.agents.map((each) => each.cpuPercent));
      return [
        figure(`${NODES} registered`, registeredMs, "ms"),
        // Not their difference: what the start left for the collector is more than a thousand nodes take.
        figure("RSS of a server without nodes", emptyMb / 3, "MB"),
        figure(`RSS of a server with ${NODES} nodes`, residentMb / 3, "MB"),
        figure("RSS of a private Consul", sum(rest.consuls.map((each) => each.residentMb)) / 3, "MB"),
        figure("CPU of a server without nodes", idlePercent / 3, "% of a core"),
        figure(`CPU of a server with ${NODES} nodes`, cpuPercent / 3, "% of a core"),
        figure("CPU of a private Consul", sum(rest.consuls.map((each) => each.cpuPercent)) / 3, "% of a core"),
        figure("heartbeats a second, mean", sum(beats) / beats.length, "/s", "≤ 60"),
        figure("heartbeats in the busiest second", Math.max(...beats), "/s"),
        figure("the leader killed → its nodes on another", backMs, "ms", "≤ 60000"),
      ];
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  },
};
