/**
 * Several servers under seeded faults. Whatever happens: what was acknowledged is there, once, on every server, at the index that was told; the
 * work of a leader writes only in its own tenure; indexes only go up; in the end all states are the same. A seed that fails replays exactly:
 * DROVER_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command, Outcome } from "#state";
import { testScale } from "../scale.ts";
import { DEFAULT, job } from "../unit/state/nouns.ts";
import { createFaults } from "./cluster-faults.ts";
import { createClusterWorld, type SimulatedServer, tellAll } from "./cluster-world.ts";
import { seedOfRun } from "./random.ts";

const STEPS = 60;
const SEEDS = Math.ceil(3 * testScale());

const register = (id: string): Command => ({
  type: "job-register",
  Job: job(id),
  Submission: null,
  Evaluation: null,
  EnforceIndex: null,
  PreserveCounts: false,
});

async function play(seed: number): Promise<{ readonly acknowledged: number; readonly tenures: number; readonly fetched: number }> {
  const broken: string[] = [];
  const watched = new WeakSet<object>();
  let written = 0;
  const world = createClusterWorld({
    seed,
    servers: 3 + (seed % 3),
    snapshotEveryEntries: 25,
    limits: {
      cutEveryMs: 500,
      cutMarginEntries: 5,
      cutPatienceEntries: 15,
      reportEveryMs: 300,
      silenceMs: 3_000,
      streamHoldMs: 5_000,
      digestEveryEntries: 10,
    },
    async onBegin(server, { cluster, lost }) {
      void (async () => {
        while (!lost.aborted && server.life.alive) {
          const Name = `w-${server.name}-${written++}`;
          await cluster.propose({ type: "namespaces-upsert", Namespaces: [{ ...namespaceRecord, Name } as never] }).catch(() => undefined);
          await world.clock.sleep(200);
        }
      })();
    },
  });
  const { random, clock } = world;
  const faults = createFaults(world);
  const watch = (server: SimulatedServer): void => {
    const state = server.cluster?.state;
    if (state === undefined || watched.has(state)) return;
    watched.add(state);
    let last = state.index;
    state.watch.subscribe(({ index, command, replaced }) => {
      if (replaced !== true && index <= last && last > 1) broken.push(`${server.name}: index ${index} after ${last}`);
      last = index;
      if (command.type !== "namespaces-upsert") return;
      const author = command.Namespaces[0]?.Name.split("-")[1];
      if (state.leadership?.ServerID !== author) broken.push(`${author} wrote in the tenure of ${state.leadership?.ServerID}`);
    });
  };
  const acknowledged = new Map<string, Outcome>();
  const open = new Set<Promise<unknown>>();
  const write = (server: SimulatedServer, id: string): void => {
    const proposed = server.cluster
      ?.propose(register(id), `request-${id}`)
      .then((outcome) => acknowledged.set(id, outcome))
      .catch(() => undefined);
    if (proposed !== undefined) open.add(proposed.finally(() => open.delete(proposed)));
  };
  const story: string[] = [];
  try {
    for (const server of world.servers) await world.start(server);
    for (let step = 0; step < STEPS; step++) {
      for (const server of world.running()) watch(server);
      if (random.fraction() < 0.7) story.push(`${step}: ${await faults.step()}`);
      for (const server of world.running()) watch(server);
      for (let n = random.integer(5); n > 0; n--) {
        const up = world.running();
        const server = up[random.integer(up.length)];
        if (server !== undefined) write(server, `j${step}-${n}`);
      }
      await clock.advance(100 + random.integer(900));
    }
    await faults.mend();
    for (const server of world.running()) watch(server);
    await world.until("somebody leads", () => world.leaders().length === 1);
    // Whatever is still under way is answered or given up.
    await clock.advance(11_000);
    write(world.running()[0] as SimulatedServer, "last");
    await world.until("the last write is there", () => acknowledged.has("last"));
    for (const server of world.servers) {
      const reading = server.cluster?.read();
      let snapshot: Awaited<typeof reading>;
      reading?.then((read) => (snapshot = read)).catch(() => undefined);
      await world.until(`${server.name} is up to date`, () => snapshot !== undefined);
      for (const [id, outcome] of acknowledged) {
        const found = snapshot?.job(DEFAULT, id);
        assert.equal(
          found?.CreateIndex,
          outcome.index,
          `"${id}" was acknowledged at ${outcome.index}, on ${server.name} it is of ${found?.CreateIndex}`,
        );
        assert.equal(found?.JobModifyIndex, outcome.index, `"${id}" was written again at ${found?.JobModifyIndex}`);
      }
    }
    const head = () => world.shared.content.head?.LastIndex;
    const level = (): boolean => world.servers.every(({ cluster }) => cluster?.state.logIndex === head());
    await world.until("all are level", level);
    assert.equal(new Set(world.servers.map(({ cluster }) => cluster?.state.digest())).size, 1, "the states differ");
    assert.deepEqual(broken, []);
    const wrongly = world.servers.flatMap(({ told }) =>
      told.filter((line) => line.includes("it is discarded") || line.includes("states differ")),
    );
    assert.deepEqual(wrongly, [], "a right state was taken for a wrong one");
    const compared = [...world.shared.content.reports.values()].map(({ StateDigests = [] }) => StateDigests.map(({ Index }) => Index));
    assert.ok(
      compared[0]?.some((index) => compared.every((indexes) => indexes.includes(index))),
      `no index was compared by all: ${JSON.stringify(compared)}`,
    );
  } catch (thrown) {
    throw new Error(
      `seed ${seed}: ${(thrown as Error).message}\n${broken.slice(0, 5).join("\n")}\n${story.slice(-25).join("\n")}\n${tellAll(world.servers)}`,
      {
        cause: thrown,
      },
    );
  } finally {
    await world.close();
  }
  const told = world.servers.flatMap((server) => server.told);
  const count = (words: string) => told.filter((line) => line.includes(words)).length;
  return { acknowledged: acknowledged.size, tenures: count("leads now"), fetched: count("fetched a snapshot") };
}

const namespaceRecord = { Description: "", Meta: {}, Quota: "" };

test("Whatever befalls several servers, what they acknowledged is there once, and they agree", async (context) => {
  const first = seedOfRun();
  const told = { acknowledged: 0, tenures: 0, fetched: 0 };
  for (let run = 0; run < SEEDS; run++) {
    const { acknowledged, tenures, fetched } = await play((first + run) >>> 0);
    told.acknowledged += acknowledged;
    told.tenures += tenures;
    told.fetched += fetched;
  }
  context.diagnostic(
    `seeds from ${first}: ${told.acknowledged} writes acknowledged, ${told.tenures} tenures, ${told.fetched} snapshots fetched`,
  );
  assert.ok(told.acknowledged > SEEDS * 20 && told.tenures > SEEDS, JSON.stringify(told));
});
