import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { supervise } from "../../../../../integrations/consul/private/supervision.ts";

function world() {
  const clock = createVirtualClock();
  const starts: number[] = [];
  const told: string[] = [];
  const state = { alive: true, fails: false, answers: true, endFails: false, asked: 0 };
  const ends: { atMs: number; process: number }[] = [];
  const ending = { held: Promise.resolve() };
  const supervised = {
    start: async () => {
      starts.push(clock.nowMs());
      if (state.fails) throw new Error("the port is taken");
      state.alive = true;
      return starts.length;
    },
    isRunning: () => state.alive,
    answers: async (_process: number, withinMs: number) => {
      state.asked += 1;
      if (state.answers) return true;
      await clock.sleep(withinMs);
      return false;
    },
    end: async (process: number) => {
      ends.push({ atMs: clock.nowMs(), process });
      await ending.held;
      if (state.endFails) throw new Error("it runs on after SIGKILL");
      state.alive = false;
    },
    silentMs: 60_000,
    lastWord: () => "killed",
    name: (process: number) => `it (${process})`,
    clock,
    report: (level: string, message: string) => void told.push(`${level} ${message}`),
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      await clock.advance(50);
      await new Promise(setImmediate);
    }
  };
  return { clock, starts, told, state, ends, ending, supervised, pass };
}

test("what ends is started again, and both are told", async () => {
  const { starts, told, state, supervised, pass } = world();
  const supervision = await supervise(supervised);
  state.alive = false;
  await pass(1000);
  assert.equal(supervision.process, 2);
  assert.equal(starts.length, 2);
  assert.deepEqual(told, ["warn it (1) has ended; it is started again", "info it (2) runs again"]);
  await supervision.letGo();
});

test("what cannot be started is tried less and less often, for ever, until it is let go", async () => {
  const { starts, told, state, supervised, pass } = world();
  const supervision = await supervise(supervised);
  Object.assign(state, { alive: false, fails: true });
  await pass(120_000);
  const gaps = starts.slice(2).map((at, index) => at - (starts[index + 1] as number));
  assert.deepEqual(gaps.slice(0, 7), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(told.at(-1), "error the port is taken");
  await supervision.letGo();
  const count = starts.length;
  await pass(60_000);
  assert.equal(starts.length, count);
});

test("a first start that fails is for who asked", async () => {
  const { state, supervised } = world();
  state.fails = true;
  await assert.rejects(supervise(supervised), /the port is taken/);
});

test("one that lives and answers nothing for a minute is ended, then started again, and that is told; a minute later the same again", async () => {
  const { starts, told, state, ends, supervised, pass } = world();
  const supervision = await supervise(supervised);
  await pass(300_000);
  assert.deepEqual([ends, starts.length, told], [[], 1, []], "one that answers is let be");
  state.answers = false;
  await pass(59_000);
  assert.deepEqual(ends, []);
  await pass(11_000);
  assert.deepEqual(
    ends.map(({ process }) => process),
    [1],
  );
  assert.equal(supervision.process, 2);
  assert.deepEqual(told, ["warn it (1) lives and has answered nothing for 60 s; it is ended and started again", "info it (2) runs again"]);
  await pass(59_000);
  assert.equal(ends.length, 1, "the new one has its own minute");
  await pass(11_000);
  assert.deepEqual([ends.length, starts.length], [2, 3]);
  await supervision.letGo();
});

test("one answer within the minute counts: the silence begins anew", async () => {
  const { state, ends, supervised, pass } = world();
  const supervision = await supervise(supervised);
  for (let at = 0; at < 4; at++) {
    state.answers = false;
    await pass(50_000);
    state.answers = true;
    await pass(11_000);
  }
  assert.deepEqual(ends, []);
  await supervision.letGo();
});

test("a clock that jumps ends nothing: nobody asked meanwhile", async () => {
  const { clock, state, ends, supervised, pass } = world();
  let skippedMs = 0;
  const supervision = await supervise({ ...supervised, clock: { ...clock, nowMs: () => clock.nowMs() + skippedMs } });
  state.answers = false;
  for (let at = 0; at < 5; at++) {
    await pass(1000);
    skippedMs += 3_600_000;
  }
  assert.ok(state.asked > 0 && state.asked < 12, `${state.asked} questions`);
  assert.deepEqual(ends, []);
  await supervision.letGo();
});

test("there are never two: the next is started when the silent one has ended, and not while it does not end", async () => {
  const { starts, told, state, ends, ending, supervised, pass } = world();
  const supervision = await supervise(supervised);
  const held = Promise.withResolvers<void>();
  ending.held = held.promise;
  Object.assign(state, { answers: false, endFails: true });
  await pass(200_000);
  assert.deepEqual([ends.length, starts.length], [1, 1]);
  held.resolve();
  await pass(100);
  assert.deepEqual([starts.length, told.at(-1)], [1, "error it runs on after SIGKILL"]);
  // start() ends what is left of an earlier one before anything else.
  await pass(1000);
  assert.equal(starts.length, 2);
  await supervision.letGo();
});

test("whoever lets go while a silent one is ended waits for that, and nothing is started after", async () => {
  const { starts, state, ending, supervised, pass } = world();
  const supervision = await supervise(supervised);
  const held = Promise.withResolvers<void>();
  ending.held = held.promise;
  state.answers = false;
  await pass(70_000);
  let gone = false;
  const letGo = supervision.letGo().then(() => (gone = true));
  await pass(1000);
  assert.equal(gone, false);
  held.resolve();
  await letGo;
  await pass(60_000);
  assert.equal(starts.length, 1);
});
