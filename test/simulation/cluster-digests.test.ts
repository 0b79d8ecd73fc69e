/**
 * A server whose state is wrong, by its memory or by its disk, finds out from the others' digests, takes theirs, and nothing that was acknowledged
 * is lost; under seeded faults too. A server whose state is right never discards it. A seed that fails replays exactly: DROVER_SEED.
 */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { restoreState, type Command, type Envelope, type Outcome } from "#state";
import { createVirtualClock } from "#integrations/memory";
import { testScale } from "../scale.ts";
import { DEFAULT, job } from "../unit/state/nouns.ts";
import { createFaults } from "./cluster-faults.ts";
import { type ClusterWorld, createClusterWorld, type SimulatedServer, tellAll } from "./cluster-world.ts";
import { seedOfRun } from "./random.ts";

const STEPS = 40;
const SEEDS = Math.ceil(2 * testScale());
const EVERY = 20;

const register = (id: string): Command => ({
  type: "job-register",
  Job: job(id),
  Submission: null,
  Evaluation: null,
  EnforceIndex: null,
  PreserveCounts: false,
});

interface Played {
  readonly world: ClusterWorld;
  /** Writes on some server until it is taken. */
  write(id: string, on?: SimulatedServer): Promise<void>;
  /** Everything acknowledged is there, on every server, and all states are the same. */
  settled(): Promise<void>;
}

async function inWorld(seed: number, servers: number, body: (played: Played) => Promise<void>): Promise<ClusterWorld> {
  const world = createClusterWorld({
    seed,
    servers,
    snapshotEveryEntries: 25,
    limits: {
      cutEveryMs: 500,
      cutMarginEntries: 5,
      cutPatienceEntries: 15,
      reportEveryMs: 300,
      silenceMs: 3_000,
      streamHoldMs: 5_000,
      digestEveryEntries: EVERY,
      digestEveryMs: 60_000,
      discardRestMs: 1_000,
    },
  });
  const acknowledged = new Map<string, Outcome>();
  const write = async (id: string, on = world.running()[0]): Promise<void> => {
    const proposed = on?.cluster?.propose(register(id), `request-${id}`);
    await proposed?.then(
      (outcome) => acknowledged.set(id, outcome),
      () => undefined,
    );
  };
  const settled = async (): Promise<void> => {
    const level = (): boolean => world.servers.every(({ cluster }) => cluster?.state.logIndex === world.shared.content.head?.LastIndex);
    await world.until("all are level", level);
    assert.equal(new Set(world.servers.map(({ cluster }) => cluster?.state.digest())).size, 1, "the states differ");
    for (const { name, cluster } of world.servers)
      for (const [id, outcome] of acknowledged) {
        const found = cluster?.state.snapshot().job(DEFAULT, id);
        assert.equal(found?.JobModifyIndex, outcome.index, `"${id}" was acknowledged at ${outcome.index}, on ${name} it is not of then`);
      }
  };
  try {
    for (const server of world.servers) await world.start(server);
    await world.until("somebody leads", () => world.leaders().length === 1);
    await body({ world, write, settled });
  } catch (thrown) {
    throw new Error(`seed ${seed}: ${(thrown as Error).message}\n${tellAll(world.servers)}`, { cause: thrown });
  } finally {
    await world.close();
  }
  return world;
}

/** So many entries come, one after the other. */
async function entries({ world, write }: Played, prefix: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    let done = false;
    void write(`${prefix}-${n}`).finally(() => (done = true));
    await world.until("a write is over", () => done);
  }
}

/** The next job it hears of is another one in its memory. */
function tamperMemory(server: SimulatedServer): void {
  const state = server.cluster?.state;
  if (state === undefined) return;
  const apply = state.apply.bind(state);
  let isDone = false;
  state.apply = (index: number, envelope: Envelope) => {
    const { command } = envelope;
    if (isDone || command.type !== "job-register") return apply(index, envelope);
    isDone = true;
    return apply(index, { ...envelope, command: { ...command, Job: { ...command.Job, Priority: command.Job.Priority + 1 } } });
  };
}

/** Its newest snapshot can be read, and holds a job that is not as it was. Where it has one with a job. */
async function tamperDisk({ disk }: SimulatedServer): Promise<boolean> {
  const newest = Math.max(...disk.snapshots.keys());
  const chunks = disk.snapshots.get(newest);
  if (chunks === undefined) return false;
  const state = await restoreState(Readable.from(chunks), { clock: createVirtualClock() });
  const [first] = state.snapshot().jobs("*");
  if (first === undefined) return false;
  Object.assign(first, { StatusDescription: "not what it was" });
  disk.snapshots.set(newest, await Array.fromAsync(state.save()));
  return true;
}

const discards = (server: SimulatedServer): number => server.told.filter((line) => line.includes("it is discarded")).length;

