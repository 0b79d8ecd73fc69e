/** The contract of src/ports/client-store.ts, for every maker. `open` opens the same memory again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NodeId } from "#model";
import type { ClientStore } from "#ports";
import { anAllocation } from "../unit/client/stage.ts";

export function clientStoreConformance(maker: string, fresh: () => { open(): ClientStore; remove(): void }): void {
  describe(`a node's memory: ${maker}`, () => {
    const within = (name: string, story: (open: () => ClientStore) => void) =>
      test(name, () => {
        const { open, remove } = fresh();
        const opened: ClientStore[] = [];
        try {
          story(() => {
            opened.push(open());
            return opened.at(-1) as ClientStore;
          });
        } finally {
          for (const store of opened) store.close();
          remove();
        }
      });

    within("is empty at first", (open) => {
      const store = open();
      assert.deepEqual([store.lost, store.identity(), store.fact("seen"), store.allocations()], [undefined, undefined, undefined, []]);
    });

    within("gives back what was written, also when it is opened again without having been closed", (open) => {
      const store = open();
      const allocation = anAllocation("a");
      store.saveIdentity({ ID: "node" as NodeId, SecretID: "secret" });
      store.saveFact("seen", { clusterId: "c", index: 7 });
      store.saveAllocation(allocation);
      store.saveProgress(allocation.ID, { phase: "running" });
      for (const each of [store, open()]) {
        assert.deepEqual(each.identity(), { ID: "node", SecretID: "secret" });
        assert.deepEqual(each.fact("seen"), { clusterId: "c", index: 7 });
        assert.deepEqual(each.allocations(), [{ allocation, progress: { phase: "running" } }]);
      }
    });

    within("a changed allocation keeps its progress; an unknown one has none to keep", (open) => {
      const store = open();
      const allocation = anAllocation("a");
      store.saveAllocation(allocation);
      store.saveProgress(allocation.ID, 1);
      store.saveAllocation({ ...allocation, DesiredStatus: "stop" });
      store.saveProgress(anAllocation("b").ID, 2);
      assert.deepEqual(store.allocations(), [{ allocation: { ...allocation, DesiredStatus: "stop" }, progress: 1 }]);
    });

    within("lists facts by how their names begin, and forgets them one by one", (open) => {
      const store = open();
      for (const name of ["token/b", "seen", "token/a", "tokens", "TOKEN/c", "token/_%"]) store.saveFact(name, { name });
      assert.deepEqual([...store.facts("token/").keys()].toSorted(), ["token/_%", "token/a", "token/b"]);
      assert.deepEqual(store.facts("token/").get("token/a"), { name: "token/a" });
      store.removeFact("token/a");
      store.removeFact("never there");
      for (const each of [store, open()]) assert.deepEqual([...each.facts("token/").keys()].toSorted(), ["token/_%", "token/b"]);
      assert.equal(store.facts("").size, 5);
    });

    within("forgets, also what it never knew, and keeps the order of arrival", (open) => {
      const store = open();
      for (const letter of ["c", "a", "b"]) store.saveAllocation(anAllocation(letter));
      store.removeAllocation(anAllocation("a").ID);
      store.removeAllocation(anAllocation("f").ID);
      assert.deepEqual(
        store.allocations().map((each) => each.allocation.ID.charAt(0)),
        ["c", "b"],
      );
    });
  });
}
