import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { supervise } from "../../../../../integrations/consul/private/supervision.ts";

function world() {
  const clock = createVirtualClock();
  const starts: number[] = [];
  const told: string[] = [];
  const state = { alive: true, fails: false };
  const supervised = {
    start: async () => {
      starts.push(clock.nowMs());
      if (state.fails) throw new Error("the port is taken");
      state.alive = true;
      return starts.length;
    },
    isRunning: () => state.alive,
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
  return { clock, starts, told, state, supervised, pass };
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
