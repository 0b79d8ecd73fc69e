/**
 * The process the placements benchmark measures: SQLite log, cluster, server, HTTP API, and NODES mock nodes over the memory link. A
 * process of its own, so that its memory is its own; run with --expose-gc. Talks to its parent over IPC:
 *
 *   ─► { address }                          everything is up, every node is ready
 *   ◄─ { expect: n }                        n more allocations are about to be submitted
 *   ─► { placed } ─► { running, … }         when the last of them was
 *   ◄─ { memory: true } ─► { rssBytes, heapBytes }    after full collections
 *   ◄─ disconnect                           the end
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createApi, type AgentFacts } from "#api/server";
import { startCluster, type Cluster } from "#cluster";
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { createMemoryLink } from "#integrations/memory";
import { startServer } from "#server";
import { nodeOf } from "../simulation/fixtures.ts";
import { createMockNode } from "./mock-node.ts";

/** What the parent may ask. */
export type Question = { readonly expect: number } | { readonly memory: true };
/** What it hears. */
export interface Answer {
  readonly address?: string;
  readonly placed?: true;
  readonly running?: true;
  /** With `running`: the longest the event loop was held since `expect`, by the wall clock and in this thread's computing time. */
  readonly loopHeldMs?: number;
  readonly loopComputedMs?: number;
  /** With `running`: what the process computed since `expect`, all threads. */
  readonly cpuMs?: number;
  readonly rssBytes?: number;
  readonly heapBytes?: number;
}

const NODES = Number(process.argv[2] ?? 500);
const LOOP_RESOLUTION_MS = 2;

// The parent may go at any moment, while this starts too: nothing stays of it then.
if (process.send !== undefined && !process.connected) process.exit(1);
const opened: (() => Promise<void> | void)[] = [];
process.on("disconnect", () => void end());
const folder = mkdtempSync(join(tmpdir(), "drover-placements-"));
const clock = createHostClock({ keepAlive: true });
const random = createHostRandom();
const tell = (answer: Answer): void => {
  if (process.connected) process.send?.(answer);
};

const log = await openSqliteLog({ path: join(folder, "log.sqlite"), clusterId: random.uuid() });
const cluster = await startCluster({ log, snapshots: openSnapshotStore(join(folder, "snapshots")), clock, random });
opened.push(() => cluster.close());
const server = await startServer({
  cluster,
  clock,
  random,
  admission: { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 },
  report: ({ level, message, fields }) => level === "error" && console.error(message, fields),
});
opened.push(() => server.close());
const api = createApi({ server, cluster, localNode: null, agent: facts(), clock, random, region: "global", datacenter: "dc1" });
opened.push(() => api.close());
const [listening] = await api.listen([{ host: "127.0.0.1", port: 0 }]);
if (listening === undefined || "path" in listening) throw new Error("the API does not listen");

const link = createMemoryLink(server.link);
const nodes = Array.from({ length: NODES }, (_, index) =>
  createMockNode(nodeOf(random, { name: `node-${index}`, cpuMHz: 40_000, memoryMB: 65_536 }), link, clock),
);
for (const node of nodes) opened.push(() => node.close());
await Promise.all(nodes.map((node) => node.connect()));

watch(cluster);
tell({ address: `http://${listening.host}:${listening.port}` });

/** Counts what the state says is placed and running, and answers the parent. */
function watch({ state }: Cluster): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  const ticker = watchComputing();
  let before = process.cpuUsage();
  let placed = 0;
  let running = 0;
  let wanted = 0;
  state.watch.subscribe((change) => {
    if (change.command.type === "plan-apply") {
      const earlier = placed;
      placed += change.allocations.filter((allocation) => allocation.CreateIndex === change.index).length;
      if (earlier < wanted && placed >= wanted) tell({ placed: true });
    }
    if (change.command.type === "allocations-client-update") {
      const earlier = running;
      running += change.allocations.filter((allocation) => allocation.ClientStatus === "running").length;
      if (earlier >= wanted || running < wanted) return;
      delay.disable();
      const { user, system } = process.cpuUsage(before);
      tell({ running: true, loopHeldMs: delay.max / 1e6, loopComputedMs: ticker.longestMs(), cpuMs: (user + system) / 1000 });
    }
  });
  process.on("message", (question: Question) => {
    if ("memory" in question) return void settledMemory().then(tell);
    wanted = running + question.expect;
    delay.reset();
    delay.enable();
    ticker.longestMs();
    before = process.cpuUsage();
  });
}

/** The most this thread computed between two ticks: programs that hold the processor meanwhile do not count. */
function watchComputing(): { longestMs(): number } {
  let longest = 0;
  let last = process.threadCpuUsage();
  setInterval(() => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - last.user - last.system) / 1000);
    last = now;
  }, LOOP_RESOLUTION_MS).unref();
  return {
    longestMs() {
      const answer = longest;
      longest = 0;
      last = process.threadCpuUsage();
      return answer;
    },
  };
}

/** After full collections and a rest, until nothing more goes. */
async function settledMemory(): Promise<Answer> {
  let rssBytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.();
    await sleep(200);
    rssBytes = Math.min(rssBytes, process.memoryUsage.rss());
  }
  return { rssBytes, heapBytes: process.memoryUsage().heapUsed };
}

async function end(): Promise<void> {
  try {
    for (const close of opened.toReversed()) await close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  }
}

function facts(): AgentFacts {
  const member = {
    Name: "bench.global",
    Addr: "127.0.0.1",
    Port: 4648,
    Tags: {},
    Status: "alive",
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  };
  return {
    version: "0",
    config: () => ({}),
    member: () => member,
    members: () => [member],
    serverAddresses: () => [],
    setServerAddresses: async () => undefined,
    health: () => ({}),
    stats: () => ({}),
    startedAtMs: 1_790_000_000_000,
    schedulerWorkers: 2,
    host: async () => ({ OS: "Linux", Network: [], ResolvConf: "", Hosts: "", Environment: {}, Disk: {} }),
    reload: () => undefined,
    profile: async (name) => Buffer.from(name),
    async *monitor() {
      // Nobody watches.
    },
  };
}
