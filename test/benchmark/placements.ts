/**
 * Placements per second through the real path: register → evaluation → plan → log → nodes acknowledge running.
 *
 *   node --expose-gc test/benchmark/placements.ts [--memory-log] [--nodes=500] [--json]
 *
 * Simulated nodes take their allocations over the link and report them in batches, as real ones do. Two loads, each in a fresh cluster:
 * one batch job of 10,000, and 10 jobs of 1,000. Reference: Nomad 2.0.6 with its own simulated client on this machine.
 */
import { performance, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createMemoryDisk, createMemoryLink, createSeededRandom, openMemoryLog, openMemorySnapshots } from "#integrations/memory";
import { startCluster, type Cluster } from "#cluster";
import { startServer } from "#server";
import { createHostClock } from "../../integrations/host/clock.ts";
import { jobOf, nodeOf, type JobShape } from "../simulation/fixtures.ts";
import { createSimulatedNode } from "../simulation/node.ts";

interface Load {
  readonly name: string;
  readonly jobs: readonly JobShape[];
  /** Nomad's, placements acknowledged running per second. */
  readonly reference: number;
}
interface Measured {
  readonly placedPerSecond: number;
  readonly runningPerSecond: number;
  readonly bytesPerAllocation: number;
  readonly loopBlockedMaxMs: number;
}

const shape = { cpu: 100, memoryMB: 100, diskMB: 10 };
const LOADS: readonly Load[] = [
  { name: "one batch job of 10,000", jobs: [{ id: "batch", type: "batch", count: 10_000, ...shape }], reference: 94 },
  {
    name: "10 jobs of 1,000",
    jobs: Array.from({ length: 10 }, (_, index) => ({ id: `service-${index}`, type: "service" as const, count: 1_000, ...shape })),
    reference: 123,
  },
];
const GOAL_PER_SECOND = 3_750;
const GOAL_BYTES = 8 * 1024;
const GOAL_BLOCKED_MS = 100;

async function measure(load: Load, nodeCount: number, openCluster: () => Promise<{ readonly cluster: Cluster; close(): Promise<void> }>): Promise<Measured> {
  const clock = createHostClock({ keepAlive: true });
  const random = createSeededRandom(7);
  const { cluster, close } = await openCluster();
  const server = await startServer({
    cluster, clock, random,
    admission: { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 },
    report: ({ level, message, fields }) => level === "error" && console.error(message, fields),
  });
  const link = createMemoryLink(server.link);
  const nodes = Array.from({ length: nodeCount }, (_, index) =>
    createSimulatedNode({ node: nodeOf(random, { name: `node-${index}`, cpuMHz: 40_000, memoryMB: 65_536 }), link, clock, batchMs: 100 }),
  );
  await Promise.all(nodes.map((node) => node.connect()));
  await sleep(200);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const total = load.jobs.reduce((sum, job) => sum + job.count, 0);

  let placed = 0;
  let running = 0;
  let placedAtMs = 0;
  const { promise: allRun, resolve } = Promise.withResolvers<void>();
  const unsubscribe = cluster.state.watch.subscribe((change) => {
    if (change.command.type === "plan-apply") {
      placed += change.allocations.filter((allocation) => allocation.CreateIndex === change.index).length;
      if (placed >= total) placedAtMs ||= performance.now();
    }
    if (change.command.type === "allocations-client-update") {
      running += change.allocations.filter((allocation) => allocation.ClientStatus === "running").length;
      if (running >= total) resolve();
    }
  });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const startedMs = performance.now();
  await Promise.all(load.jobs.map((job) => server.registerJob({ Job: jobOf(job) })));
  await allRun;
  const endedMs = performance.now();
  delay.disable();
  globalThis.gc?.();
  const after = process.memoryUsage().rss;
  unsubscribe();
  for (const node of nodes) node.vanish();
  await server.close();
  await close();
  return {
    placedPerSecond: (total / (placedAtMs - startedMs)) * 1_000,
    runningPerSecond: (total / (endedMs - startedMs)) * 1_000,
    bytesPerAllocation: (after - before) / total,
    loopBlockedMaxMs: delay.max / 1e6,
  };
}

async function main(): Promise<void> {
  const flag = (name: string) => process.argv.find((each) => each.startsWith(`--${name}`));
  const nodeCount = Number(flag("nodes")?.split("=")[1] ?? 500);
  const open = async () => {
    const disk = createMemoryDisk();
    const log = openMemoryLog(disk);
    const cluster = await startCluster({
      log, snapshots: openMemorySnapshots(disk), clock: createHostClock({ keepAlive: true }), random: createSeededRandom(3),
    });
    return { cluster, close: () => cluster.close() };
  };
  for (const load of LOADS) {
    const measured = await measure(load, nodeCount, open);
    if (flag("json") !== undefined) {
      const line = (bench: string, value: number, unit: string, reference: number | null, goal: number) =>
        console.log(JSON.stringify({ bench: `placements: ${load.name}: ${bench}`, value: Math.round(value), unit, reference, goal }));
      line("running", measured.runningPerSecond, "per second", load.reference, GOAL_PER_SECOND);
      line("memory", measured.bytesPerAllocation, "bytes per allocation", null, GOAL_BYTES);
      line("event loop blocked", measured.loopBlockedMaxMs, "ms", null, GOAL_BLOCKED_MS);
    } else {
      const number = (value: number) => Math.round(value).toLocaleString("en");
      console.log(
        `${load.name}, ${nodeCount} nodes: placed ${number(measured.placedPerSecond)}/s, running ${number(measured.runningPerSecond)}/s ` +
          `(Nomad ${load.reference}, goal ${number(GOAL_PER_SECOND)}), ${number(measured.bytesPerAllocation)} B each (goal ${number(GOAL_BYTES)}), ` +
          `loop blocked at most ${number(measured.loopBlockedMaxMs)} ms (goal ${GOAL_BLOCKED_MS})`,
      );
    }
  }
}

await main();
