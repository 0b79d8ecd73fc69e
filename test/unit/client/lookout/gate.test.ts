import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Gate } from "../../../../src/client/lookout/gate.ts";

const turns = async () => {
  for (let tick = 0; tick < 10; tick++) await Promise.resolve();
};

describe("a gate", () => {
  test("lets so many in at once and no more, in their order, however long the queue lasts", async () => {
    const gate = new Gate(2);
    const { signal } = new AbortController();
    const inside: PromiseWithResolvers<void>[] = [];
    const order: number[] = [];
    let now = 0;
    let most = 0;
    const enter = (name: number) =>
      gate.pass(async () => {
        order.push(name);
        most = Math.max(most, ++now);
        const leave = Promise.withResolvers<void>();
        inside.push(leave);
        await leave.promise;
        now--;
        if (name === 1) throw new Error("its own trouble");
      }, signal);
    const all = [0, 1, 2, 3, 4].map(enter);
    const late: Promise<void>[] = [];
    for (let step = 0; step < 7; step++) {
      await turns();
      inside.shift()?.resolve();
      // Who comes while others wait waits behind them.
      if (step < 2) late.push(enter(5 + step));
    }
    await turns();
    const outcomes = await Promise.allSettled([...all, ...late]);
    assert.deepEqual([most, order], [2, [0, 1, 2, 3, 4, 5, 6]]);
    assert.deepEqual(
      outcomes.map(({ status }) => status === "rejected"),
      [false, true, false, false, false, false, false],
    );
  });

  test("who gives up waiting takes nobody's place", async () => {
    const gate = new Gate(1);
    const [stays, goes] = [new AbortController(), new AbortController()];
    const first = Promise.withResolvers<void>();
    let entered = 0;
    const one = gate.pass(() => first.promise, stays.signal);
    const two = gate.pass(async () => void entered++, goes.signal);
    const three = gate.pass(async () => void entered++, stays.signal);
    goes.abort(new Error("gone"));
    await assert.rejects(two, /gone/);
    first.resolve();
    await Promise.all([one, three]);
    await gate.pass(async () => void entered++, stays.signal);
    assert.equal(entered, 2);
    await assert.rejects(
      gate.pass(async () => {}, goes.signal),
      /gone/,
    );
  });
});
