/** What holds after any commands whatever: checked against counts from scratch, a replay, a saved copy. A failure prints its seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, createVirtualClock } from "#integrations/memory";
import {
  clientTerminal,
  deploymentActive,
  holdingOf,
  jobKey,
  parsePortRanges,
  PAST_REASONS_MAX,
  SCALING_EVENTS_MAX,
  terminal,
  type Allocation,
  type AllocationId,
  type Job,
  type ServiceRegistration,
} from "#model";
import {
  commandVersion,
  createCodec,
  createState,
  deviceKey,
  restoreState,
  type Change,
  type Columns,
  type Snapshot,
  type State,
} from "#state";
import { applyEntry } from "../../../src/state/apply.ts";
import { applyCommand } from "../../../src/state/commands/table.ts";
import { digestOf } from "../../../src/state/digest.ts";
import { Draft } from "../../../src/state/draft.ts";
import { Interned } from "../../../src/state/interned.ts";
import { Restoration } from "../../../src/state/restoration.ts";
import { settle } from "../../../src/state/settle.ts";
import { TablesSnapshot } from "../../../src/state/snapshot.ts";
import { Tables } from "../../../src/state/tables/tables.ts";
import { testScale } from "../../scale.ts";
import { DEFAULT } from "./nouns.ts";
import { randomCommand } from "./random-commands.ts";

const COMMANDS = 250;

function run(
  seed: number,
  each: (state: State, at: number) => void,
  changed: (change: Change) => void = () => undefined,
): { state: State; log: Uint8Array[] } {
  const random = createSeededRandom(seed);
  const state = createState({ clock: createVirtualClock(), freeze: true });
  state.watch.subscribe(changed);
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
    const tasks = held.flatMap((each) => Object.values(each.AllocatedResources.Tasks));
    assert.deepEqual([...columns.coresUsed(slot)].sort(), [...new Set(tasks.flatMap((task) => task.Cpu.ReservedCores))].sort());
    const devices = tasks.flatMap((task) =>
      task.Devices.flatMap(({ Vendor, Type, Name, DeviceIDs }) => DeviceIDs.map((id) => deviceKey(Vendor, Type, Name, id))),
    );
    assert.deepEqual([...columns.devicesUsed(slot)].sort(), [...new Set(devices)].sort());
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

function assertServices(snapshot: Snapshot): void {
  const services = [...snapshot.services("*")];
  const key = (each: ServiceRegistration) => `${each.Namespace}\u0000${each.ServiceName}\u0000${each.ID}`;
  assert.deepEqual(
    services,
    services.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
    "by namespace, name, id",
  );
  assert.equal(new Set(services.map(({ ID }) => ID)).size, services.length, "an id is there once");
  for (const service of services) {
    const allocation = snapshot.allocation(service.AllocID);
    assert.ok(allocation !== undefined && !clientTerminal(allocation), `what stands behind ${service.ID} lives (F28)`);
    assert.ok(snapshot.node(service.NodeID) !== undefined && allocation.NodeID === service.NodeID);
    assert.equal(snapshot.service(service.ID), service);
  }
  const own = (list: Iterable<ServiceRegistration>, of: (each: ServiceRegistration) => boolean) =>
    assert.deepEqual([...list], services.filter(of));
  for (const name of ["web", "api", "web-admin"]) {
    own(snapshot.servicesByName(DEFAULT, name), (each) => each.Namespace === DEFAULT && each.ServiceName === name);
    own(snapshot.servicesByName("*", name), (each) => each.ServiceName === name);
  }
  for (let n = 0; n < 5; n++) own(snapshot.servicesByNode(`node-${n}`), (each) => each.NodeID === `node-${n}`);
  for (let n = 0; n < 4; n++) own(snapshot.servicesByJob(DEFAULT, `job-${n}`), (each) => each.JobID === `job-${n}`);
  for (const { ID } of snapshot.allocations()) own(snapshot.servicesByAllocation(ID), (each) => each.AllocID === ID);
  const keys = [...snapshot.rootKeys()];
  assert.equal(keys.filter(({ State }) => State === "active").length, keys.length === 0 ? 0 : 1, "one key is active");
  assert.equal(
    snapshot.activeRootKey(),
    keys.find(({ State }) => State === "active"),
  );
}

function assertDeployments(snapshot: Snapshot): void {
  const ids = (list: Iterable<{ readonly ID: string }>) => [...list].map(({ ID }) => ID);
  const deployments = [...snapshot.deployments()];
  const active = deployments.filter(deploymentActive);
  assert.deepEqual(ids(snapshot.activeDeployments()), ids(active));
  const allocations = [...snapshot.allocations()];
  for (const { ID } of deployments) {
    assert.deepEqual(ids(snapshot.allocationsByDeployment(ID)), ids(allocations.filter((each) => each.DeploymentID === ID)));
  }
  for (const jobId of ["job-0", "job-1", "job-2", "job-3"]) {
    const own = deployments.filter((each) => each.JobID === jobId);
    const newestFirst = own.toSorted((a, b) => b.CreateIndex - a.CreateIndex || (a.ID < b.ID ? 1 : -1));
    assert.deepEqual(ids(snapshot.deploymentsByJob(DEFAULT, jobId)), ids(newestFirst));
    assert.ok(own.filter(deploymentActive).length <= 1, `job ${jobId} has one active deployment at most`);
    const goesOn = own.find(deploymentActive);
    assert.equal(snapshot.activeDeployment(DEFAULT, jobId)?.ID, goesOn?.ID);
    const job = snapshot.job(DEFAULT, jobId);
    assert.equal(goesOn?.JobCreateIndex ?? job?.CreateIndex, job?.CreateIndex, "what goes on is of the job as it is");
  }
}

function assertKin(snapshot: Snapshot): void {
  const jobs = [...snapshot.jobs("*")];
  assert.deepEqual(
    [...snapshot.systemJobs()],
    jobs.filter(({ Type }) => Type === "system" || Type === "sysbatch"),
  );
  for (const jobId of ["job-0", "job-1", "job-2", "job-3"]) {
    const children = jobs.filter((each) => each.ParentID === jobId);
    assert.deepEqual([...snapshot.childJobs(DEFAULT, jobId)], children);
    const tokens = children.map((each) => each.DispatchIdempotencyToken).filter((token) => token !== "");
    assert.equal(new Set(tokens).size, tokens.length, "a token dispatched one child");
    for (const each of children) {
      if (each.DispatchIdempotencyToken !== "") {
        assert.equal(snapshot.dispatchedJob(DEFAULT, jobId, each.DispatchIdempotencyToken), each);
      }
    }
    if (snapshot.job(DEFAULT, jobId) === undefined) {
      assert.equal(snapshot.periodicLaunch(DEFAULT, jobId), undefined);
      assert.deepEqual(snapshot.scalingEvents(DEFAULT, jobId), {});
    }
    assert.ok(snapshot.pastReasons(DEFAULT, jobId).length <= PAST_REASONS_MAX);
    for (const events of Object.values(snapshot.scalingEvents(DEFAULT, jobId))) assert.ok(events.length <= SCALING_EVENTS_MAX);
  }
  assert.ok(
    snapshot.namespace("default") !== undefined && snapshot.nodePool("all") !== undefined && snapshot.nodePool("default") !== undefined,
  );
  for (const node of snapshot.nodes()) assert.ok(snapshot.nodePool(node.NodePool) !== undefined, `pool ${node.NodePool} exists`);
}

/** Counts what a deployment has been through, from what the state announces. */
class Recount {
  readonly #members = new Map<string, Map<string, { verdict: boolean | null; canary: AllocationId | null; group: string }>>();
  /** Where each allocation was last, and how often it has moved: one that comes back is placed again. */
  readonly #moves = new Map<string, { deployment: string; count: number }>();

