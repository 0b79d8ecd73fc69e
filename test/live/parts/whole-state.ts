/** Everything a server knows by itself, as data: whatever leads, and whether or not anything does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../eventually.ts";
import type { ClusterMachine } from "./cluster-world.ts";

/** As JSON. */
export async function wholeState(machine: ClusterMachine): Promise<string> {
  const file = join(machine.folder, "whole.snap");
  const saved = await machine.cli("operator", "snapshot", "save", "-stale", file);
  assert.equal(saved.code, 0, saved.stderr);
  const shown = await machine.cli("operator", "snapshot", "state", file);
  assert.equal(shown.code, 0, shown.stderr);
  return shown.stdout;
}

/** Once nobody writes any more: all hold the same, to the last index. */
export async function sameEverywhere(machines: readonly ClusterMachine[]): Promise<void> {
  await eventually("all to have come as far", async () => new Set(await Promise.all(machines.map(appliedIndex))).size === 1, 30_000);
  const [first = "", ...others] = await Promise.all(machines.map(wholeState));
  for (const [at, other] of others.entries()) {
    // Texts are quick to compare; what differs is told of what they mean.
    if (other !== first)
      assert.deepEqual(JSON.parse(other), JSON.parse(first), `${machines[at + 1]?.name} holds what ${machines[0]?.name} holds`);
  }
}

/** Of the server's own state; it answers this at any time. */
export async function appliedIndex(machine: ClusterMachine): Promise<number> {
  const self = await machine.get<{ stats: { raft: { applied_index: string } } }>("/v1/agent/self", { timeoutMs: 5000 });
  return Number(self.stats.raft.applied_index);
}
