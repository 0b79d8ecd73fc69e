import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Tenure } from "#ports";
import type { Codec, Command, Envelope } from "#state";
import { Proposer } from "../../../../src/cluster/shared/proposer.ts";
import { Waiting } from "../../../../src/cluster/shared/requests.ts";

function writing(append: (entries: readonly Uint8Array[]) => Promise<number>) {
  const times: number[] = [];
  const waiting = new Waiting();
  const clock = { ns: 0, nowNs: () => clock.ns };
  const codec = { encode: ({ time }: Envelope) => (times.push(time), new Uint8Array(1)) };
  const tenure = { lost: new AbortController().signal, append };
  const proposer = new Proposer({
    tenure: tenure as unknown as Tenure,
    codec: codec as unknown as Codec,
    clock: clock as unknown as Clock,
    waiting,
    time: 100,
  });
  const add = (requestId: string) => proposer.add({ version: 1, requestId, command: {} as Command });
  return { times, waiting, clock, add };
}

test("Time never goes back in the log: not behind the state's, not with the leader's clock", async () => {
  const { times, waiting, clock, add } = writing(async () => 1);
  const all = [90, 110, 105, 120].map((ns, n) => {
    clock.ns = ns;
    return add(`request ${n}`);
  });
  for (const n of all.keys()) waiting.answer(`request ${n}`, { ok: true, index: n });
  await Promise.all(all);
  assert.deepEqual(times, [100, 110, 110, 120]);
});

test("A request that is asked again while it is on its way is written once; refused, it may be asked anew", async () => {
  let appends = 0;
  const { waiting, add } = writing(async () => {
    if (++appends === 1) throw new Error("no");
    return 1;
  });
  const both = [add("same"), add("same")];
  for (const each of both) await assert.rejects(each, /no/);
  assert.equal(appends, 1);
  const again = add("same");
  waiting.answer("same", { ok: true, index: 1 });
  assert.deepEqual(await again, { ok: true, index: 1 });
});