  note({ allocations, deployments }: Change): void {
    for (const { ID } of deployments) if (!this.#members.has(ID)) this.#members.set(ID, new Map());
    for (const { ID, DeploymentID, DeploymentStatus, TaskGroup } of allocations) {
      const last = this.#moves.get(ID) ?? { deployment: "", count: 0 };
      const move = last.deployment === DeploymentID ? last : { deployment: DeploymentID, count: last.count + 1 };
      this.#moves.set(ID, move);
      // One that was a canary was placed as one, though promotion takes the mark away.
      const known = this.#members.get(DeploymentID)?.get(`${ID} ${move.count}`);
      const canary = known === undefined ? (DeploymentStatus?.Canary === true ? ID : null) : known.canary;
      const member = { verdict: DeploymentStatus?.Healthy ?? null, canary, group: TaskGroup };
      this.#members.get(DeploymentID)?.set(`${ID} ${move.count}`, member);
    }
  }

  check(snapshot: Snapshot): void {
    for (const deployment of snapshot.deployments()) {
      for (const [name, group] of Object.entries(deployment.TaskGroups)) {
        const members = [...(this.#members.get(deployment.ID)?.values() ?? [])].filter((member) => member.group === name);
        const count = (of: boolean) => members.filter(({ verdict }) => verdict === of).length;
        const actual = [group.PlacedAllocs, group.HealthyAllocs, group.UnhealthyAllocs, group.PlacedCanaries.toSorted()];
        const canaries = members.flatMap(({ canary }) => canary ?? []);
        assert.deepEqual(actual, [members.length, count(true), count(false), canaries.sort()], `${deployment.ID} ${name}`);
        assert.equal(group.RequireProgressBy !== null, members.length > 0);
      }
    }
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
      assertDeployments(snapshot);
      assertKin(snapshot);
      assertServices(snapshot);
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
        assertDeployments(restored.snapshot());
        assertKin(restored.snapshot());
        assertServices(restored.snapshot());
        other = restored;
      }
    }
    assert.equal(other.digest(), state.digest());
  }),
);

