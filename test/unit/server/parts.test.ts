/** Nothing is too large for one entry of the log (F21). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#model";
import type { Snapshot } from "#state";
import { parts } from "../../../src/server/parts.ts";
import { nodesByJobs } from "../../../src/server/reconcilers/lost-nodes.ts";
import { jobOf } from "../../simulation/fixtures.ts";
import { inside } from "./inside.ts";

test("a list is cut in order, by weight; what is too heavy alone is a part of its own", () => {
  const cut = (items: readonly number[], most: number) => parts(items, most, (item) => item);
  assert.deepEqual(cut([1, 2, 3, 4, 9, 1], 5), [[1, 2], [3], [4], [9], [1]]);
  assert.deepEqual(parts(["a", "b", "c"], 2), [["a", "b"], ["c"]]);
  assert.deepEqual(cut([5], 5), [[5]]);
  assert.deepEqual(cut([], 5), []);
});

test("nodes that go silent together are parted by the jobs on them, and each part counts anew", () => {
  const jobs: Readonly<Record<string, readonly string[]>> = {
    a: ["x", "y"],
    b: ["y", "x"],
    c: ["z"],
    d: ["x", "y"],
    e: [],
    f: ["p", "q", "r", "s"],
  };
  const snapshot = {
    allocationsByNode: (id: string) => (jobs[id] ?? []).map((JobID) => ({ Namespace: "default", JobID })),
  } as unknown as Snapshot;
  const nodes = Object.keys(jobs).map((ID) => ({ ID }) as Node);
  const cut = (most: number) => [...nodesByJobs(snapshot, nodes, most)].map((part) => part.map(({ ID }) => ID).join(""));
  assert.deepEqual(cut(2), ["ab", "c", "de", "f"]);
  assert.deepEqual(cut(3), ["abcde", "f"]);
  assert.deepEqual(cut(100), ["abcdef"]);
  assert.deepEqual([...nodesByJobs(snapshot, [], 2)], []);
});

test(
  "a job of many failed allocations is evaluated by force in entries of a bounded size, the evaluation in the last",
  { timeout: 120_000 },
  async () => {
    const entries: { readonly transitions: number; readonly evaluations: number }[] = [];
    await inside(
      {
        freeze: false,
        snapshotEveryEntries: 1_000_000,
        onChange: ({ command }) => {
          if (command.type === "allocations-desired-transition")
            entries.push({ transitions: Object.keys(command.Transitions).length, evaluations: command.Evaluations.length });
        },
      },
      async (world) => {
        const node = await world.addNode({ name: "n1", cpuMHz: 1_000_000, memoryMB: 10_000_000 });
        await world.server.registerJob({ Job: jobOf({ id: "many", type: "batch", count: 5_001, cpu: 1, memoryMB: 10 }) });
        await world.clock.advance(20_000);
        const ids = [...world.cluster.state.snapshot().allocationsByJob("default", "many")];
        assert.equal(ids.length, 5_001);
        await world.cluster.propose({
          type: "allocations-client-update",
          Updates: ids.map(({ ID }) => ({ ID, NodeID: node.id, ClientStatus: "failed", ClientDescription: "", TaskStates: {} })),
          Evaluations: [],
        });
        entries.length = 0;
        await world.server.evaluateJob("default", "many", { ForceReschedule: true });
        assert.deepEqual(entries, [
          { transitions: 5_000, evaluations: 0 },
          { transitions: 1, evaluations: 1 },
        ]);
      },
    );
  },
);
