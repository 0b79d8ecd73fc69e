/**
 * Real kills. A server process writes; it is killed with SIGKILL at a random moment, again and again on the same disk. After every start:
 * all it had acknowledged is there, nothing is there by halves, and the state equals a replay of the log from its beginning or snapshot.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startCluster, type Cluster } from "#cluster";
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import { createSeededRandom } from "#integrations/memory";
import type { Random } from "#ports";
import { evaluation } from "../unit/state/nouns.ts";
import { testScale } from "../scale.ts";
import { PLACEMENTS } from "./durability-writes.ts";

const KILLS = Math.max(1, Math.round(20 * testScale()));
/** A disk is used for so many lives; then a new one, so that the first start is killed too and no life is spent on re-reading history. */
const KILLS_PER_DISK = 10;

type Line = { readonly ready: number; readonly digest: string } | { readonly wrote: number; readonly index: number; readonly ok: boolean };

interface Life {
  /** Of the state it started with; undefined when it was killed before it had one. */
  readonly digest: string | undefined;
  readonly acknowledged: readonly number[];
}

/**
 * Starts the server, lets it write, kills it `delayMs` after it was ready and had `afterWrites` acknowledged; "unborn": after the start,
 * whatever it is doing then.
 */
async function liveAndDie(folder: string, first: number, afterWrites: number | "unborn", delayMs: number): Promise<Life> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "durability-server.ts"), folder, String(first)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.on("data", (data: Buffer) => errors.push(data.toString()));
  const acknowledged: number[] = [];
  let digest: string | undefined;
  let dying = false;
  if (afterWrites === "unborn") setTimeout(() => child.kill("SIGKILL"), delayMs);
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once("close", (_code, signal) => resolve(signal)));
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = parse(text);
    if (line === undefined) return;
    if ("ready" in line) digest = line.digest;
    else if (line.ok) acknowledged.push(line.wrote);
    if (dying || afterWrites === "unborn" || acknowledged.length < afterWrites) return;
    dying = true;
    setTimeout(() => child.kill("SIGKILL"), delayMs);
  });
  const signal = await withLimit(child, ended);
  assert.equal(signal, "SIGKILL", `the server ended by itself: ${errors.join("")}`);
  assert.ok(digest !== undefined || afterWrites === "unborn");
  return { digest, acknowledged };
}

/** The last line may have been cut off by the kill: it was not read as an acknowledgement then. */
function parse(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

async function withLimit<T>(child: ChildProcess, ended: Promise<T>): Promise<T> {
  const timer = setTimeout(() => child.kill("SIGTERM"), 60_000);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}

async function open(folder: string): Promise<Cluster> {
  const log = await openSqliteLog({ path: join(folder, "server", "log.sqlite"), clusterId: "durability" });
  const snapshots = openSnapshotStore(join(folder, "server", "snapshots"));
  return startCluster({ log, snapshots, clock: createHostClock(), random: createHostRandom() });
}

/** Every write that left a trace, whole. */
function writesOf(cluster: Cluster): Set<number> {
  const counts = new Map<string, number>();
  const snapshot = cluster.state.snapshot();
  for (const allocation of snapshot.allocations("w")) counts.set(allocation.EvalID, (counts.get(allocation.EvalID) ?? 0) + 1);
  const writes = new Set<number>();
  for (const evaluation of snapshot.evaluations("w")) {
    assert.equal(counts.get(evaluation.ID), PLACEMENTS, `write ${evaluation.ID} is there by halves`);
    counts.delete(evaluation.ID);
    writes.add(Number(evaluation.ID.slice(1)));
  }
  assert.deepEqual([...counts.keys()], [], "allocations without their evaluation");
  return writes;
}

/** `kills` lives on one disk. Returns how many writes were acknowledged in all. */
async function wearOut(folder: string, kills: number, random: Random): Promise<number> {
  const acknowledged = new Set<number>();
  let next = 1;
  let expectedDigest: string | undefined;
  for (let kill = 0; kill < kills; kill++) {
    const unborn = random.integer(5) === 0;
    const life = await liveAndDie(folder, next, unborn ? "unborn" : random.integer(60), unborn ? random.integer(600) : random.integer(12));
    if (expectedDigest !== undefined && life.digest !== undefined) {
      assert.equal(life.digest, expectedDigest, `kill ${kill}: the state after the restart differs from the replay`);
    }
    for (const write of life.acknowledged) acknowledged.add(write);
    // A copy is replayed, so that the server itself recovers from what the kill left.
    const copy = `${folder}-copy`;
    await rm(copy, { recursive: true, force: true });
    await cp(folder, copy, { recursive: true });
    const cluster = await open(copy);
    expectedDigest = cluster.state.digest();
    const writes = writesOf(cluster);
    for (const write of acknowledged) assert.ok(writes.has(write), `kill ${kill}: acknowledged write ${write} is gone`);
    next = Math.max(next, ...writes) + 1;
    await cluster.close();
    // A disk without an entry got its first one by looking: the server's own start will differ.
    if (writes.size === 0) expectedDigest = undefined;
  }
  return acknowledged.size;
}

test(
  `After each of ${KILLS} SIGKILLs under a stream of writes every acknowledged write is there, whole`,
  { timeout: 300_000 * Math.max(1, testScale()) },
  async (context) => {
    const random = createSeededRandom(20_260_101);
    let acknowledged = 0;
    for (let kills = 0; kills < KILLS; kills += KILLS_PER_DISK) {
      const folder = await mkdtemp(join(tmpdir(), "drover-durability-"));
      try {
        acknowledged += await wearOut(folder, Math.min(KILLS_PER_DISK, KILLS - kills), random);
      } finally {
        await rm(folder, { recursive: true, force: true });
        await rm(`${folder}-copy`, { recursive: true, force: true });
      }
    }
    context.diagnostic(`${KILLS} kills, ${acknowledged} acknowledged writes`);
    assert.ok(acknowledged > KILLS);
  },
);

test(
  "On a disk that is really full writes are refused with 503 and leave nothing; with room again they work",
  { skip: process.getuid?.() !== 0 ? "mounting a small disk needs root" : false },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "drover-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]);
    try {
      const ballast = join(folder, "ballast");
      await writeFile(ballast, Buffer.alloc(1024 * 1024));
      const cluster = await open(folder);
      const write = (n: number) =>
        cluster.propose({
          type: "evaluations-upsert",
          Evaluations: [evaluation(`w${n}`, "base", { StatusDescription: "x".repeat(60_000) })],
        });
      let written = 0;
      const refused = await (async () => {
        for (;;) {
          try {
            await write(written);
            written++;
          } catch (thrown) {
            return thrown as { code: string; statusCode: number };
          }
        }
      })();
      assert.deepEqual([refused.code, refused.statusCode], ["LOG_WRITE_FAILED", 503]);
      assert.ok(written > 2, `only ${written} writes fit`);
      assert.equal([...cluster.state.snapshot().evaluations()].length, written);
      await assert.rejects(write(written), { code: "LOG_WRITE_FAILED" });
      await rm(ballast);
      assert.equal((await write(written)).ok, true);
      const digest = cluster.state.digest();
      await cluster.close();
      const again = await open(folder);
      assert.equal(again.state.digest(), digest);
      await again.close();
    } finally {
      execFileSync("umount", [folder]);
      await rm(folder, { recursive: true, force: true });
    }
  },
);
