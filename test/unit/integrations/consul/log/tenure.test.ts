import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { Change, LockRead, Store } from "../../../../../integrations/consul/log/store.ts";
import { consulTenure } from "../../../../../integrations/consul/log/tenure.ts";

/** A tenure over a Consul of one head and one lock. */
function tenureOver() {
  const consul = {
    session: "mine",
    silent: false,
    version: 1,
    writes: [] as Change[],
    sent: async (_change: Change): Promise<void> => undefined,
  };
  const store = {
    async lock(): Promise<LockRead> {
      if (consul.silent) throw new Error("no answer");
      return { session: consul.session, leader: undefined, successorId: undefined, index: 1 };
    },
    head: async () => ({ head: consul.writes.at(-1)?.head?.next ?? head, version: consul.version }),
    partsFolders: async () => [],
    async write(change: Change) {
      await consul.sent(change);
      if (change.session !== consul.session || change.head?.version !== consul.version) return { refused: "a condition did not hold" };
      consul.writes.push(change);
      return { done: ++consul.version };
    },
  };
  const head = { ClusterId: "c", Epoch: 0, EpochId: "", LastIndex: 0, Floor: 1, WriteId: "w" };
  const clock = createVirtualClock();
  const ends: string[] = [];
  const tenure = consulTenure({
    store: store as unknown as Store,
    key: new Uint8Array(32),
    session: "mine",
    head,
    version: 1,
    clock,
    settleMs: 3e3,
    silenceMs: 5e3,
    end: async () => void ends.push("end"),
    whenLockChanges: () => () => undefined,
    wrote: () => undefined,
    report: () => undefined,
  });
  return { tenure, consul, clock, ends };
}

/** While time passes, but not for ever. */
async function settled<T>(clock: ReturnType<typeof createVirtualClock>, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("it never settled")), 2_000);
  void (async () => {
    for (let n = 0; n < 40; n++) await clock.advance(100);
  })();
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

const entry = (text: string): Uint8Array[] => [Buffer.from(text)];

for (let turns = 0; turns < 16; turns++)
  test(`What is appended ${turns} turns after the append before was acknowledged is written too`, async () => {
    const { tenure, consul, clock } = tenureOver();
    assert.equal(await tenure.append(entry("a")), 1);
    for (let n = 0; n < turns; n++) await Promise.resolve();
    assert.equal(await settled(clock, tenure.append(entry("b"))), 2);
    assert.equal(consul.writes.length, 2);
    await tenure.resign("done");
  });

test("An answer is lost: the write is looked for, and acknowledged where it is, or sent again where it is not", async () => {
  const { tenure, consul, clock } = tenureOver();
  const lost = async (): Promise<void> => {
    consul.sent = async () => undefined;
    throw new Error("no answer");
  };
  consul.sent = lost;
  assert.equal(await settled(clock, tenure.append(entry("sent again"))), 1);
  consul.sent = async (change) => {
    consul.writes.push(change);
    consul.version++;
    await lost();
  };
  assert.equal(await settled(clock, tenure.append(entry("written"))), 2);
  assert.equal(consul.writes.length, 2);
  await tenure.resign("done");
});

test("The lock is another's: what was refused was not written, what had no answer nobody knows, and the session is given back", async () => {
  for (const [sent, code] of [
    [async () => undefined, "SHARED_LOG_NOT_LEADING"],
    [() => Promise.reject(new Error("no answer")), "SHARED_LOG_OUTCOME_UNKNOWN"],
  ] as const) {
    const { tenure, consul, clock, ends } = tenureOver();
    consul.sent = sent;
    consul.session = "another's";
    await assert.rejects(settled(clock, tenure.append(entry("a"))), { code });
    assert.equal(tenure.lost.aborted, true);
    assert.deepEqual(ends, ["end"]);
    await assert.rejects(tenure.append(entry("b")), { code: "SHARED_LOG_NOT_LEADING" });
  }
});

test("A leader that writes nothing notices within a second that the lock is another's", async () => {
  const { tenure, consul, clock, ends } = tenureOver();
  for (let n = 0; n < 20; n++) await clock.advance(100);
  assert.equal(tenure.lost.aborted, false);
  consul.session = "another's";
  for (let n = 0; n < 11; n++) await clock.advance(100);
  assert.equal(tenure.lost.aborted, true);
  assert.deepEqual(ends, ["end"]);
});

test("A leader that hears nothing of Consul leads on for a while, and then no more", async () => {
  const { tenure, consul, clock } = tenureOver();
  consul.silent = true;
  for (let n = 0; n < 45; n++) await clock.advance(100);
  assert.equal(tenure.lost.aborted, false);
  for (let n = 0; n < 15; n++) await clock.advance(100);
  assert.equal(tenure.lost.aborted, true);
});
