/**
 * A flood of dispatched batch jobs that do not fit, and a service job among them: how long from submitting it until it runs? The broker
 * must hand it out before a hundred thousand others of lower priority, and no unblocking may hold the loop. F21.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "#cluster";
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { createMemoryLink } from "#integrations/memory";
import { startServer } from "#server";
import { jobOf, nodeOf } from "../simulation/fixtures.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
import { createMockNode } from "./mock-node.ts";

const DISPATCHES = 100_000;
const NODES = 100;
const SERVICES = 200;
/** Dispatches on their way at one time. */
const TOGETHER = 500;

export const dispatchFlood: Benchmark = {
  name: "dispatch-flood",
  about: `${DISPATCHES.toLocaleString("en")} dispatches wait on ${NODES} full nodes; ${SERVICES} service jobs come one after the other`,
  run,
};

async function run(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "drover-flood-"));
  const clock = createHostClock({ keepAlive: true });
  // What still runs on the nodes at the end must not keep the process.
  const patient = createHostClock();
  const random = createHostRandom();
  const closing: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const log = await openSqliteLog({ path: join(folder, "log.sqlite"), clusterId: random.uuid() });
    const cluster = await startCluster({ log, snapshots: openSnapshotStore(join(folder, "snapshots")), clock, random });
    closing.push(() => cluster.close());
    const admission = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
    const server = await startServer({ cluster, clock, random, admission });
    closing.push(() => server.close());
    const link = createMemoryLink(server.link);
    // Room for the services alone: what is dispatched is larger than any node.
    const nodes = Array.from({ length: NODES }, (_, index) => createMockNode(nodeOf(random, { name: `n${index}` }), link, patient));
    for (const node of nodes) closing.push(() => node.close());
    await Promise.all(nodes.map((node) => node.connect()));

    await server.registerJob({
      Job: jobOf({ id: "flood", type: "batch", count: 1, parameterized: true, memoryMB: 100_000, priority: 50 }),
    });
    const startedMs = performance.now();
    for (let sent = 0; sent < DISPATCHES; sent += TOGETHER) {
      await Promise.all(
        Array.from({ length: TOGETHER }, () =>
          server.dispatchJob("default", "flood", { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 }),
        ),
      );
    }
    const dispatchedPerSecond = DISPATCHES / ((performance.now() - startedMs) / 1000);

    const took: number[] = [];
    for (let index = 0; index < SERVICES; index++) {
      const id = `service-${index}`;
      const running = Promise.withResolvers<void>();
      const unsubscribe = cluster.state.watch.subscribe((change) => {
        if (change.allocations.some((allocation) => allocation.JobID === id && allocation.ClientStatus === "running")) running.resolve();
      });
      const atMs = performance.now();
      await server.registerJob({ Job: jobOf({ id, count: 1, priority: 60 }) });
      await running.promise;
      took.push(performance.now() - atMs);
      unsubscribe();
    }
    return [
      { bench: "flood: dispatches accepted", value: dispatchedPerSecond, unit: "/s", reference: null, goal: "" },
      { bench: "flood: service submit → running p50", value: percentile(took, 50), unit: "ms", reference: null, goal: "" },
      { bench: "flood: service submit → running p99", value: percentile(took, 99), unit: "ms", reference: null, goal: "≤ 500" },
    ];
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}
