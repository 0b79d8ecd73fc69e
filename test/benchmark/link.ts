/** NODES nodes on real gRPC connections to three servers' ends, over the loopback: what they cost, and how long it takes when one server goes. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Benchmark, Figure } from "./figure.ts";
import { costOf } from "./process-cost.ts";

const NODES = 1_000;
const SERVERS = 3;
const WATCH_MS = 20_000;
const PATIENCE_MS = 60_000;

export const link: Benchmark = {
  name: "link",
  about: `${NODES} nodes on ${SERVERS} servers' ends of the node link (nothing behind them), ${WATCH_MS / 1000} s of heartbeats; then one server is killed`,
  async run() {
    const children: ChildProcess[] = [];
    const start = (file: string, ...words: readonly string[]) => {
      const child = fork(join(import.meta.dirname, file), words, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      children.push(child);
      return child;
    };
    try {
      const servers = await Promise.all(
        Array.from({ length: SERVERS }, async () => {
          const child = start("link-server-child.ts");
          const [{ address }] = (await once(child, "message")) as [{ address: string }];
          return { child, address, emptyMb: (await costOf([child.pid as number], 0)).residentMb };
        }),
      );
      const addresses = servers.map(({ address }) => address);
      for (const { child } of servers) child.send({ servers: addresses });
      const startedMs = performance.now();
      const nodes = start("link-nodes-child.ts", String(NODES), ...addresses);
      let connected = 0;
      nodes.on("message", (message: { connected: number }) => (connected = message.connected));
      const until = async (enough: () => boolean) => {
        const untilMs = performance.now() + PATIENCE_MS;
        while (!enough()) {
          if (performance.now() > untilMs) throw new Error(`${connected} of ${NODES} nodes are connected after ${PATIENCE_MS / 1000} s`);
          await sleep(5);
        }
      };
      await until(() => connected === NODES);
      const connectMs = performance.now() - startedMs;
      await sleep(2_000);
      const pids = servers.map(({ child }) => child.pid as number);
      const quiet = await costOf(pids, WATCH_MS);
      const emptyMb = servers.reduce((sum, each) => sum + each.emptyMb, 0);
      const lostMs = performance.now();
      servers[0]?.child.kill("SIGKILL");
      await until(() => connected < NODES);
      await until(() => connected === NODES);
      const recoveredMs = performance.now() - lostMs;
      const figure = (bench: string, value: number, unit: string, goal = ""): Figure => ({ bench, value, unit, reference: null, goal });
      return [
        figure(`link: ${NODES} nodes connected and registered`, connectMs, "ms"),
        figure(`link: RSS of a server's end per node`, ((quiet.residentMb - emptyMb) * 1024) / NODES, "KB"),
        figure(`link: RSS of ${SERVERS} servers' ends with ${NODES} nodes`, quiet.residentMb, "MB"),
        figure(`link: CPU of ${SERVERS} servers' ends with ${NODES} nodes beating`, quiet.cpuPercent, "% of a core"),
        figure(`link: a server killed → all its nodes registered elsewhere`, recoveredMs, "ms"),
      ];
    } finally {
      for (const child of children) child.kill("SIGKILL");
    }
  },
};
