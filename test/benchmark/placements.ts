/**
 * Placements per second through the real path below HTTP: register → evaluation → plan → synced log → nodes acknowledge running.
 *
 *   node test/benchmark/placements.ts [--nodes=500] [--memory-log] [--json] [--load=N]
 *
 * Simulated nodes take their allocations over the link and report them in batches, as real ones do; they live in the same process, so
 * the memory measured holds their books too. Each load runs in a process of its own, on a fresh SQLite log.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createHostClock, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { createMemoryDisk, createMemoryLink, createSeededRandom, openMemoryLog, openMemorySnapshots } from "#integrations/memory";
import { startCluster, type Cluster } from "#cluster";
import { startServer } from "#server";
import { jobOf, nodeOf, type JobShape } from "../simulation/fixtures.ts";
import { createSimulatedNode } from "../simulation/node.ts";
import type { Figure } from "./figure.ts";

interface Load {
  readonly name: string;
  readonly jobs: readonly JobShape[];
  /** Nomad's with its own simulated client, acknowledged running per second. */
  readonly reference: number;
}
interface Measured {
  readonly placedPerSecond: number;
  readonly runningPerSecond: number;
  readonly bytesPerAllocation: number;
  readonly loopBlockedMaxMs: number;
}

const SHAPE = { cpu: 100, memoryMB: 100, diskMB: 10 };
const LOADS: readonly Load[] = [
  { name: "one batch job of 10,000", jobs: [{ id: "batch", type: "batch", count: 10_000, ...SHAPE }], reference: 94 },
  {
    name: "10 jobs of 1,000",
    jobs: Array.from({ length: 10 }, (_, index) => ({ id: `service-${index}`, type: "service" as const, count: 1_000, ...SHAPE })),
    reference: 123,
  },
];

async function measure(load: Load, nodeCount: number, cluster: Cluster): Promise<Measured> {
  const clock = createHostClock({ keepAlive: true });
  const random = createSeededRandom(7);
  const server = await startServer({
    cluster,
    clock,
    random,
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
  const delay = monitorEventLoopDelay({ resolution: 2 });
  delay.enable();
  const startedMs = performance.now();
  await Promise.all(load.jobs.map((job) => server.registerJob({ Job: jobOf(job) })));
  await allRun;
  const endedMs = performance.now();
  delay.disable();
  globalThis.gc?.();
  await sleep(100);
  const after = process.memoryUsage().rss;
  unsubscribe();
  for (const node of nodes) node.vanish();
  await server.close();
  return {
    placedPerSecond: (total / (placedAtMs - startedMs)) * 1_000,
    runningPerSecond: (total / (endedMs - startedMs)) * 1_000,
    bytesPerAllocation: (after - before) / total,
    loopBlockedMaxMs: delay.max / 1e6,
  };
}

async function openCluster(folder: string, inMemory: boolean): Promise<Cluster> {
  const clock = createHostClock({ keepAlive: true });
  const random = createSeededRandom(3);
  if (inMemory) {
    const disk = createMemoryDisk();
    return startCluster({ log: openMemoryLog(disk), snapshots: openMemorySnapshots(disk), clock, random });
  }
  const log = await openSqliteLog({ path: join(folder, "log.sqlite"), clusterId: random.uuid() });
  return startCluster({ log, snapshots: openSnapshotStore(join(folder, "snapshots")), clock, random });
}

function figures(load: Load, measured: Measured): Figure[] {
  const bench = (name: string) => `placements: ${load.name}: ${name}`;
  return [
    { bench: bench("placed"), value: measured.placedPerSecond, unit: "/s", reference: null, goal: "" },
    { bench: bench("running"), value: measured.runningPerSecond, unit: "/s", reference: load.reference, goal: "≥ 3,750" },
    { bench: bench("memory"), value: measured.bytesPerAllocation, unit: "B/allocation", reference: null, goal: "≤ 8,192" },
    { bench: bench("event loop blocked"), value: measured.loopBlockedMaxMs, unit: "ms", reference: null, goal: "≤ 100" },
  ];
}

const option = (name: string) => process.argv.find((each) => each === `--${name}` || each.startsWith(`--${name}=`));

async function runOne(load: Load): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "drover-placements-"));
  try {
    const cluster = await openCluster(folder, option("memory-log") !== undefined);
    const measured = await measure(load, Number(option("nodes")?.split("=")[1] ?? 500), cluster);
    await cluster.close();
    for (const figure of figures(load, measured)) {
      const { bench, value, unit, reference, goal } = figure;
      if (option("json") !== undefined) console.log(JSON.stringify(figure));
      else
        console.log(
          `${bench}: ${Math.round(value).toLocaleString("en")} ${unit}${reference === null ? "" : ` (Nomad ${reference})`}${goal === "" ? "" : `, goal ${goal}`}`,
        );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const only = option("load")?.split("=")[1];
if (only === undefined) {
  for (const index of LOADS.keys()) {
    execFileSync(process.execPath, ["--expose-gc", import.meta.filename, ...process.argv.slice(2), `--load=${index}`], {
      stdio: "inherit",
    });
  }
} else {
  await runOne(LOADS[Number(only)] as Load);
}
