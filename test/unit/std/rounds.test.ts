import assert from "node:assert/strict";
import { test } from "node:test";
import { createRounds, type Rounds } from "#std";

/** What it stands for, as it is usually written. */
function naive(round: () => Promise<void>): Rounds {
  let running: Promise<void> | undefined;
  return {
    ask: () => (running ??= round().finally(() => (running = undefined))),
    get running() {
      return running !== undefined;
    },
  };
}

/** One thing is put down as the work starts, another so many turns of the microtask queue later: what is left of them in the end. */
async function leftOver(make: typeof createRounds, turns: number): Promise<readonly string[]> {
  const queue = ["first"];
  const rounds = make(async () => {
    while (queue.length > 0) {
      queue.shift();
      await Promise.resolve();
    }
  });
  void rounds.ask();
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  queue.push("second");
  void rounds.ask();
  await new Promise(setImmediate);
  return queue;
}

test("what is put down in any turn around the end of a round is taken, where the usual way leaves it lying", async () => {
  const turns = Array.from({ length: 20 }, (_, turn) => turn);
  const lost = async (make: typeof createRounds) => {
    const left = await Promise.all(turns.map((turn) => leftOver(make, turn)));
    return left.filter(({ length }) => length > 0).length;
  };
  assert.equal(await lost(createRounds), 0);
  assert.ok((await lost(naive)) > 0, "the test shows nothing: the naive way loses nothing either");
});

test("there is one round at a time, it begins at once, and all who ask while it runs share the next", async () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const rounds = createRounds(() => {
    begun.push(Promise.withResolvers());
    return (begun.at(-1) as PromiseWithResolvers<void>).promise;
  });
  const over: string[] = [];
  assert.equal(rounds.running, false);
  void rounds.ask().then(() => over.push("first"));
  assert.deepEqual([begun.length, rounds.running], [1, true]);
  void rounds.ask().then(() => over.push("second"));
  void rounds.ask().then(() => over.push("third"));
  begun[0]?.resolve();
  await new Promise(setImmediate);
  assert.deepEqual([begun.length, over, rounds.running], [2, ["first"], true]);
  begun[1]?.resolve();
  await new Promise(setImmediate);
  assert.deepEqual([begun.length, over, rounds.running], [2, ["first", "second", "third"], false]);
  void rounds.ask();
  assert.equal(begun.length, 3);
});

test("a round that fails is told to those who asked for it, and the next one runs", async () => {
  let count = 0;
  const rounds = createRounds(async () => {
    if (++count === 1) throw new Error("not this time");
  });
  const first = rounds.ask();
  const second = rounds.ask();
  await assert.rejects(first, /not this time/);
  await second;
  assert.deepEqual([count, rounds.running], [2, false]);
});

test("a round that throws before it has begun to wait leaves nothing running", async () => {
  const rounds = createRounds(() => {
    throw new Error("at once");
  });
  await assert.rejects(rounds.ask(), /at once/);
  assert.equal(rounds.running, false);
  await assert.rejects(rounds.ask(), /at once/);
});
