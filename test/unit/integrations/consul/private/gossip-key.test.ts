import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gossipProblem, settleGossipKey } from "../../../../../integrations/consul/private/gossip-key.ts";
import { bindsTo } from "../../../../../integrations/consul/private/port-holder.ts";

/** What stands after a start with `encrypt`, where "first" is what Consul keeps; and what was told. */
function started(t: TestContext, encrypt: string, isNew: boolean): readonly [boolean, readonly string[]] {
  const data = mkdtempSync(join(tmpdir(), "drover-gossip-key-"));
  t.after(() => rmSync(data, { recursive: true }));
  mkdirSync(join(data, "serf"));
  const file = join(data, "serf", "local.keyring");
  writeFileSync(file, JSON.stringify(["first"]));
  const told: string[] = [];
  settleGossipKey(data, { encrypt, isNew, report: (_level, message) => told.push(message) });
  return [existsSync(file), told];
}

test("A server that has met nobody takes gossip's key from its configuration, whatever it was started with before", (t) => {
  assert.deepEqual(started(t, "second", true), [false, []]);
  assert.deepEqual(started(t, "", true), [false, []]);
  assert.deepEqual(started(t, "first", true), [true, []]);
});

test("A server of a cluster keeps the keys that were changed while it ran, and says that its configuration names another", (t) => {
  assert.deepEqual(started(t, "first", false), [true, []]);
  const [kept, told] = started(t, "second", false);
  assert.ok(kept);
  assert.match(told.join(), /goes on with the keys it had/);
});

test("Before Consul's first start there is nothing to settle", (t) => {
  const data = mkdtempSync(join(tmpdir(), "drover-gossip-key-"));
  t.after(() => rmSync(data, { recursive: true }));
  settleGossipKey(data, { encrypt: "first", isNew: false, report: (_level, message) => assert.fail(message) });
});

test("Where keys differ it is said what to set", () => {
  for (const said of [
    "1 error occurred: * Failed to join 10.0.0.1:4648: No installed keys could decrypt the message",
    "Remote state is encrypted and encryption is not configured",
    "Encryption is configured but remote state is not encrypted",
  ])
    assert.match(gossipProblem(said), /server \{ encrypt \}/);
  assert.equal(gossipProblem("connection refused"), "connection refused");
});

test("A private Consul is known by the ports it binds", () => {
  const configuration = JSON.stringify({ bind_addr: "10.0.0.1", ports: { serf_lan: 4648, server: 4649 } });
  assert.ok(bindsTo(configuration, "10.0.0.1:4648"));
  assert.ok(bindsTo(configuration, "10.0.0.1:4649"));
  assert.ok(!bindsTo(configuration, "10.0.0.2:4649"));
  assert.ok(!bindsTo(configuration, "10.0.0.1:4646"));
});
