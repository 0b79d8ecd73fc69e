import assert from "node:assert/strict";
import { test } from "node:test";
import { cutIndex } from "../../../../src/cluster/shared/cutting.ts";
import { judge, type OwnDisk } from "../../../../src/cluster/shared/judge.ts";

const head = { ClusterId: "c", Epoch: 3, EpochId: "e3", LastIndex: 100, Floor: 41 };
const own = (more: Partial<OwnDisk> = {}): OwnDisk => ({ clusterId: "c", lastIndex: 90, epochId: "e2", founds: false, ...more });
const fresh = own({ clusterId: "", lastIndex: 0, epochId: "" });
const verdict = (...of: Parameters<typeof judge>): string => {
  const judged = judge(...of);
  return judged.kind === "refuse" ? judged.problem.code : judged.kind;
};

test("A disk is judged by what the shared log holds", () => {
  assert.equal(verdict(null, fresh, true), "create");
  assert.equal(verdict(null, fresh, false), "wait");
  assert.equal(verdict(null, own({ founds: true }), false), "create");
  assert.equal(verdict(null, own(), true), "SHARED_LOG_WIPED");
  assert.equal(verdict(head, fresh, true), "adopt");
  assert.equal(verdict(head, own(), true), "follow");
  assert.equal(verdict(head, own({ lastIndex: 100, epochId: "e3" }), true), "follow");
  assert.equal(verdict(head, own({ lastIndex: 100 }), true), "SHARED_LOG_DIVERGED");
  assert.equal(verdict(head, own({ lastIndex: 101 }), true), "SHARED_LOG_BEHIND");
  assert.equal(verdict(head, own({ clusterId: "another" }), true), "SHARED_LOG_FOREIGN");
  assert.equal(verdict(head, own({ lastIndex: 40 }), true), "follow");
  assert.deepEqual(judge(head, own({ lastIndex: 39 }), true), { kind: "fetch", atLeastIndex: 40 });
});

test("The shared log keeps what no quorum has on disk, a margin, what the slow still need for a while, and what snapshots on the way go on from", () => {
  const cut = (syncedIndexes: number[], heldIndexes: number[] = []) =>
    cutIndex({ syncedIndexes, heldIndexes, marginEntries: 10, patienceEntries: 200 });
  assert.equal(cut([]), 0);
  assert.equal(cut([1000]), 990);
  assert.equal(cut([1000, 900, 850]), 850);
  assert.equal(cut([1000, 1000, 995]), 990);
  assert.equal(cut([1000, 900, 0]), 700);
  assert.equal(cut([1000, 300]), 290, "of two both are the quorum");
  assert.equal(cut([1000, 1000, 1000], [500]), 500);
  assert.equal(cut([5, 5, 5]), 0);
});
