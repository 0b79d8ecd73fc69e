/** The memory maker under a road that delays and loses: whatever happens, what was acknowledged stands once, in order, for everybody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createMemorySharedWorld, createVirtualClock, memorySharedLog } from "#integrations/memory";
import type { SharedLog, Tenure } from "#ports";
import type { NamedError } from "#std";
import { testScale } from "../scale.ts";
import { CREATED, bytes, leaderOf, text } from "./shared-log.ts";

type Step =
  | { readonly do: "append"; readonly server: number; readonly count: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "end" }
  | { readonly do: "cut"; readonly server: number; readonly through: number }
  | { readonly do: "reach"; readonly server: number; readonly on: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: fc.record({ do: fc.constant("append" as const), server: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }), weight: 6 },
    { arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 300, 1_500) }), weight: 4 },
    { arbitrary: fc.record({ do: fc.constant("end" as const) }), weight: 1 },
    { arbitrary: fc.record({ do: fc.constant("cut" as const), server: fc.nat(1), through: fc.nat(20) }), weight: 1 },
    { arbitrary: fc.record({ do: fc.constant("reach" as const), server: fc.nat(1), on: fc.boolean() }), weight: 1 },
  ),
  { minLength: 5, maxLength: 60 },
);
/** What the road does to the n-th request, in turn: nothing, late, lost; the same for its answer. */
const fates = fc.array(fc.constantFrom("through", "through", "through", "late", "lost", "answer late", "answer lost"), {
  minLength: 1,
  maxLength: 40,
});

test("memory: two tenures, a bad road: every acknowledged entry once, in order, for every follower", async () => {
  let acknowledged = 0;
  let unknown = 0;
  let tenures = 0;
  await fc.assert(
    fc.asyncProperty(steps, fates, async (script, fate) => {
      const clock = createVirtualClock({ settleTurns: 2 });
      const world = createMemorySharedWorld({ clock });
      let id = 0;
      const logs = ["a", "b"].map((server) => memorySharedLog(world, { server, id: () => `id-${++id}` }));
      const [a] = logs as [SharedLog, SharedLog];
      assert.equal(await a.create(CREATED), true);

      let asked = 0;
      let isBad = true;
      const late = () => clock.sleep(200 + (asked % 7) * 400);
      const dice = new Map<object, string>();
      world.deliver = async (request) => {
        const mine = isBad ? (fate[asked++ % fate.length] ?? "through") : "through";
        dice.set(request, mine);
        if (mine === "late") await late();
        if (mine === "lost") throw new Error("lost");
      };
      world.answer = async (request) => {
        if (dice.get(request) === "answer late") await late();
        if (dice.get(request) === "answer lost") throw new Error("lost");
      };

      const over = new AbortController();
      const held: (Tenure | undefined)[] = [undefined, undefined];
      const lead = async (n: number): Promise<void> => {
        for (;;) {
          const tenure = await logs[n]?.campaign(leaderOf("ab"[n] ?? ""), over.signal);
          if (tenure === undefined) return;
          tenures++;
          held[n] = tenure;
          if (!tenure.lost.aborted)
            await new Promise<void>((resolve) => void tenure.lost.addEventListener("abort", () => resolve(), { once: true }));
        }
      };
      const leading = [lead(0), lead(1)].map((work) => work.catch(() => undefined));

      const told = new Map<string, number>();
      const maybe = new Set<string>();
      const never = new Set<string>();
      let value = 0;
      const working: Promise<unknown>[] = [];
      for (const step of script) {
        if (step.do === "advance") await clock.advance(step.ms);
        else if (step.do === "end") world.endTenure();
        else if (step.do === "reach") world.setReachable("ab"[step.server] ?? "", step.on);
        else if (step.do === "cut") working.push(held[step.server]?.cut(step.through).catch(() => undefined) ?? Promise.resolve());
        else {
          const values = Array.from({ length: step.count }, () => `v${++value}`);
          const work = held[step.server]?.append(values.map(bytes));
          if (work === undefined) continue;
          working.push(
            work.then(
              (first) => values.forEach((each, n) => void told.set(each, first + n)),
              (thrown: unknown) => {
                const { code } = thrown as NamedError;
                assert.ok(["SHARED_LOG_NOT_LEADING", "SHARED_LOG_OUTCOME_UNKNOWN", "LOG_WRITE_FAILED"].includes(code), String(thrown));
                const into = code === "SHARED_LOG_OUTCOME_UNKNOWN" ? maybe : never;
                for (const each of values) into.add(each);
              },
            ),
          );
        }
      }
      isBad = false;
      world.setReachable("a", true);
      world.setReachable("b", true);
      await clock.advance(20_000);
      await Promise.all(working);

      for (const log of logs) {
        const { LastIndex, Floor } = world.content.head ?? assert.fail("no head");
        const seen = Array.from({ length: Floor - 1 }, (_, n) => `cut ${n + 1}`);
        let previous: string | undefined = Floor === 1 ? "" : undefined;
        if (LastIndex >= Floor) {
          for await (const batch of log.follow(Floor, new AbortController().signal)) {
            assert.equal(batch.FirstIndex, seen.length + 1);
            assert.equal(batch.PreviousEpochId, previous ?? batch.PreviousEpochId);
            previous = batch.EpochId;
            seen.push(...batch.Entries.map(text));
            if (seen.length >= LastIndex) break;
          }
        }
        assert.equal(seen.length, LastIndex);
        assert.equal(new Set(seen).size, seen.length, "each once");
        for (const [each, index] of told) assert.ok(index < Floor || seen[index - 1] === each, `${each} is where it was told to be`);
        for (const each of seen.slice(Floor - 1)) assert.ok(told.has(each) || maybe.has(each), `${each} was said not to be written`);
        for (const each of never) assert.ok(!seen.includes(each));
      }
      acknowledged += told.size;
      unknown += maybe.size;
      over.abort();
      for (const log of logs) await log.close();
      await clock.advance(5_000);
      await Promise.all(leading);
    }),
    { numRuns: Math.round(60 * testScale()), endOnFailure: true },
  );
  // Where nothing went wrong nothing was tested.
  assert.ok(acknowledged > 10 && unknown > 0 && tenures > 60, JSON.stringify({ acknowledged, unknown, tenures }));
});

