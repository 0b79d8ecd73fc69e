/**
 * A small server for the durability test: cluster and SQLite log in the folder it is given, writing as fast as it is answered, until it
 * is killed. Says on stdout, a JSON line each: "ready" with index and digest, then every acknowledged write.
 *
 * A write is one command of many records: write n registers job w<n>, and places PLACEMENTS allocations of it; half of it would show.
 */
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { startCluster } from "#cluster";
import { PLACEMENTS } from "./durability-writes.ts";
import { evaluation, group, job, node, placement, plan } from "../unit/state/nouns.ts";

/** Proposals open at a time. */
const WRITERS = 8;

const [folder, first] = process.argv.slice(2) as [string, string];
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const log = await openSqliteLog({ path: `${folder}/server/log.sqlite`, clusterId: "durability" });
const cluster = await startCluster({
  log,
  snapshots: openSnapshotStore(`${folder}/server/snapshots`),
  clock: createHostClock({ keepAlive: true }),
  random: createHostRandom(),
  snapshotEveryEntries: 40,
});
say({ ready: cluster.state.index, digest: cluster.state.digest() });

let next = Number(first);
await cluster.propose({ type: "node-register", Node: node("n1"), Evaluations: [] });
// One job for all: plans need its stored version.
await cluster.propose({
  type: "job-register",
  Job: job("base", { Type: "batch", TaskGroups: [group("web", 1)] }),
  Submission: null,
  Evaluation: null,
  EnforceIndex: null,
  PreserveCounts: false,
});
const base = cluster.state.snapshot().job("default", "base") ?? null;

async function write(n: number): Promise<void> {
  const Placements = Array.from({ length: PLACEMENTS }, (_, at) =>
    placement(`w${n}-${at}`, "base", "n1", { EvalID: `w${n}` as never, JobVersion: base?.Version ?? 0 }),
  );
  const outcome = await cluster.propose({
    type: "plan-apply",
    Plan: plan(base, { Placements }),
    Evaluations: [evaluation(`w${n}`, "base", { Status: "complete" })],
  });
  say({ wrote: n, index: outcome.index, ok: outcome.ok });
}

async function writer(): Promise<void> {
  for (;;) await write(next++);
}
await Promise.all(Array.from({ length: WRITERS }, writer));