for (const [who, pick] of [
  ["follower", (world: ClusterWorld) => world.servers.find((server) => server.work === undefined)],
  ["leader", (world: ClusterWorld) => world.leaders()[0]],
] as const)
  test(`A ${who} whose memory is wrong is told so by the others' digests, takes their state, and goes on`, async () => {
    await inWorld(1, 3, async (played) => {
      const { world, settled } = played;
      await entries(played, "before", 5);
      const wrong = pick(world) as SimulatedServer;
      tamperMemory(wrong);
      await entries(played, "wrong", 2);
      const others = world.servers.filter((server) => server !== wrong);
      assert.notEqual(wrong.cluster?.state.digest(), others[0]?.cluster?.state.digest());
      await entries(played, "more", EVERY);
      await world.until("it noticed", () => discards(wrong) === 1, 5_000);
      await world.until("somebody leads", () => world.leaders().length === 1);
      await entries(played, "after", 3);
      await settled();
      assert.deepEqual(others.map(discards), [0, 0]);
      assert.match(
        wrong.told.find((line) => line.includes("it is discarded")) ?? "",
        /At index \d+ this server's state is [0-9a-f]{64}, that of "s/,
      );
      assert.ok(wrong.told.some((line) => line.includes("fetched a snapshot")));
    });
  });

test("A server that starts from a snapshot that can be read and is wrong notices with the next digest; killed while it fetches, it notices again", async () => {
  await inWorld(2, 3, async (played) => {
    const { world, settled } = played;
    await entries(played, "before", 40);
    const wrong = world.servers.find((server) => server.work === undefined) as SimulatedServer;
    world.kill(wrong);
    assert.ok(await tamperDisk(wrong));
    await world.start(wrong);
    await entries(played, "more", 2);
    const right = world.leaders()[0];
    await world.until("it is level", () => wrong.cluster?.state.logIndex === right?.cluster?.state.logIndex);
    assert.notEqual(wrong.cluster?.state.digest(), right?.cluster?.state.digest());
    let asked = 0;
    world.peers.passes = async ({ method }) => {
      if (method !== "snapshot") return true;
      asked++;
      await world.clock.sleep(10_000);
      return false;
    };
    await entries(played, "on", EVERY);
    await world.until("it noticed", () => discards(wrong) === 1, 5_000);
    await world.until("it asks for a snapshot", () => asked > 0);
    // What it has is not read meanwhile.
    await assert.rejects(reading(world, wrong), { code: "CLUSTER_NO_LEADER" });
    world.kill(wrong);
    world.peers.passes = async () => true;
    await world.start(wrong);
    await entries(played, "again", EVERY);
    await world.until("it noticed again", () => wrong.told.some((line) => line.includes("fetched a snapshot")), 5_000);
    await settled();
  });
});

test("Of two servers nobody can tell which is right: both say that they differ, and go on", async () => {
  await inWorld(3, 2, async (played) => {
    const { world } = played;
    const wrong = world.servers.find((server) => server.work === undefined) as SimulatedServer;
    tamperMemory(wrong);
    await entries(played, "many", 3 * EVERY + 2);
    await world.until(
      "both say so",
      () => world.servers.every(({ told }) => told.some((line) => line.includes("no majority says"))),
      5_000,
    );
    assert.deepEqual(world.servers.map(discards), [0, 0]);
  });
});

test("Under faults, a server whose memory or disk was made wrong ends with the state of the others; nobody discards a right one", async (context) => {
  const first = seedOfRun();
  const told = { noticed: 0, healed: 0, unresolved: 0 };
  for (let run = 0; run < SEEDS; run++) {
    const seed = (first + run) >>> 0;
    await inWorld(seed, 3 + (seed % 3 === 0 ? 2 : 0), async (played) => {
      const { world, write, settled } = played;
      const { random, clock } = world;
      const faults = createFaults(world);
      const wrong = world.servers[random.integer(world.servers.length)] as SimulatedServer;
      let number = 0;
      for (let step = 0; step < STEPS; step++) {
        if (random.fraction() < 0.5) await faults.step();
        if (step % 10 === 5 && random.fraction() < 0.5) tamperMemory(wrong);
        else if (step % 10 === 5) {
          if (wrong.cluster !== undefined) world.kill(wrong);
          await tamperDisk(wrong);
        }
        const up = world.running();
        for (let n = random.integer(5); n > 0; n--) void write(`j${number++}`, up[random.integer(up.length)]);
        await clock.advance(100 + random.integer(900));
      }
      await faults.mend();
      await world.until("somebody leads", () => world.leaders().length === 1);
      await clock.advance(11_000);
      // Twice: where the first is passed over, and for who rests from having discarded.
      for (const name of ["last", "very-last"]) {
        await entries(played, name, EVERY);
        await clock.advance(3_000);
      }
      // A wrong state may have been handed on, to servers that lagged, before anybody compared: there may be no majority then, and all say so.
      const others = world.servers.filter((server) => server !== wrong);
      const handedOn = others.some(({ told: lines }) => lines.some((line) => line.includes("fetched a snapshot")));
      const unresolved = world.servers.every(({ told: lines }) => lines.some((line) => line.includes("no majority says")));
      if (handedOn && unresolved) return void told.unresolved++;
      await settled();
      if (!handedOn) for (const server of others) assert.equal(discards(server), 0, `${server.name} discarded its state`);
      if (discards(wrong) > 0) told.noticed++;
      else told.healed++;
    });
  }
  context.diagnostic(
    `seeds from ${first}: ${told.noticed} noticed and fetched, ${told.healed} were right again without, in ${told.unresolved} nobody could tell and all said so`,
  );
});

async function reading(world: ClusterWorld, server: SimulatedServer): Promise<unknown> {
  let done = false;
  const reading = (server.cluster as NonNullable<SimulatedServer["cluster"]>).read().finally(() => (done = true));
  reading.catch(() => undefined);
  await world.until("it answered", () => done);
  return reading;
}
