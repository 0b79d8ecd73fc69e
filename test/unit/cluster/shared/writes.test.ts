import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { Peers } from "#ports";
import { createCodec, type Command, type State } from "#state";
import { Waiting } from "../../../../src/cluster/shared/requests.ts";
import { Writes } from "../../../../src/cluster/shared/writes.ts";

const command: Command = { type: "node-purge", NodeIDs: [], Evaluations: [] } as unknown as Command;

/** A follower that has applied up to index 5; the leader takes everything, as index 6. */
function follower() {
  const clock = createVirtualClock();
  const waiting = new Waiting();
  const state = { index: 5, logIndex: 5, leadership: undefined, outcomeOf: () => undefined };
  const writes = new Writes({
    serverId: "s-1",
    state: state as unknown as State,
    codec: createCodec(),
    waiting,
    clock,
    peers: { at: () => ({ propose: async () => ({ ok: true, index: 6 }) }) } as unknown as Peers,
    proposeMs: 10_000,
    leader: () => ({ ServerId: "s-2", Name: "s-2", RpcAddress: "s-2:4647", HttpAddress: "" }),
    lead: () => undefined,
    leads: () => false,
    problem: () => undefined,
    barrier: async () => undefined,
    signal: new AbortController().signal,
  });
  let outcome = "waits";
  writes.propose(command, "request").then(
    (answer) => (outcome = `ok ${answer.ok} ${answer.index}`),
    (thrown: Error) => (outcome = thrown.message),
  );
  return { clock, waiting, state, outcome: () => outcome };
}

test("What the leader has taken is answered when it is applied here too: who wrote reads what was written", async () => {
  const { clock, waiting, state, outcome } = follower();
  await clock.advance(1_000);
  assert.equal(outcome(), "waits");
  [state.index, state.logIndex] = [6, 6];
  waiting.reached(6);
  await clock.settle();
  assert.equal(outcome(), "ok true 6");
});

test("What the leader has taken is answered though this server does not keep up, and nothing of it waits on", async () => {
  const { clock, waiting, outcome } = follower();
  await clock.advance(9_000);
  assert.equal(outcome(), "ok true 6");
  assert.equal(waiting.readers, 0);
});
