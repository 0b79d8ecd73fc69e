/**
 * Chaos: a seeded history of what operators do and of what befalls an agent and its Consul. After each round all must be true again within
 * 10 s, and in the end nothing is left. DROVER_CHAOS_SEED replays a history.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { describeRound, historyOf, type JobName } from "./consul-chaos-history.ts";
import { OFFERS, openWorld, type Allocation, type CatalogService, type World } from "./consul-chaos-world.ts";
import { eventually } from "./real-agent.ts";

/** Whatever happened, the catalog equals the live allocations this soon after Consul answers again. */
const LIMIT_MS = 10_000;
/** Room for work that is not the catalog's: places found, tasks started, Consul found again by a node that started without it. */
const STARTED_MS = 30_000;
/** A token that is gone is made anew (F31). */
const TOKENS_MS = 30_000;
const soak = testScale() >= 10;
const WANTED = soak ? { lifecycles: 300, kills: 20 } : { lifecycles: 50, kills: 5 };
/** Nothing comes back from the dead for so long. */
const SILENCE_MS = soak ? 60_000 : 3_000;

const allocationOf = (service: CatalogService): string => /^_nomad-task-([0-9a-f-]{36})-/.exec(service.ID)?.[1] ?? "";

/** What of the catalog is of this node's allocations: "<allocation> <service> <tags>". */
function shown(catalog: readonly CatalogService[], neighbours: ReadonlySet<string>): string[] {
  return catalog
    .filter((each) => allocationOf(each) !== "" && !neighbours.has(allocationOf(each)))
    .map((each) => `${allocationOf(each)} ${each.Service} ${each.Tags.join()}`)
    .toSorted();
}

function offered(world: World, living: readonly Allocation[]): string[] {
  return living
    .flatMap((each) => {
      const job = each.JobID as JobName;
      return OFFERS[job].services.map((name) => `${each.ID} ${name} ${world.wanted.get(job)?.tag ?? "none"}`);
    })
    .toSorted();
}

class Judge {
  readonly #world: World;
  readonly #neighbours: ReadonlySet<string>;
  readonly #theirs: string;
  /** When each service was made, as Consul counts; only while it forgets nothing. */
  #made = new Map<string, number>();
  #wipes = 0;
  #startedAt = new Map<string, string>();
  readonly longest = new Map<string, number>();
  unheard = 0;

  constructor(world: World, neighbour: Allocation) {
    this.#world = world;
    this.#neighbours = new Set([neighbour.ID]);
    this.#theirs = JSON.stringify(neighbour.TaskStates);
  }