test(
  "A deployment's counters equal a recount of what it has been through",
  forSeeds(12, (seed) => {
    const recount = new Recount();
    run(
      seed,
      (state) => recount.check(state.snapshot()),
      (change) => recount.note(change),
    );
  }),
);

test(
  "A command taken back leaves everything as it was",
  forSeeds(3, (seed) => {
    const random = createSeededRandom(seed);
    const state = createState({ clock: createVirtualClock(), freeze: true });
    const tables = new Tables();
    const kept = { interned: new Interned(), freeze: true, restoration: new Restoration(false) };
    const codec = createCodec();
    const view = () => new TablesSnapshot(tables, () => undefined);
    let undone = 0;
    for (let at = 1; at <= COMMANDS; at++) {
      const command = randomCommand(random, state.snapshot(), []);
      const envelope = { version: commandVersion(command.type) ?? 0, time: at * 1e9, requestId: `r${at}`, command };
      const bytes = codec.encode(envelope);
      state.apply(at, codec.decode(bytes));
      const before = digestOf(tables);
      const indexes = { ...tables.tableIndexes };
      const draft = new Draft(tables, { index: at, time: at * 1e9, version: envelope.version }, kept);
      if (applyCommand(draft, codec.decode(bytes).command) === undefined) settle(draft);
      if (digestOf(tables) !== before) undone++;
      draft.undo();
      assert.equal(digestOf(tables), before, command.type);
      assert.deepEqual(tables.tableIndexes, indexes);
      if (at % 5 === 0) for (const check of [assertIndexes, assertDeployments, assertKin, assertServices]) check(view());
      applyEntry(tables, at, codec.decode(bytes), kept);
    }
    assert.equal(digestOf(tables), state.digest());
    assert.ok(undone > COMMANDS / 3, `${undone} commands had something to take back`);
  }),
);

test(
  "Whatever is written between two pages, what was there all along is listed once (F27)",
  forSeeds(12, (seed) => {
    const random = createSeededRandom(seed);
    const state = createState({ clock: createVirtualClock(), freeze: true });
    const codec = createCodec();
    let at = 0;
    const write = () => {
      const command = randomCommand(random, state.snapshot(), []);
      const envelope = { version: commandVersion(command.type) ?? 0, time: ++at * 1e9, requestId: `r${at}`, command };
      state.apply(at, codec.decode(codec.encode(envelope)));
    };
    for (let n = 0; n < 150; n++) write();
    const keys = () => new Set([...state.snapshot().jobs("*")].map((job) => job.ID));
    const lists: Record<string, { all: () => Iterable<string>; page: (after: string | undefined) => string[] }> = {
      jobs: {
        all: keys,
        page: (after) => first(2, state.snapshot().jobs("*", "", after === undefined ? undefined : { Namespace: DEFAULT, ID: after })),
      },
      allocations: {
        all: () => [...state.snapshot().allocations()].map(({ ID }) => ID),
        page: (after) => first(2, state.snapshot().allocations(), after),
      },
      evaluations: {
        all: () => [...state.snapshot().evaluations()].map(({ ID }) => ID),
        page: (after) => first(2, state.snapshot().evaluations(), after),
      },
    };
    for (const [name, list] of Object.entries(lists)) {
      const always = new Set(list.all());
      const seen: string[] = [];
      for (let page = list.page(undefined); page.length > 0; page = list.page(page.at(-1))) {
        seen.push(...page);
        if (random.integer(2) === 0) write();
        const now = new Set(list.all());
        for (const id of always) if (!now.has(id)) always.delete(id);
      }
      assert.equal(new Set(seen).size, seen.length, `${name}: nothing twice`);
      for (const id of always) assert.ok(seen.includes(id), `${name}: ${id} is not lost`);
    }
  }),
);

function first(count: number, records: Iterable<{ readonly ID: string }>, after?: string): string[] {
  const ids: string[] = [];
  for (const { ID } of records) {
    if (after !== undefined && ID <= after) continue;
    ids.push(ID);
    if (ids.length === count) break;
  }
  return ids;
}

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

test("A digest in steps is of the moment it was begun, though applies go on, and the one that is computed at once", () => {
  for (const seed of [4, 5]) {
    const { state, log } = run(seed, () => undefined);
    const digest = state.digest();
    const steps = state.digesting();
    const codec = createCodec();
    let index = state.index;
    let at = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      const bytes = log[at++ % log.length] as Uint8Array;
      state.apply(++index, { ...codec.decode(bytes), requestId: `later-${index}` });
    }
    assert.ok(at > 50, `it took ${at} steps`);
    assert.equal(step.value, digest);
    assert.notEqual(state.digest(), digest);
  }
});
