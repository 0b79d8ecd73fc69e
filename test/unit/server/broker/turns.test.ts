import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createTurns } from "../../../../src/server/broker/turns.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

test("small plans travel together; a large one keeps the others waiting until it has arrived", async () => {
  const turns = createTurns(10);
  const order: string[] = [];
  const plan = (name: string, changes: number) => turns.turn().then(() => (order.push(name), turns.depart(changes)));
  const [small, large] = [plan("small", 3), plan("large", 20)];
  const next = plan("next", 3);
  await settle();
  assert.deepEqual(order, ["small", "large"]);
  (await small)();
  await settle();
  assert.deepEqual(order, ["small", "large"]);
  (await large)();
  await next;
  assert.deepEqual(order, ["small", "large", "next"]);
});

test("one that is woken and has nothing to plan does not keep the next from its turn", async () => {
  const turns = createTurns(10);
  await turns.turn();
  const arrived = turns.depart(20);
  let idle = false;
  const first = turns.turn().then(() => void (idle = true));
  const second = turns.turn();
  await settle();
  assert.equal(idle, false);
  arrived();
  await Promise.all([first, second]);
  await turns.turn();
});
