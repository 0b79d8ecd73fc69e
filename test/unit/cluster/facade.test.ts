import assert from "node:assert/strict";
import { test } from "node:test";
import { facade, type Cluster } from "#cluster";
import type { Outcome, State } from "#state";

test("A facade says at each question what the cluster says then, but for what stands in the place of its own", async () => {
  const said: string[] = [];
  const inner = {
    clusterId: "",
    serverId: "s-1",
    state: { index: 1 } as unknown as State,
    leads: false,
    leaderAddress: "",
    propose: async () => assert.fail("it has another"),
    forgetServer: async (id: string) => void said.push(id),
    transferLeadership: async (...to: readonly string[]) => void said.push(`to ${to.length}`),
  };
  const outcome = { Index: 7 } as unknown as Outcome;
  const state = { index: 2 } as unknown as State;
  const seen = facade(inner as unknown as Cluster, { state, propose: async () => outcome });
  Object.assign(inner, { clusterId: "c-1", leads: true, leaderAddress: "10.0.0.1:4647" });
  assert.deepEqual([seen.clusterId, seen.serverId, seen.leads, seen.leaderAddress], ["c-1", "s-1", true, "10.0.0.1:4647"]);
  assert.equal(seen.state, state);
  assert.equal(await seen.propose({ type: "leadership" } as never), outcome);
  await seen.forgetServer("s-2");
  await seen.transferLeadership();
  assert.deepEqual(said, ["s-2", "to 0"]);
  assert.equal(facade(inner as unknown as Cluster, { leads: () => false }).leads, false);
});
