/** What the mesh finds of Consul and of the machine: whether proxies would get their configuration, and whether versions go together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { consulTakes } from "../../../../src/client/mesh/consul-takes.ts";
import { versionFinding } from "../../../../src/client/mesh/preflight.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";

const AT = { host: "127.0.0.1", port: 8502, tls: false, ca: "", serverName: "", datacenter: "dc1", nodeName: "n" };

test("proxies would get their configuration where Consul says a place and somebody speaks there", async () => {
  const takes = (endpoint: () => Promise<typeof AT | undefined>, speaks: () => Promise<boolean>) =>
    consulTakes({ endpoint, speaks }, createSimulatedClock())();
  const at = () => Promise.resolve(AT);
  assert.equal(await takes(at, () => Promise.resolve(true)), true);
  assert.equal(await takes(at, () => Promise.resolve(false)), false);
  assert.equal(
    await takes(
      () => Promise.resolve(undefined),
      () => Promise.resolve(true),
    ),
    false,
  );
  assert.equal(
    await takes(
      () => Promise.reject(new Error("away")),
      () => Promise.resolve(true),
    ),
    false,
  );
  assert.equal(await consulTakes(undefined, createSimulatedClock())(), false);
});

test("the oldest Envoy that Consul talks to is well, one before it is not; of what is not known nothing is said", () => {
  const standing = (envoy: string, consul: string) => versionFinding(envoy, consul)?.standing;
  assert.deepEqual(
    [
      standing("1.31.0", "1.21.3"),
      standing("1.30.9", "1.21.3"),
      standing("1.30.9", "1.20.0"),
      standing("2.0.0", "1.21.0"),
      standing("1.20.0", "1.12.0"),
    ],
    ["good", "warning", "good", "good", "good"],
  );
  assert.deepEqual([standing("", "1.21.0"), standing("1.31.0", "")], [undefined, undefined]);
});
