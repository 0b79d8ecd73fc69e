/** NODES nodes on real gRPC connections to three servers' ends, over the loopback: what they cost, and how long it takes when one server goes. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkPeers } from "#integrations/link";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
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
      const forwarded = await forward(addresses[1] as string);
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
        figure("link: a command of 2 KB to another server and back, p50", percentile(forwarded.smallMs, 50), "ms"),
        figure("link: a command of 2 KB to another server and back, p99", percentile(forwarded.smallMs, 99), "ms"),
        figure("link: a command of 8 MB to another server and back", percentile(forwarded.largeMs, 50), "ms"),
        figure(`link: a server killed → all its nodes registered elsewhere`, recoveredMs, "ms"),
      ];
    } finally {
      for (const child of children) child.kill("SIGKILL");
    }
  },
};

/** As a follower hands commands to the leader, one after the other. */
async function forward(address: string): Promise<{ readonly smallMs: readonly number[]; readonly largeMs: readonly number[] }> {
  const peers = networkPeers({ clock: createHostClock(), random: createHostRandom() });
  const peer = peers.at(address);
  const timed = async (bytes: number, count: number) => {
    const command = new Uint8Array(bytes);
    const tookMs: number[] = [];
    for (let at = 0; at < count; at++) {
      const startedMs = performance.now();
      await peer.propose(command, `request ${at}`);
      tookMs.push(performance.now() - startedMs);
    }
    return tookMs;
  };
  try {
    await timed(2_000, 50);
    return { smallMs: await timed(2_000, 1_000), largeMs: await timed(8_000_000, 5) };
  } finally {
    peers.close();
  }
}