for (const when of ["before", "after"] as const)
  test(`memory: an append that comes ${when} the next tenure's first entry is not written`, async () => {
    const clock = createVirtualClock({ settleTurns: 3 });
    const world = createMemorySharedWorld({ clock });
    const [a, b] = [memorySharedLog(world, { server: "a" }), memorySharedLog(world, { server: "b" })];
    await a.create(CREATED);
    const stop = new AbortController();
    const one = await a.campaign(leaderOf("a"), stop.signal);
    let letGo: () => void = () => undefined;
    world.deliver = ({ kind, server }) =>
      kind === "append" && server === "a" ? new Promise((resolve) => (letGo = resolve)) : Promise.resolve();
    const late = one.append([bytes("late")]);
    const refused = assert.rejects(late, (thrown) => (thrown as NamedError).code === "SHARED_LOG_OUTCOME_UNKNOWN");
    await clock.advance(1_100);
    await refused;
    assert.equal(one.lost.aborted, true);
    const two = await b.campaign(leaderOf("b"), stop.signal);
    if (when === "after") assert.equal(await two.append([bytes("first")]), 1);
    letGo();
    await clock.settle();
    if (when === "before") assert.equal(await two.append([bytes("first")]), 1);
    assert.equal(await two.append([bytes("second")]), 2);
    assert.deepEqual(
      [...world.content.batches.values()].flatMap(({ Entries }) => Entries.map(text)),
      ["first", "second"],
    );
    await a.close();
    await b.close();
  });

test("memory: an answer lost after the commit is found out about, and acknowledged", async () => {
  const clock = createVirtualClock();
  const world = createMemorySharedWorld({ clock });
  const a = memorySharedLog(world, { server: "a" });
  await a.create(CREATED);
  const one = await a.campaign(leaderOf("a"), new AbortController().signal);
  world.answer = ({ kind }) => (kind === "append" ? Promise.reject(new Error("lost")) : Promise.resolve());
  assert.equal(await one.append([bytes("x")]), 1);
  assert.equal(one.lost.aborted, false);
  assert.equal(world.content.head?.LastIndex, 1);
  await a.close();
});

test("memory: a process that is gone does nothing any more, and its name can be taken again", async () => {
  const clock = createVirtualClock();
  const world = createMemorySharedWorld({ clock });
  const a = memorySharedLog(world, { server: "a" });
  await a.create(CREATED);
  const one = await a.campaign(leaderOf("a"), new AbortController().signal);
  await one.append([bytes("1")]);
  world.crash("a");
  let answered = false;
  void one.append([bytes("never")]).finally(() => (answered = true));
  const again = memorySharedLog(world, { server: "a" });
  const two = await again.campaign(leaderOf("a"), new AbortController().signal);
  assert.equal(await two.append([bytes("2")]), 2);
  assert.equal(answered, false);
  await again.close();
});
