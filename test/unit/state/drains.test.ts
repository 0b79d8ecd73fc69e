import assert from "node:assert/strict";
import { test } from "node:test";
import type { DrainStrategy, LastDrain, NodeId } from "#model";
import { evaluation, Hand, node } from "./nouns.ts";

const strategy: DrainStrategy = {
  Deadline: 3600e9,
  IgnoreSystemJobs: false,
  ForceDeadline: "0001-01-01T00:00:00Z",
  StartedAt: "2026-01-01T00:00:00Z",
};
const lastDrain: LastDrain = { StartedAt: "2026-01-01T00:00:00Z", UpdatedAt: "", Status: "draining", AccessorID: "", Meta: {} };

function drain(hand: Hand, DrainStrategy: DrainStrategy | null, MarkEligible: boolean, LastDrain: LastDrain | null = null) {
  const Event = { Message: "drain", Subsystem: "Drain", Details: {}, Timestamp: "", CreateIndex: 0 };
  return hand.write({
    type: "node-drain",
    NodeID: "n1" as NodeId,
    DrainStrategy,
    MarkEligible,
    LastDrain,
    Event,
    Evaluations: [evaluation("e1", "a")],
  });
}
const stored = (hand: Hand) => hand.state.snapshot().node("n1");

test("A draining node is ineligible; it turns eligible again only when that is asked for", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  drain(hand, strategy, true, lastDrain);
  assert.partialDeepStrictEqual(stored(hand), { DrainStrategy: strategy, SchedulingEligibility: "ineligible", LastDrain: lastDrain });
  assert.equal(stored(hand)?.Events.at(-1)?.Message, "drain");
  assert.equal(hand.state.snapshot().evaluation("e1")?.CreateIndex, hand.index);
  drain(hand, null, false);
  assert.partialDeepStrictEqual(stored(hand), { DrainStrategy: null, SchedulingEligibility: "ineligible", LastDrain: lastDrain });
  drain(hand, strategy, false);
  drain(hand, null, true, { ...lastDrain, Status: "complete" });
  assert.partialDeepStrictEqual(stored(hand), {
    DrainStrategy: null,
    SchedulingEligibility: "eligible",
    LastDrain: { Status: "complete" },
  });
});

test("A drain survives the node's registration, and no one makes the node eligible meanwhile", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  drain(hand, strategy, false, lastDrain);
  hand.node(node("n1"));
  assert.partialDeepStrictEqual(stored(hand), { DrainStrategy: strategy, SchedulingEligibility: "ineligible", LastDrain: lastDrain });
  const eligible = () =>
    hand.write({ type: "node-eligibility", NodeID: "n1" as NodeId, Eligibility: "eligible", Event: null, Evaluations: [] });
  const refused = eligible();
  assert.equal(refused.ok ? "" : refused.code, "invalid");
  drain(hand, null, false);
  assert.equal(eligible().ok, true);
});

test("Draining a node that is not there is missing", () => {
  const outcome = drain(new Hand(), strategy, false);
  assert.equal(outcome.ok ? "" : outcome.code, "missing");
});

test("A drain that was decided from an older record of the node is refused, and changes nothing", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  drain(hand, strategy, false, lastDrain);
  const seen = stored(hand)?.ModifyIndex ?? 0;
  const newer = { ...strategy, Deadline: -1 };
  drain(hand, newer, false, lastDrain);
  const complete = (EnforceIndex: number) =>
    hand.write({
      type: "node-drain",
      NodeID: "n1" as NodeId,
      DrainStrategy: null,
      MarkEligible: false,
      LastDrain: null,
      EnforceIndex,
      Event: null,
      Evaluations: [],
    });
  const refused = complete(seen);
  assert.equal(refused.ok ? "" : refused.code, "conflict");
  assert.deepEqual(stored(hand)?.DrainStrategy, newer);
  assert.equal(complete(stored(hand)?.ModifyIndex ?? 0).ok, true);
  assert.equal(stored(hand)?.DrainStrategy, null);
});
