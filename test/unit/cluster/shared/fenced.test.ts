import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "#cluster";
import type { Snapshot } from "#state";
import { fenced } from "../../../../src/cluster/shared/fenced.ts";

test("What a leader read while it lost leadership is not told it, and nothing is written or read for it afterwards", async () => {
  const lost = new AbortController();
  const read = Promise.withResolvers<Snapshot>();
  let asked = 0;
  const cluster = { read: () => (asked++, read.promise) } as unknown as Cluster;
  const seen = fenced(cluster, {
    lost: lost.signal,
    propose: async () => assert.fail("it was written"),
    refusal: () => new Error("leads no more"),
  });
  const reading = seen.read();
  assert.equal(seen.leads, true);
  lost.abort();
  read.resolve({} as Snapshot);
  await assert.rejects(reading, /leads no more/);
  await assert.rejects(seen.read(), /leads no more/);
  await assert.rejects(seen.propose({ type: "leadership" } as never), /leads no more/);
  assert.equal(seen.leads, false);
  assert.equal(asked, 1);
});
