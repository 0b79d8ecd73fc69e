/** What an earlier program wrote: a log of 160 random entries and the snapshot it took after the hundredth (format 1, before deployments). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { createVirtualClock } from "#integrations/memory";
import { createCodec, createState, restoreState, type State } from "#state";
import { DEFAULT, deployment, Hand, placement, plan } from "./nouns.ts";

interface Recorded {
  readonly log: readonly string[];
  readonly snapshotAt: number;
  readonly snapshot: readonly string[];
}
const file = new URL("./recorded/format-1.json.gz", import.meta.url);
const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recorded;
const options = { clock: createVirtualClock(), freeze: true };

function replay(state: State, from: number, through = recorded.log.length): State {
  const codec = createCodec();
  recorded.log.slice(from, through).forEach((entry, at) => state.apply(from + at + 1, codec.decode(Buffer.from(entry, "base64"))));
  return state;
}
async function* chunks(): AsyncGenerator<Uint8Array> {
  for (const chunk of recorded.snapshot) yield Buffer.from(chunk, "base64");
}
const restored = () => restoreState(chunks(), options);

test("An old snapshot and an old log come to the same state, at its index and at the end (F10)", async () => {
  const fromSnapshot = await restored();
  const fromLog = replay(createState(options), 0, recorded.snapshotAt);
  assert.ok([...fromSnapshot.snapshot().allocations()].length > 4);
  assert.equal(fromSnapshot.digest(), fromLog.digest());
  replay(fromSnapshot, recorded.snapshotAt);
  replay(fromLog, recorded.snapshotAt);
  assert.equal(fromSnapshot.digest(), fromLog.digest());
  assert.equal(fromLog.index, 160);
});

test("What an old snapshot does not know is as if nothing of it had happened (F10)", async () => {
  const snapshot = (await restored()).snapshot();
  for (const allocation of snapshot.allocations()) {
    assert.deepEqual(allocation.AllocStates, []);
    assert.deepEqual([allocation.DeploymentID, allocation.DeploymentStatus], ["", null]);
  }
  assert.deepEqual([...snapshot.deployments()], []);
  assert.deepEqual(
    [...snapshot.nodePools()].map(({ Name }) => Name),
    ["all", "default"],
  );
  assert.equal(snapshot.tableIndex("deployments", "namespaces", "node-pools", "scaling-events", "periodic-launches"), 1);
});

test("A state restored from an old snapshot goes on with today's commands, and is saved as today's (F10)", async () => {
  const state = await restored();
  const hand = new Hand(state);
  hand.index = state.index;
  const of = [...state.snapshot().jobs(DEFAULT)].find((job) => !job.Stop);
  assert.ok(of !== undefined);
  const node = [...state.snapshot().nodes()].find((each) => each.Status !== "down");
  assert.ok(node !== undefined);
  const old = [...state.snapshot().allocationsByJob(DEFAULT, of.ID)].length;
  const placed = placement("new", of.ID, node.ID, { JobVersion: of.Version, DeploymentID: "d1" as never });
  assert.equal(hand.plan(plan(of, { Deployment: deployment("d1", of), Placements: [placed] })).ok, true);
  assert.equal([...state.snapshot().allocationsByJob(DEFAULT, of.ID)].length, old + 1);
  assert.equal(hand.deployment("d1").TaskGroups["web"]?.PlacedAllocs, 1);
  const again = await restoreState(state.save(), options);
  assert.equal(again.digest(), state.digest());
});
