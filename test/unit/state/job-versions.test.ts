import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobId } from "#model";
import type { Outcome } from "#state";
import { DEFAULT, Hand, job, node } from "./nouns.ts";

function versions(count: number): Hand {
  const hand = new Hand();
  for (let version = 0; version < count; version++) hand.register(job("a", { Priority: 10 + version }), `e${version}`);
  return hand;
}
const tag = (hand: Hand, Version: number, Name: string, Description: string | null = ""): Outcome =>
  hand.write({ type: "job-version-tag", Namespace: DEFAULT, JobID: "a" as JobId, Version, Name, Description });
const stable = (hand: Hand, Version: number, Stable = true): Outcome =>
  hand.write({ type: "job-stability", Namespace: DEFAULT, JobID: "a" as JobId, Version, Stable });
const kept = (hand: Hand) =>
  hand.state
    .snapshot()
    .jobVersions(DEFAULT, "a")
    .map((each) => each.Version);
const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.code);

test("A tagged version is kept beyond the six; without its tag it goes with the next one", () => {
  const hand = versions(2);
  tag(hand, 0, "golden", "it worked");
  for (let version = 2; version < 12; version++) hand.register(job("a", { Priority: 10 + version }), `e${version}`);
  assert.deepEqual(kept(hand), [11, 10, 9, 8, 7, 6, 0]);
  const golden = hand.state.snapshot().jobVersion(DEFAULT, "a", 0);
  assert.partialDeepStrictEqual(golden?.VersionTag, { Name: "golden", Description: "it worked" });
  tag(hand, 0, "golden", null);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 0)?.VersionTag, null);
  hand.register(job("a", { Priority: 99 }), "e99");
  assert.deepEqual(kept(hand), [12, 11, 10, 9, 8, 7]);
});

test("The newest stable version is kept: it takes the oldest one's place", () => {
  const hand = versions(3);
  stable(hand, 0);
  stable(hand, 1);
  for (let version = 3; version < 12; version++) hand.register(job("a", { Priority: 10 + version }), `e${version}`);
  assert.deepEqual(kept(hand), [11, 10, 9, 8, 7, 1]);
});

test("A name is on one version; who has it keeps it", () => {
  const hand = versions(2);
  assert.equal(tag(hand, 0, "golden").ok, true);
  const refused = tag(hand, 1, "golden");
  assert.equal(codeOf(refused), "conflict");
  assert.match(refused.ok ? "" : refused.reason, /is on version 0/);
  assert.equal(tag(hand, 0, "golden", "again").ok, true);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 0)?.VersionTag?.Description, "again");
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 0)?.VersionTag?.TaggedTime, hand.time);
});

test("Tags and stability of what is not there are missing", () => {
  const hand = versions(1);
  assert.deepEqual([tag(hand, 7, "x"), tag(hand, 0, "x", null), stable(hand, 7)].map(codeOf), ["missing", "missing", "missing"]);
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as JobId, Purge: true, NoShutdownDelay: false, Evaluation: null });
  assert.deepEqual([tag(hand, 0, "x"), stable(hand, 0)].map(codeOf), ["missing", "missing"]);
});

test("What is said of a version is not a new version, moves the job's index, and can be taken back", () => {
  const hand = versions(1);
  stable(hand, 0);
  assert.partialDeepStrictEqual(hand.job("a"), { Stable: true, Version: 0, JobModifyIndex: 2, ModifyIndex: hand.index });
  stable(hand, 0, false);
  assert.equal(hand.job("a").Stable, false);
  const before = hand.state.snapshot().tableIndex("jobs");
  stable(hand, 0, false);
  assert.equal(hand.state.snapshot().tableIndex("jobs"), before);
});

test("Of a hundred registrations that enforce the same index exactly one is carried out (F24)", () => {
  const hand = versions(1);
  const { JobModifyIndex } = hand.job("a");
  const outcomes = Array.from({ length: 100 }, (_, at) =>
    hand.register(job("a", { Priority: 20 + at }), `e-${at}`, { EnforceIndex: JobModifyIndex }),
  );
  assert.deepEqual(
    outcomes.map((each) => (each.ok ? "won" : each.code)),
    ["won", ...Array.from({ length: 99 }, () => "conflict")],
  );
  assert.deepEqual([hand.job("a").Version, hand.job("a").Priority], [1, 20]);
  const of = hand.state.snapshot().schedulerConfiguration();
  const configured = Array.from({ length: 100 }, () =>
    hand.write({ type: "scheduler-configuration", Configuration: of, EnforceIndex: of.ModifyIndex }),
  );
  assert.equal(configured.filter((each) => each.ok).length, 1);
});

test("A version that only lives on in allocations is told, but not one of a purged job of the same name", () => {
  const hand = new Hand();
  hand.node(node("n1"));
  for (let version = 0; version < 4; version++) hand.register(job("a", { Priority: 10 + version }), null);
  hand.place("a", "n1", ["a1"]);
  for (let version = 4; version < 12; version++) hand.register(job("a", { Priority: 10 + version }), null);
  assert.deepEqual(kept(hand), [11, 10, 9, 8, 7, 6]);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 3)?.Priority, 13);
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as JobId, Purge: true, NoShutdownDelay: false, Evaluation: null });
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 3)?.Priority, 13);
  hand.register(job("a"), null);
  assert.equal(hand.state.snapshot().jobVersion(DEFAULT, "a", 3), undefined);
});