  /** Everything is as it should be, soon. */
  async quiet(what: string, sinceMs: number): Promise<void> {
    const world = this.#world;
    let last: unknown;
    const told = (error: unknown): never => {
      throw new Error(`${String(error)}\n${JSON.stringify(last, null, 1)}\n${world.agent.output().slice(-6000)}`);
    };
    await eventually(
      `the catalog to equal the live allocations after "${what}"`,
      async () => {
        const living = (await world.allocations()).filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run");
        const [is, should] = [shown(await world.catalog(), this.#neighbours), offered(world, living)];
        last = { is, should };
        return is.join() === should.join();
      },
      LIMIT_MS,
    ).catch(told);
    this.#took(what, "truth", sinceMs);
    await eventually(
      `all that is wanted to run after "${what}"`,
      async () => {
        const all = (await world.allocations()).filter((each) => !["complete", "failed", "lost"].includes(each.ClientStatus));
        const running = all.filter((each) => each.ClientStatus === "running");
        last = {
          wanted: [...world.wanted],
          all: all.map(({ Name, ClientStatus, DesiredStatus }) => `${Name} ${DesiredStatus} ${ClientStatus}`),
        };
        if (all.length !== running.length) return false;
        for (const job of Object.keys(OFFERS) as JobName[])
          if (running.filter((each) => each.JobID === job).length !== (world.wanted.get(job)?.count ?? 0)) return false;
        const [is, should] = [shown(await world.catalog(), this.#neighbours), offered(world, running)];
        last = { is, should };
        return is.join() === should.join();
      },
      STARTED_MS,
    ).catch(told);
    this.#took(what, "herd", sinceMs);
    await this.#services();
    await this.#allocations();
    await eventually(
      `the tokens to be the living workloads' after "${what}"`,
      () => this.#tokens((found) => (last = found)),
      TOKENS_MS,
    ).catch(told);
    this.#took(what, "tokens", sinceMs);
  }

  #took(what: string, of: string, sinceMs: number): void {
    const fault = `${of}, ${what.replace(/:.*/, "")}`;
    this.longest.set(fault, Math.max(this.longest.get(fault) ?? 0, Math.round(performance.now() - sinceMs)));
  }

  /** What stays was never taken off; the neighbour's are all there (F29). */
  async #services(): Promise<void> {
    const world = this.#world;
    const catalog = await eventually(
      "the neighbour's services",
      async () => {
        const all = await world.catalog();
        return all.filter((each) => this.#neighbours.has(allocationOf(each))).length === 1 && all;
      },
      LIMIT_MS,
    );
    // A task's own service goes with its task, and comes with it again.
    const lasting = catalog.filter((each) => !world.crashes.has(allocationOf(each)));
    const made = new Map(lasting.map((each) => [each.ID, each.CreateIndex]));
    if (world.wipes() === this.#wipes) {
      for (const [id, index] of made) assert.equal(this.#made.get(id) ?? index, index, `${id} was taken off and made known again`);
    }
    this.#wipes = world.wipes();
    this.#made = made;
    const [neighbour] = await world.allocations(world.neighbour);
    assert.equal(JSON.stringify(neighbour?.TaskStates), this.#theirs, "the neighbour's allocation was disturbed");
  }

  /** No task was restarted but those that were killed; none was started twice, none failed. */
  async #allocations(): Promise<void> {
    const world = this.#world;
    const startedAt = new Map<string, string>();
    for (const each of await world.allocations()) {
      assert.ok(each.ClientStatus !== "failed" && each.ClientStatus !== "lost", `${each.Name} ${each.ID} is ${each.ClientStatus}`);
      const task = each.TaskStates?.["t"];
      if (task === undefined) continue;
      const crashes = world.crashes.get(each.ID) ?? 0;
      assert.ok(task.Restarts <= crashes, `${each.Name} ${each.ID} was restarted ${task.Restarts} times, its task killed ${crashes} times`);
      if (each.ClientStatus !== "running" || task.StartedAt === null) continue;
      if (crashes === 0) assert.equal(this.#startedAt.get(each.ID) ?? task.StartedAt, task.StartedAt, `${each.Name} was started again`);
      startedAt.set(each.ID, task.StartedAt);
    }
    this.#startedAt = startedAt;
  }

  /** One for each living workload, the same as long as Consul knows it; besides only what was made in an answer that never arrived. */
  async #tokens(tell: (found: unknown) => void): Promise<boolean> {
    const world = this.#world;
    const living = (await world.allocations()).filter((each) => each.ClientStatus === "running");
    const expected = living.reduce((sum, each) => sum + OFFERS[each.JobID as JobName].logins, 0);
    const logins = await world.logins();
    const unheard = logins.filter(({ CreateTime }) => {
      const madeMs = Date.parse(CreateTime);
      return world.losses.some(({ fromMs, toMs }) => madeMs >= fromMs && madeMs <= toMs);
    });
    const surely = logins.filter((each) => !unheard.includes(each));
    const keys = new Set(logins.map((each) => each.whose));
    tell({ expected, logins: logins.map(({ whose, CreateTime }) => `${CreateTime} ${whose}`).toSorted(), unheard: unheard.length });
    assert.ok(
      logins.every((each) => each.ExpirationTime !== undefined),
      "a token would live for ever",
    );
    // Every living workload has one, no other has, and none has two, but for those of a moment of loss.
    const alive = [...keys].filter((key) => living.some((each) => key.includes(each.ID)));
    if (alive.length !== expected) return false;
    const twice = surely.filter((each) => surely.some((other) => other !== each && other.whose === each.whose));
    const dead = surely.filter((each) => !living.some(({ ID }) => each.whose.includes(ID)));
    if (twice.length > 0 || dead.length > 0) return false;
    this.unheard = logins.length - expected;
    return true;
  }
}

test("through chaos the catalog equals the live allocations, tokens go back to base, and nobody is disturbed (F28, F29, F30, F31, F33)", async (t) => {
  const seed = Number(process.env["DROVER_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const history = historyOf(seed, WANTED);
  t.diagnostic(`DROVER_CHAOS_SEED=${seed}: ${history.rounds.length} rounds, ${history.kills} kills of the agent`);
  const world = await openWorld(t);
  const neighbour = await eventually("the neighbour to run and to be known", async () => {
    const [one] = await world.allocations(world.neighbour);
    return one?.ClientStatus === "running" && (await world.catalog()).some((each) => allocationOf(each) === one.ID) && one;
  });
  const base = await world.tokenCount();
  const ownServices = async (): Promise<string[]> =>
    (await world.catalog()).filter((each) => allocationOf(each) === "").map((each) => each.ID);
  await eventually("both agents to be known", async () => (await ownServices()).length === 8);
  const own = (await ownServices()).toSorted();
  const judge = new Judge(world, neighbour);

  for (const [index, round] of history.rounds.entries()) {
    const what = describeRound(round);
    const startedMs = performance.now();
    try {
      const sinceMs = await world.perform(round);
      await judge.quiet(what, sinceMs);
    } catch (error) {
      throw new Error(`DROVER_CHAOS_SEED=${seed}, round ${index} (${what}): ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (process.env["DROVER_CHAOS_TELL"] === "1")
      console.log(`${index} ${what}: ${Math.round(performance.now() - startedMs)} ms`, judge.unheard);
  }

  const lifecycles = (await world.allocations()).length;
  const stoppedMs = performance.now();
  await world.stopAll();
  await judge.quiet("the end", stoppedMs);
  assert.ok(
    lifecycles >= WANTED.lifecycles && lifecycles <= history.lifecycles,
    `${lifecycles} lifecycles, ${history.lifecycles} asked for`,
  );
  // Nothing comes back.
  const silentUntil = performance.now() + SILENCE_MS;
  while (performance.now() < silentUntil) {
    const left = (await world.catalog()).filter((each) => allocationOf(each) !== "");
    assert.deepEqual(left.map(allocationOf), [neighbour.ID]);
    await sleep(200);
  }
  await eventually("both agents to be known still", async () => (await ownServices()).toSorted().join() === own.join(), 60_000);
  assert.equal(await world.tokenCount(), base + judge.unheard);
  t.diagnostic(
    `${lifecycles} lifecycles; tokens: ${base} before, ${base + judge.unheard} after (${judge.unheard} made in answers that never arrived)`,
  );
  t.diagnostic(`longest, in ms: ${JSON.stringify(Object.fromEntries([...judge.longest].toSorted((a, b) => b[1] - a[1]).slice(0, 12)))}`);
});
