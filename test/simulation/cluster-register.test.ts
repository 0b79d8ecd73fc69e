/**
 * A register on several simulated servers under seeded faults: lost requests and answers, parted and slow roads, full and slow disks, killed servers,
 * clocks that are off. What its clients saw is what one copy could have told them. And servers that answer reads without a barrier, or
 * write again under another request id, are found out: the test can fail. A seed that fails replays exactly: DROVER_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command, Outcome, Snapshot } from "#state";
import { createHistory, type Ending, type History, historyFaults } from "../history/record.ts";
import type { RegisterCall } from "../history/register.ts";
import { type StaleRead, staleFaults } from "../history/stale.ts";
import { testScale } from "../scale.ts";
import { DEFAULT, job } from "../unit/state/nouns.ts";
import { createFaults } from "./cluster-faults.ts";
import { createClusterWorld, type SimulatedServer, tellAll } from "./cluster-world.ts";
import { seedOfRun } from "./random.ts";

const STEPS = 50;
const CLIENTS = 5;
const REGISTERS = ["a", "b"];
const SEEDS = Math.ceil(4 * testScale());
/** A client that was told nothing for so long asks somebody else. */
const PATIENCE_MS = 12_000;

type Running = NonNullable<SimulatedServer["cluster"]>;

/** How a server goes about what it is asked. */
interface Manner {
  read(cluster: Running): Promise<Snapshot>;
  write(cluster: Running, command: Command, requestId: string, sleep: (delayMs: number) => Promise<void>): Promise<Outcome>;
}

const OURS: Manner = {
  read: (cluster) => cluster.read(),
  write: (cluster, command, requestId) => cluster.propose(command, requestId),
};
const WITHOUT_BARRIER: Manner = { ...OURS, read: async (cluster) => cluster.state.snapshot() };
/** When no answer came soon, as if it were another request. */
const WRITING_AGAIN: Manner = {
  ...OURS,
  async write(cluster, command, requestId, sleep) {
    const first = cluster.propose(command, requestId);
    first.catch(() => undefined);
    const again = sleep(300).then(() => cluster.propose(command, `${requestId}-again`));
    again.catch(() => undefined);
    return Promise.any([first, again]);
  },
};

interface Played {
  readonly history: History;
  readonly stale: readonly StaleRead[];
  readonly told: string;
}

