import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster, type ClusterOptions } from "#cluster";
import {
  createMemoryDisk,
  createSeededRandom,
  createVirtualClock,
  openMemoryLog,
  openMemorySnapshots,
  type MemoryDisk,
} from "#integrations/memory";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import type { Command } from "#state";
import { DEFAULT, evaluation, job } from "../state/nouns.ts";

let seed = 1;

function options(disk: MemoryDisk, with_: Partial<ClusterOptions> = {}): ClusterOptions {
  return {
    log: openMemoryLog(disk),
    snapshots: openMemorySnapshots(disk),
    clock: createVirtualClock(),
    random: createSeededRandom(seed++),
    freeze: true,
    ...with_,
  };
}

const register = (id: string): Command => ({
  type: "job-register",
  Job: job(id),
  Submission: null,
  Evaluation: evaluation(`e-${id}`, id),
  EnforceIndex: null,
  PreserveCounts: false,
});

/** Turns of the event loop, enough for anything that can happen to have happened. */
async function turns(count = 5): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

test("The first entry is Drover's own, so the first write has index 2", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  assert.equal(cluster.state.index, 1);
  assert.deepEqual(await cluster.propose(register("a")), { ok: true, index: 2 });
  assert.equal((await cluster.read()).job(DEFAULT, "a")?.CreateIndex, 2);
  assert.equal(cluster.leads, true);
  assert.equal(cluster.clusterId, "memory");
  await cluster.close();
  const again = await startCluster(options(disk));
  assert.equal(again.state.index, 2);
  await again.close();
});

test("A new cluster begins with the configuration it is given; what somebody says later stands through every start", async () => {
  const disk = createMemoryDisk();
  const firstConfiguration = { ...DEFAULT_SCHEDULER_CONFIGURATION, SchedulerAlgorithm: "spread" as const };
  const cluster = await startCluster(options(disk, { firstConfiguration }));
  const stored = () => cluster.state.snapshot().schedulerConfiguration();
  assert.deepEqual([stored().SchedulerAlgorithm, stored().ModifyIndex], ["spread", 1]);
  const Configuration = { ...stored(), SchedulerAlgorithm: "binpack" as const };
  await cluster.propose({ type: "scheduler-configuration", Configuration, EnforceIndex: null });
  await cluster.close();
  const again = await startCluster(options(disk, { firstConfiguration }));
  assert.equal(again.state.snapshot().schedulerConfiguration().SchedulerAlgorithm, "binpack");
  await again.close();
});

test("No reply precedes the sync: while the append is held the proposal is open and the state as it was", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const gate = Promise.withResolvers<void>();
  disk.beforeAppend = () => gate.promise;
  let answered = false;
  const proposal = cluster.propose(register("a")).finally(() => {
    answered = true;
  });
  await turns();
  assert.equal(answered, false);
  assert.equal(cluster.state.index, 1);
  assert.equal(cluster.state.snapshot().job(DEFAULT, "a"), undefined);
  gate.resolve();
  assert.equal((await proposal).ok, true);
  assert.equal(cluster.state.snapshot().job(DEFAULT, "a")?.ID, "a");
  await cluster.close();
});

test("Everything proposed during one append goes into the next", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const sizes: number[] = [];
  let gate = Promise.withResolvers<void>();
  disk.beforeAppend = (entries) => {
    sizes.push(entries.length);
    return gate.promise;
  };
  const first = cluster.propose(register("first"));
  await turns();
  const rest = Array.from({ length: 300 }, (_, n) => cluster.propose(register(`j${n}`)));
  gate.resolve();
  await Promise.all([first, ...rest]);
  assert.deepEqual(sizes, [1, 256, 44]);
  const indexes = (await Promise.all(rest)).map(({ index }) => index);
  assert.deepEqual(
    indexes,
    Array.from({ length: 300 }, (_, n) => n + 3),
  );
  gate = Promise.withResolvers();
  await cluster.close();
});

