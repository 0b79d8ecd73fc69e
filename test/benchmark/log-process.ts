/**
 * A process of its own for the log's benchmark, so that its memory is its own: cluster, SQLite log, ALLOCATIONS allocations placed and
 * reported running. Prints one JSON object.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { startCluster } from "#cluster";
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { percentile } from "./figure.ts";
import { evaluation, group, job, node, placement, plan, resources, taskState } from "../unit/state/nouns.ts";

const ALLOCATIONS = 20_000;
const NODES = 500;
const PER_PLAN = 500;
const PER_UPDATE = 64;
const SMALL_WRITES = 5_000;
const SMALL_WRITERS = 64;

const folder = mkdtempSync(join(tmpdir(), "drover-bench-"));
try {
  const started = performance.now();
  const log = await openSqliteLog({ path: join(folder, "log.sqlite"), clusterId: "bench" });
  const random = createHostRandom();
  const cluster = await startCluster({ log, snapshots: openSnapshotStore(join(folder, "snapshots")), clock: createHostClock(), random });
  const startMs = performance.now() - started;

  const ids = Array.from({ length: NODES }, () => random.uuid());
  for (const id of ids) await cluster.propose({ type: "node-register", Node: node(id), Evaluations: [] });
  const wanted = job("bench", { Type: "batch", TaskGroups: [group("web", ALLOCATIONS)] });
  await cluster.propose({
    type: "job-register",
    Job: wanted,
    Submission: null,
    Evaluation: evaluation("e1", "bench"),
    EnforceIndex: null,
    PreserveCounts: false,
  });
  const stored = cluster.state.snapshot().job("default", "bench");
  if (stored === undefined) throw new Error("the job is not there");

  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const idleRss = settledRss();
  const placed: { ID: string; NodeID: string }[] = [];
  const placing = performance.now();
  for (let at = 0; at < ALLOCATIONS; at += PER_PLAN) {
    const AllocatedResources = resources();
    const Placements = Array.from({ length: PER_PLAN }, (_, n) =>
      placement(random.uuid(), "bench", ids[(at + n) % NODES] as string, { Name: `bench.web[${at + n}]`, AllocatedResources }),
    );
    for (const { ID, NodeID } of Placements) placed.push({ ID, NodeID });
    await cluster.propose({
      type: "plan-apply",
      Plan: plan(stored, { Placements }),
      Evaluations: [evaluation("e1", "bench", { Status: "complete" })],
    });
  }
  const placeMs = performance.now() - placing;

  const event = (Type: string, text: string, n: number) => ({
    Type,
    Time: 1.7e18 + n * 1e6,
    Message: "",
    DisplayMessage: text,
    Details: {},
    FailsTask: false,
  });
  const updating = performance.now();
  const updates: Promise<unknown>[] = [];
  for (let at = 0; at < ALLOCATIONS; at += PER_UPDATE) {
    const Updates = placed.slice(at, at + PER_UPDATE).map(({ ID, NodeID }, n) => ({
      ID: ID as never,
      NodeID: NodeID as never,
      ClientStatus: "running" as const,
      ClientDescription: "Tasks are running",
      TaskStates: {
        main: taskState("running", {
          StartedAt: `2026-01-01T00:00:${String(n % 60).padStart(2, "0")}.${at + n}Z`,
          Events: [
            event("Received", "Task received by client", n),
            event("Task Setup", "Building Task Directory", n + 1),
            event("Started", "Task started by client", n + 2),
          ],
        }),
      },
    }));
    updates.push(cluster.propose({ type: "allocations-client-update", Updates, Evaluations: [] }));
    if (updates.length % 8 === 0) await Promise.all(updates);
  }
  await Promise.all(updates);
  const updateMs = performance.now() - updating;
  const busyRss = settledRss();
  const loopMaxMs = delay.max / 1e6;

  const latencies: number[] = [];
  const smallStarted = performance.now();
  let left = SMALL_WRITES;
  await Promise.all(
    Array.from({ length: SMALL_WRITERS }, async () => {
      while (left-- > 0) {
        const sent = performance.now();
        await cluster.propose({ type: "evaluations-upsert", Evaluations: [evaluation(`s${left % 100}`, "bench")] });
        latencies.push(performance.now() - sent);
      }
    }),
  );
  const smallMs = performance.now() - smallStarted;

  delay.reset();
  const snapshotStarted = performance.now();
  await cluster.compact();
  const snapshotMs = performance.now() - snapshotStarted;
  const snapshotLoopMs = delay.max / 1e6;
  await cluster.close();

  const restarting = performance.now();
  const again = await startCluster({
    log: await openSqliteLog({ path: join(folder, "log.sqlite"), clusterId: "bench" }),
    snapshots: openSnapshotStore(join(folder, "snapshots")),
    clock: createHostClock(),
    random,
  });
  const restartMs = performance.now() - restarting;
  await again.close();
  console.log(
    JSON.stringify({
      startMs,
      placementsPerSecond: (ALLOCATIONS / placeMs) * 1000,
      updatesPerSecond: (ALLOCATIONS / updateMs) * 1000,
      applyUs: applyCost(),
      rssPerAllocation: (busyRss - idleRss) / ALLOCATIONS / 1024,
      loopMaxMs,
      proposalsPerSecond: (SMALL_WRITES / smallMs) * 1000,
      proposalP50: percentile(latencies, 50),
      proposalP99: percentile(latencies, 99),
      snapshotMs,
      snapshotLoopMs,
      restartMs,
    }),
  );
  function applyCost(): number {
    const state = again.state;
    const snapshot = state.snapshot();
    const before = performance.now();
    let index = state.index;
    for (const { ID, NodeID } of placed.slice(0, 2000)) {
      const allocation = snapshot.allocation(ID);
      state.apply(++index, {
        version: 1,
        time: 0,
        requestId: `c${index}`,
        command: {
          type: "allocations-client-update",
          Evaluations: [],
          Updates: [
            {
              ID: ID as never,
              NodeID: NodeID as never,
              ClientStatus: "running",
              ClientDescription: "again",
              TaskStates: allocation?.TaskStates ?? {},
            },
          ],
        },
      });
    }
    return ((performance.now() - before) / 2000) * 1000;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function settledRss(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}