async function play(seed: number, manner: Manner): Promise<Played> {
  const world = createClusterWorld({
    seed,
    servers: 3,
    snapshotEveryEntries: 25,
    limits: { cutEveryMs: 500, cutMarginEntries: 5, cutPatienceEntries: 15, reportEveryMs: 300, silenceMs: 3_000, streamHoldMs: 5_000 },
  });
  const { random, clock } = world;
  const faults = createFaults(world);
  const history = createHistory();
  const stale: StaleRead[] = [];
  const story: string[] = [];
  let over = false;
  let written = 0;

  /** One that is down, or dies meanwhile, answers nothing. */
  const ask = async (process: string, register: string, call: RegisterCall, server: SimulatedServer): Promise<Ending> => {
    const { cluster } = server;
    if (cluster === undefined) return "failed";
    const act = async (): Promise<Ending> => {
      if (call.kind === "read") return there(await manner.read(cluster), register);
      const EnforceIndex = call.kind === "cas" ? call.expected : null;
      const Job = { ...job(register), Meta: { value: call.value } };
      const command: Command = { type: "job-register", Job, Submission: null, Evaluation: null, EnforceIndex, PreserveCounts: false };
      const outcome = await manner.write(cluster, command, call.value, (delayMs) => clock.sleep(delayMs));
      return outcome.ok ? { kind: "written", index: outcome.index } : there(cluster.state.snapshot(), register);
    };
    return Promise.race([act().catch((): Ending => "unknown"), clock.sleep(PATIENCE_MS).then((): Ending => "unknown")]);
  };
  const client = async (process: string): Promise<void> => {
    const seen = new Map<string, number>();
    while (!over) {
      await clock.sleep(20 + random.integer(200));
      const server = world.servers[random.integer(3)] as SimulatedServer;
      const register = REGISTERS[random.integer(REGISTERS.length)] as string;
      const dice = random.fraction();
      const value = `${process}-${written++}`;
      const call: RegisterCall =
        dice < 0.5 ? { kind: "read" } : dice < 0.7 ? { kind: "write", value } : { kind: "cas", expected: seen.get(register) ?? 0, value };
      const ending = await history.run(process, register, call, () => ask(process, register, call, server));
      if (typeof ending !== "string") seen.set(register, ending.index);
    }
  };
  const lookNow = (): void => {
    for (const server of world.running())
      for (const register of REGISTERS) {
        const beganAt = history.now();
        const { value, index } = there((server.cluster as Running).state.snapshot(), register);
        stale.push({ server: server.name, register, beganAt, endedAt: history.now(), value, index });
      }
  };

  for (const server of world.servers) await world.start(server);
  const clients = Array.from({ length: CLIENTS }, (_, n) => client(`p${n}`));
  try {
    for (let step = 0; step < STEPS; step++) {
      if (random.fraction() < 0.6) story.push(`${step}: ${await faults.step()}`);
      for (let n = random.integer(8); n >= 0; n--) {
        await clock.advance(100);
        lookNow();
      }
    }
    over = true;
    await faults.mend();
    await clock.advance(PATIENCE_MS + 1_000);
    await Promise.all(clients);
    await world.until("somebody leads", () => world.leaders().length === 1);
    for (const server of world.servers) {
      let done = false;
      // Each tells the same in the end, as a reader behind all others.
      void Promise.all(
        REGISTERS.map((register) =>
          history.run(`last-${server.name}`, register, { kind: "read" }, async () =>
            there(await (server.cluster as Running).read(), register),
          ),
        ),
      ).then(
        () => (done = true),
        () => undefined,
      );
      await world.until(`${server.name} to answer`, () => done);
    }
    const level = (): boolean => world.servers.every(({ cluster }) => cluster?.state.logIndex === world.shared.content.head?.LastIndex);
    await world.until("all are level", level);
    assert.equal(new Set(world.servers.map(({ cluster }) => cluster?.state.digest())).size, 1, "the states differ");
    return { history, stale, told: `${story.slice(-30).join("\n")}\n${tellAll(world.servers)}` };
  } catch (thrown) {
    throw new Error(`seed ${seed}: ${(thrown as Error).message}\n${story.slice(-25).join("\n")}\n${tellAll(world.servers)}`, {
      cause: thrown,
    });
  } finally {
    over = true;
    await world.close();
  }
}

function there(snapshot: Snapshot, register: string): Extract<Ending, { readonly kind: "told" }> {
  const found = snapshot.job(DEFAULT, register);
  return { kind: "told", value: found?.Meta?.["value"] ?? null, index: found?.JobModifyIndex ?? 0 };
}

test("What clients of a register on several servers see is what one copy could have told, whatever befalls them", async (context) => {
  const first = seedOfRun();
  const count = { answered: 0, unknown: 0, stale: 0 };
  for (let run = 0; run < SEEDS; run++) {
    const seed = (first + run) >>> 0;
    const { history, stale, told } = await play(seed, OURS);
    assert.deepEqual(historyFaults(history), [], `seed ${seed}\n${told}`);
    assert.deepEqual(staleFaults(stale, history.operations), [], `seed ${seed}\n${told}`);
    const all = [...history.operations.values()].flat();
    count.answered += all.filter(({ answer }) => answer !== undefined).length;
    count.unknown += all.filter(({ answer }) => answer === undefined).length;
    count.stale += stale.length;
  }
  context.diagnostic(
    `seeds from ${first}: ${count.answered} operations answered, ${count.unknown} writes without an answer, ${count.stale} stale reads`,
  );
  assert.ok(count.answered > SEEDS * 100 && count.unknown > 0, JSON.stringify(count));
});

for (const [what, manner] of [
  ["answer reads without a barrier", WITHOUT_BARRIER],
  ["write again under another request id", WRITING_AGAIN],
] as const)
  test(`Servers that ${what} are found out`, async () => {
    let found = 0;
    for (let seed = 1; seed <= 4; seed++) if (historyFaults((await play(seed, manner)).history).length > 0) found++;
    assert.ok(found > 0, "the checker saw nothing wrong: it cannot fail");
  });