test("A batch is closed by its bytes, and one large command goes alone (F21)", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const sizes: number[] = [];
  disk.beforeAppend = async (entries) => void sizes.push(entries.length);
  const large = (id: string, kilobytes: number): Command => ({
    ...(register(id) as Extract<Command, { type: "job-register" }>),
    Submission: { Source: "x".repeat(kilobytes * 1024), Format: "hcl2", VariableFlags: {}, Variables: "" },
  });
  await Promise.all(
    [large("a", 200), large("b", 200), large("c", 1000), large("d", 10), large("e", 10)].map((each) => cluster.propose(each)),
  );
  assert.deepEqual(sizes, [1, 1, 1, 2]);
  await assert.rejects(cluster.propose(large("f", 9 * 1024)), { code: "COMMAND_TOO_LARGE", statusCode: 413 });
  assert.equal((await cluster.read()).job(DEFAULT, "f"), undefined);
  await cluster.close();
});

test("A failed append refuses its whole batch with 503, leaves the state alone, and the next write works", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  disk.beforeAppend = () => Promise.reject(new Error("ENOSPC: no space left on device"));
  const results = await Promise.allSettled([cluster.propose(register("a")), cluster.propose(register("b"))]);
  for (const result of results) {
    assert.equal(result.status, "rejected");
    assert.equal((result as PromiseRejectedResult).reason.code, "LOG_WRITE_FAILED");
    assert.equal((result as PromiseRejectedResult).reason.statusCode, 503);
  }
  assert.equal(cluster.state.index, 1);
  disk.beforeAppend = () => Promise.resolve();
  assert.deepEqual(await cluster.propose(register("c")), { ok: true, index: 2 });
  assert.equal(cluster.state.snapshot().job(DEFAULT, "a"), undefined);
  await cluster.close();
});

test("A repeated request id is answered with the first outcome and applied once, also after a restart", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const first = await cluster.propose(register("a"), "request-1");
  const [again, twin] = await Promise.all([cluster.propose(register("a"), "request-1"), cluster.propose(register("other"), "request-1")]);
  assert.deepEqual([again, twin], [first, first]);
  await cluster.compact();
  await cluster.close();
  const later = await startCluster(options(disk));
  assert.deepEqual(await later.propose(register("other"), "request-1"), first);
  assert.equal(later.state.snapshot().job(DEFAULT, "other"), undefined);
  await later.close();
});

test("What is applied is what the log holds: changing the command after proposing it changes nothing", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const command = structuredClone(register("a")) as Extract<Command, { type: "job-register" }>;
  const proposal = cluster.propose(command);
  (command.Job as { Priority: number }).Priority = 99;
  await proposal;
  assert.equal(cluster.state.snapshot().job(DEFAULT, "a")?.Priority, 50);
  await cluster.close();
});

test("Time in the log never goes back, whatever the clock does and across restarts", async () => {
  const disk = createMemoryDisk();
  const ahead = await startCluster(options(disk, { clock: createVirtualClock({ startMs: 2_000_000_000_000 }) }));
  await ahead.propose(register("a"));
  await ahead.close();
  const behind = await startCluster(options(disk, { clock: createVirtualClock({ startMs: 1_000_000_000_000 }) }));
  await behind.propose(register("b"));
  const snapshot = behind.state.snapshot();
  assert.equal(snapshot.job(DEFAULT, "b")?.SubmitTime, snapshot.job(DEFAULT, "a")?.SubmitTime);
  await behind.close();
});

test("Snapshots are written every so many entries, the log is cut behind the older one, and a restart finds everything", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk, { snapshotEveryEntries: 50 }));
  for (let n = 0; n < 220; n++) await cluster.propose(register(`j${n}`));
  await cluster.compact();
  await cluster.compact();
  assert.equal(disk.snapshots.size, 2);
  assert.ok(disk.firstIndex > 1);
  assert.equal(disk.firstIndex, Math.min(...disk.snapshots.keys()) + 1);
  const digest = cluster.state.digest();
  await cluster.close();
  const again = await startCluster(options(disk));
  assert.equal(again.state.digest(), digest);
  await again.close();
});

test("After a snapshot that took a second the next waits nine, or for eight times as many entries", async () => {
  const disk = createMemoryDisk();
  const clock = createVirtualClock();
  const snapshots = openMemorySnapshots(disk);
  const saved: number[] = [];
  const slow: ClusterOptions["snapshots"] = {
    ...snapshots,
    async save(index, chunks, keep) {
      await clock.advance(1_000);
      await snapshots.save(index, chunks, keep);
      saved.push(index);
    },
  };
  const cluster = await startCluster(options(disk, { clock, snapshots: slow, snapshotEveryEntries: 10 }));
  const write = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await cluster.propose(register(`j${n}`));
      await turns(20);
    }
  };
  await write(9);
  assert.deepEqual(saved, [10]);
  await write(79);
  assert.deepEqual(saved, [10], "it rests");
  await write(1);
  assert.deepEqual(saved, [10, 90]);
  await clock.advance(8_999);
  await write(10);
  assert.deepEqual(saved, [10, 90]);
  await clock.advance(1);
  await write(1);
  assert.deepEqual(saved, [10, 90, 101]);
  await cluster.close();
});

