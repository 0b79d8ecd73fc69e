/** When the machine is touched for networks, and when it is looked at again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryNetworks } from "#integrations/memory";
import type { AllocationId } from "#model";
import type { NetworkRequest } from "#ports";
import { whenWanted } from "../../../src/agent/networks.ts";

const request = (id: string): NetworkRequest => ({
  id: id as AllocationId,
  mode: "bridge",
  ports: [],
  hostname: "",
  dns: null,
  arguments: {},
  redirect: null,
  holderPid: 0,
});

function counted() {
  const memory = memoryNetworks();
  const seen = { settled: 0, stands: 0 };
  const networks = whenWanted({ ...memory, settle: async () => [`mended ${++seen.settled}`] }, async () => void seen.stands++);
  return { networks, seen };
}

test("the machine is left as it is until an allocation wants a network", async () => {
  const { networks, seen } = counted();
  assert.deepEqual(await networks.settle(), []);
  assert.deepEqual(seen, { settled: 0, stands: 0 });
  await Promise.all([
    networks.setUp(request("a"), new AbortController().signal),
    networks.setUp(request("b"), new AbortController().signal),
  ]);
  assert.deepEqual(seen, { settled: 1, stands: 1 });
});

test("a firewall may be flushed at any time: settled again, the machine is looked at again, and says what was mended then (F38)", async () => {
  const { networks, seen } = counted();
  await networks.setUp(request("a"), new AbortController().signal);
  assert.deepEqual(await networks.settle(), ["mended 2"]);
  assert.deepEqual(await networks.settle(), ["mended 3"]);
  assert.equal(seen.stands, 1);
});

test("one network is mended on ground that was prepared once, whoever asks first", async () => {
  const memory = memoryNetworks();
  const seen = { settled: 0 };
  const mend = async (id: AllocationId) => [`mended ${id}`];
  const networks = whenWanted({ ...memory, settle: async () => [`settled ${++seen.settled}`], mend }, async () => undefined);
  const said = await Promise.all(["a", "b"].map((id) => networks.mend(id as AllocationId)));
  assert.deepEqual(said, [["settled 1", "mended a"], ["mended b"]]);
  assert.deepEqual(seen, { settled: 1 });
});

test("what could not be prepared is prepared again by the next allocation", async () => {
  let failures = 2;
  const networks = whenWanted({ ...memoryNetworks(), settle: async () => [] }, async () => {
    if (failures-- > 0) throw new Error("no bridge to listen on");
  });
  const { signal } = new AbortController();
  await assert.rejects(networks.setUp(request("a"), signal), /no bridge/);
  await assert.rejects(networks.setUp(request("a"), signal), /no bridge/);
  await networks.setUp(request("a"), signal);
});
