import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { Compactor, type CompactorOptions } from "../../../src/cluster/compactor.ts";

test("A snapshot that comes from elsewhere waits for the one that is written: nothing of the old state is put beside it later", async () => {
  const clock = createVirtualClock();
  const did: string[] = [];
  const writing = Promise.withResolvers<void>();
  const compactor = new Compactor(
    {
      clock,
      log: { lastIndex: 5, cut: async () => undefined },
      state: { logIndex: 5, save: () => undefined },
      snapshots: {
        list: async () => [],
        save: async () => {
          did.push("writes its own");
          await writing.promise;
          did.push("wrote its own");
        },
      },
      warn: () => undefined,
    } as unknown as CompactorOptions,
    0,
  );
  const own = compactor.compact();
  const fetching = Promise.withResolvers<number>();
  const fetched = compactor.instead(() => {
    did.push("fetches");
    return fetching.promise;
  });
  await clock.settle();
  assert.deepEqual(did, ["writes its own"]);
  writing.resolve();
  await own;
  await clock.settle();
  const asked = compactor.compact();
  await clock.settle();
  fetching.resolve(9);
  assert.equal(await fetched, 9);
  await asked;
  assert.deepEqual(did, ["writes its own", "wrote its own", "fetches"]);
});