test("A damaged newest snapshot is passed over for the one before it, and said so", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  await cluster.propose(register("a"));
  await cluster.compact();
  await cluster.propose(register("b"));
  await cluster.compact();
  await cluster.propose(register("c"));
  const digest = cluster.state.digest();
  await cluster.close();
  const newest = Math.max(...disk.snapshots.keys());
  for (const damage of [[], [Uint8Array.from([1, 2, 3])], (disk.snapshots.get(newest) ?? []).slice(0, -1)]) {
    disk.snapshots.set(newest, damage);
    const warnings: string[] = [];
    const again = await startCluster(options(disk, { warn: (message) => void warnings.push(message) }));
    assert.equal(again.state.digest(), digest);
    assert.match(warnings[0] ?? "", new RegExp(`snapshot ${newest}`));
    await again.close();
  }
});

test("Disks that do not fit together refuse to start", async () => {
  const cut = createMemoryDisk();
  const first = await startCluster(options(cut));
  for (const id of ["a", "b", "c"]) await first.propose(register(id));
  await first.compact();
  await first.propose(register("d"));
  await first.compact();
  await first.close();
  for (const index of cut.snapshots.keys()) cut.snapshots.set(index, []);
  await assert.rejects(startCluster(options(cut)), { code: "SNAPSHOT_UNREADABLE" });

  const behind = createMemoryDisk();
  const second = await startCluster(options(behind));
  await second.propose(register("a"));
  await second.compact();
  await second.close();
  behind.entries.length = 1;
  await assert.rejects(startCluster(options(behind)), { code: "LOG_BEHIND_SNAPSHOT" });
});

test("An entry of an unknown version stops the start, and names itself", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  await cluster.close();
  const { Packr } = await import("msgpackr");
  disk.entries.push(new Packr().pack([1, 7, 0, "r", { type: "job-register" }]));
  await assert.rejects(startCluster(options(disk)), { code: "STATE_COMMAND_UNKNOWN_VERSION", message: /"job-register" version 7/ });
  disk.entries[1] = new Packr().pack([1, 1, 0, "r", { type: "fly-to-the-moon" }]);
  await assert.rejects(startCluster(options(disk)), { code: "STATE_COMMAND_UNKNOWN_VERSION" });
  disk.entries[1] = Uint8Array.from([0xc1, 0xff]);
  await assert.rejects(startCluster(options(disk)), { code: "STATE_ENTRY_UNREADABLE" });
});

test("A closed cluster refuses writes, after answering those it took", async () => {
  const disk = createMemoryDisk();
  const cluster = await startCluster(options(disk));
  const taken = cluster.propose(register("a"));
  await cluster.close();
  assert.equal((await taken).ok, true);
  await assert.rejects(cluster.propose(register("b")), { code: "CLUSTER_CLOSED", statusCode: 503 });
});

test("A snapshot that cannot be written is a warning; writes go on", async () => {
  const disk = createMemoryDisk();
  const warnings: string[] = [];
  const broken = { ...openMemorySnapshots(disk), save: () => Promise.reject(new Error("disk full")) };
  const cluster = await startCluster(
    options(disk, { snapshots: broken, snapshotEveryEntries: 5, warn: (message) => void warnings.push(message) }),
  );
  for (let n = 0; n < 12; n++) await cluster.propose(register(`j${n}`));
  await turns();
  assert.match(warnings[0] ?? "", /Cannot write snapshot: disk full/);
  await cluster.close();
});

test("A refused command is an answer, not an error", async () => {
  const cluster = await startCluster(options(createMemoryDisk()));
  const outcome = await cluster.propose({
    type: "scheduler-configuration",
    Configuration: DEFAULT_SCHEDULER_CONFIGURATION,
    EnforceIndex: 77,
  });
  assert.equal(outcome.ok ? "" : outcome.code, "conflict");
  await cluster.close();
});
