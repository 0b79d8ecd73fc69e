/** What holds after any commands whatever: checked against counts from scratch, a replay, a saved copy. A failure prints its seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, createVirtualClock } from "#integrations/memory";
import { clientTerminal, holdingOf, jobKey, parsePortRanges, terminal, type Allocation, type Job } from "#model";
import { commandVersion, createCodec, createState, restoreState, type Columns, type Snapshot, type State } from "#state";
import { testScale } from "../../scale.ts";
import { DEFAULT } from "./nouns.ts";
import { randomCommand } from "./random-commands.ts";

const COMMANDS = 250;

function run(seed: number, each: (state: State, at: number) => void): { state: State; log: Uint8Array[] } {
  const random = createSeededRandom(seed);
  const state = createState({ clock: createVirtualClock(), freeze: true });
  const codec = createCodec();
  const log: Uint8Array[] = [];
  const remembered: Job[] = [];
  for (let at = 1; at <= COMMANDS; at++) {
    const snapshot = state.snapshot();
    const command = randomCommand(random, snapshot, remembered);
    const requestId = random.integer(50) === 0 ? `r${random.integer(at)}` : `r${at}`;
    const bytes = codec.encode({ version: commandVersion(command.type) ?? 0, time: at * 1e9, requestId, command });
    log.push(bytes);
    const outcome = state.apply(at, codec.decode(bytes));
    assert.ok(outcome.ok || outcome.code !== "fault", `command ${at} (${command.type}) threw: ${outcome.ok ? "" : outcome.reason}`);
    for (const job of snapshot.jobs("*")) if (random.integer(10) === 0) remembered.push(job);
    each(state, at);
  }
  return { state, log };
}

function forSeeds(count: number, body: (seed: number) => void | Promise<void>): () => Promise<void> {
  return async () => {
    for (let seed = 1; seed <= count * testScale(); seed++) {
      try {
        await body(seed);
      } catch (thrown) {
        throw new Error(`seed ${seed}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
      }
    }
  };
}

function assertColumns(snapshot: Snapshot): void {
  const columns: Columns = snapshot.columns();
  assert.equal(columns.nodes.slice(0, columns.length).filter((node) => node !== undefined).length, snapshot.nodeCount);
  for (const node of snapshot.nodes()) {
    const slot = columns.slotOf(node.ID);
    assert.ok(slot !== undefined && slot < columns.length);
    assert.equal(columns.nodes[slot], node);
    assert.equal(columns.cpuTotal[slot], node.NodeResources.Cpu.CpuShares - node.ReservedResources.Cpu.CpuShares);
    assert.equal(columns.memoryTotal[slot], node.NodeResources.Memory.MemoryMB - node.ReservedResources.Memory.MemoryMB);
    const held = [...snapshot.allocationsByNode(node.ID)].filter((each) => !clientTerminal(each));
    const sum = (of: (allocation: Allocation) => number) => held.reduce((total, each) => total + of(each), 0);
    assert.equal(
      columns.cpuUsed[slot],
      sum((each) => holdingOf(each.AllocatedResources).cpu),
    );
    assert.equal(
      columns.memoryUsed[slot],
      sum((each) => holdingOf(each.AllocatedResources).memory),
    );
    assert.equal(
      columns.diskUsed[slot],
      sum((each) => holdingOf(each.AllocatedResources).disk),
    );
    const ports = new Set(parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts));
    for (const each of held) for (const port of each.AllocatedResources.Shared.Ports) ports.add(port.Value);
    for (let port = 19_990; port < 20_050; port++)
      assert.equal(columns.portInUse(slot, port), ports.has(port), `port ${port} of ${node.ID}`);
    assert.equal(columns.portsUsed[slot], [...ports].filter((port) => port >= 20_000 && port <= 32_000).length);
  }
}

function assertIndexes(snapshot: Snapshot): void {
  const allocations = [...snapshot.allocations()];
  const ids = (list: Iterable<{ readonly ID: string }>) => [...list].map(({ ID }) => ID);
  for (const jobId of ["job-0", "job-1", "job-2", "job-3"]) {
    assert.deepEqual(ids(snapshot.allocationsByJob(DEFAULT, jobId)), ids(allocations.filter((each) => each.JobID === jobId)));
    assert.deepEqual(
      ids(snapshot.evaluationsByJob(DEFAULT, jobId)),
      ids([...snapshot.evaluations()].filter((each) => each.JobID === jobId)),
    );
  }
  for (let n = 0; n < 5; n++)
    assert.deepEqual(ids(snapshot.allocationsByNode(`node-${n}`)), ids(allocations.filter((each) => each.NodeID === `node-${n}`)));
  for (let n = 0; n < 30; n++)
    assert.deepEqual(ids(snapshot.allocationsByEvaluation(`eval-${n}`)), ids(allocations.filter((each) => each.EvalID === `eval-${n}`)));
  for (const allocation of allocations) {
    assert.equal(
      [...snapshot.allocationsByNode(allocation.NodeID)].find((each) => each.ID === allocation.ID),
      allocation,
    );
    assert.equal(
      [...snapshot.allocationsByJob(DEFAULT, allocation.JobID)].find((each) => each.ID === allocation.ID),
      allocation,
    );
    assert.equal(
      [...snapshot.allocationsByEvaluation(allocation.EvalID)].find((each) => each.ID === allocation.ID),
      allocation,
    );
    assert.equal(allocation.Job.Version, allocation.JobVersion);
  }
}

function assertJobs(snapshot: Snapshot): void {
  for (const job of snapshot.jobs("*")) {
    const allocations = [...snapshot.allocationsByJob(job.Namespace, job.ID)];
    const live = allocations.some((each) => !terminal(each));
    const evaluations = [...snapshot.evaluationsByJob(job.Namespace, job.ID)];
    const open = evaluations.some((each) => each.Status === "pending" || each.Status === "blocked");
    const expected =
      job.Type === "system"
        ? job.Stop
          ? "dead"
          : "running"
        : live || snapshot.activeDeployment(job.Namespace, job.ID) !== undefined
          ? "running"
          : job.Stop
            ? "dead"
            : open || allocations.length + evaluations.length === 0
              ? "pending"
              : "dead";
    assert.equal(job.Status, expected, jobKey(job));
    const summary = snapshot.jobSummary(job.Namespace, job.ID);
    for (const [name, counts] of Object.entries(summary?.Summary ?? {})) {
      const with_ = (status: string) => allocations.filter((each) => each.TaskGroup === name && each.ClientStatus === status).length;
      assert.deepEqual(
        [counts.Starting, counts.Running, counts.Unknown],
        ["pending", "running", "unknown"].map(with_),
        `${job.ID}.${name}`,
      );
      assert.ok(counts.Complete >= with_("complete") && counts.Failed >= with_("failed") && counts.Lost >= with_("lost"));
    }
    assert.ok(snapshot.jobVersions(job.Namespace, job.ID).filter((each) => each.VersionTag === null).length <= 6);
    assert.equal(snapshot.jobVersions(job.Namespace, job.ID)[0], job);
  }
}

test(
  "Columns, indexes, statuses and summaries equal a count from scratch",
  forSeeds(12, (seed) => {
    run(seed, (state, at) => {
      const snapshot = state.snapshot();
      assertColumns(snapshot);
      if (at % 10 !== 0) return;
      assertIndexes(snapshot);
      assertJobs(snapshot);
    });
  }),
);

test(
  "A replay of the log comes to the same digest; so does a state saved and restored on the way",
  forSeeds(12, async (seed) => {
    const digests: string[] = [];
    const { state, log } = run(seed, (each, at) => void (at % 50 === 0 && digests.push(each.digest())));
    const codec = createCodec();
    const clock = createVirtualClock({ startMs: 5 });
    let other = createState({ clock, freeze: true });
    for (const [offset, bytes] of log.entries()) {
      const index = offset + 1;
      other.apply(index, codec.decode(bytes));
      if (index % 50 === 0) assert.equal(other.digest(), digests[index / 50 - 1]);
      if (index % 60 === 0) {
        const restored = await restoreState(other.save(), { clock, freeze: true });
        assert.equal(restored.digest(), other.digest());
        assertColumns(restored.snapshot());
        assertIndexes(restored.snapshot());
        assertJobs(restored.snapshot());
        other = restored;
      }
    }
    assert.equal(other.digest(), state.digest());
  }),
);

test("Saving is of the moment it was asked for, though applies go on", async () => {
  const { state, log } = run(3, () => undefined);
  const digest = state.digest();
  const chunks = state.save();
  const codec = createCodec();
  const saved: Uint8Array[] = [];
  let index = state.index;
  for await (const chunk of chunks) {
    saved.push(chunk);
    for (const bytes of log.slice(0, 20)) state.apply(++index, { ...codec.decode(bytes), requestId: `later-${index}` });
  }
  assert.notEqual(state.digest(), digest);
  const restored = await restoreState(
    (async function* () {
      yield* saved;
    })(),
    { clock: createVirtualClock() },
  );
  assert.equal(restored.digest(), digest);
});

test("A snapshot cut short, mixed up, of another format or of something else is not restored", async () => {
  const { state } = run(5, () => undefined);
  const chunks: Uint8Array[] = [];
  for await (const chunk of state.save()) chunks.push(chunk);
  const { Packr } = await import("msgpackr");
  const packr = new Packr();
  const bad: Uint8Array[][] = [
    [],
    chunks.slice(0, -1),
    chunks.slice(1),
    [...chunks.slice(0, 2), ...chunks.slice(3)],
    [...chunks, chunks[1] as Uint8Array],
    [packr.pack(["drover-state", 99, 1, 1, {}, {}]), packr.pack(["end", 1])],
    [packr.pack({ hello: 1 })],
    [Uint8Array.from([0xc1])],
  ];
  for (const each of bad) {
    await assert.rejects(
      restoreState(
        (async function* () {
          yield* each;
        })(),
        { clock: createVirtualClock() },
      ),
      { code: "STATE_SNAPSHOT_UNREADABLE" },
    );
  }
});
