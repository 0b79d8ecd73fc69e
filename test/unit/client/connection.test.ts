import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AllocationId } from "#model";
import { judge } from "../../../src/client/node/obedience.ts";
import { ConnectedServers } from "../../../src/client/node/servers.ts";
import { createSimulatedClock } from "../../simulation/clock.ts";
import { createSeededRandom } from "../../simulation/random.ts";
import { allocationId, anAllocation, createStage, SECOND } from "./stage.ts";

const A = allocationId("a");

describe("a node and its servers", () => {
  test("keeps its name and secret across restarts", async () => {
    const stage = createStage();
    const first = await stage.agent();
    await stage.clock.advance(SECOND);
    first.kill();
    const second = await stage.agent();
    await stage.clock.advance(SECOND);
    assert.equal(second.client.nodeId, first.client.nodeId);
    assert.equal(new Set(stage.server.registered.map((node) => node.SecretID)).size, 1);
  });

  test("registers with its drivers fingerprinted and the operator's words", async () => {
    const stage = createStage();
    await stage.agent({
      settings: { meta: { rack: "r1" }, nodeClass: "big", reserved: { cpuMHz: 100, memoryMB: 64, diskMB: 0, ports: "22" } },
    });
    await stage.clock.advance(SECOND);
    const node = stage.server.registered[0];
    assert.equal(node?.Status, "ready");
    assert.equal(node?.Drivers["mock"]?.Healthy, true);
    assert.equal(node?.Attributes["driver.mock"], "1");
    assert.equal(node?.Meta["rack"], "r1");
    assert.equal(node?.NodeResources.MinDynamicPort, 20_000);
    assert.equal(node?.ReservedResources.Networks.ReservedHostPorts, "22");
  });

  test("sends heartbeats well within their time, and registers once only while nothing changes", async () => {
    const stage = createStage();
    await stage.agent();
    await stage.clock.advance(100 * SECOND);
    assert.ok(stage.server.heartbeats >= 13 && stage.server.heartbeats <= 20, `${stage.server.heartbeats} in ten TTLs`);
    assert.equal(stage.server.registered.length, 1);
  });

  test("losing the servers stops nothing; it comes back by itself", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    stage.server.refuse = true;
    stage.server.lose();
    await stage.clock.advance(3600 * SECOND);
    assert.equal(stage.machine.processes.size, 1);
    stage.server.refuse = false;
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.server.registered.length, 2);
  });

  test("told of other servers, it tries them at once, however long it has waited; a connection that stands is kept", async () => {
    const stage = createStage();
    const { client } = await stage.agent();
    await stage.clock.advance(SECOND);
    client.serversChanged();
    await stage.clock.advance(SECOND);
    assert.equal(stage.server.registered.length, 1);
    stage.server.refuse = true;
    stage.server.lose();
    await stage.clock.advance(3600 * SECOND);
    stage.server.refuse = false;
    client.serversChanged();
    await stage.clock.advance(1);
    assert.equal(stage.server.registered.length, 2);
  });

  test("an update that was not taken is told again, until it is", async () => {
    const stage = createStage();
    await stage.agent();
    await stage.clock.advance(SECOND);
    stage.server.refuseUpdates = true;
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.told(A), undefined);
    stage.server.refuseUpdates = false;
    await stage.clock.advance(2 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("who asks the servers while they are away leaves nothing behind when it gives up", async () => {
    const clock = createSimulatedClock();
    const servers = new ConnectedServers(clock, createSeededRandom(1));
    for (let round = 0; round < 100; round++) {
      const patience = new AbortController();
      const asked = servers.services(patience.signal);
      patience.abort(new Error("no longer"));
      await assert.rejects(asked, /no longer/);
    }
    assert.equal(servers.waiting, 0);
    const answered = servers.services(new AbortController().signal);
    assert.equal(servers.waiting, 1);
    servers.use({ services: () => Promise.resolve([]) } as never);
    assert.deepEqual([await answered, servers.waiting], [[], 0]);
  });

  test("a lagging server's answer stops nothing (F1)", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    const index = stage.server.index;
    stage.server.index = 5;
    stage.server.allocations.clear();
    stage.server.lose();
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.machine.processes.get(`${A}.main.0`)?.exit, undefined);
    stage.server.index = index;
    stage.server.forget(A);
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.machine.processes.size, 0, "a current one does");
  });

  test("a foreign cluster's answer stops nothing, also after a restart (F1)", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.server.clusterId = "another";
    stage.server.index = 1_000_000;
    stage.server.allocations.clear();
    await stage.agent();
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.machine.processes.get(`${A}.main.0`)?.exit, undefined);
    assert.ok(
      stage.reports.some((each) => each.includes('this node belongs to \\"cluster\\"') || each.includes('this node belongs to "cluster"')),
    );
  });

  test("what the servers believe wrongly is said again: lost or unknown, but it runs", async () => {
    const stage = createStage();
    await stage.agent();
    const allocation = anAllocation("a");
    stage.server.put(allocation);
    await stage.clock.advance(SECOND);
    const told = stage.server.updates.length;
    stage.server.put({ ...allocation, ClientStatus: "unknown" });
    await stage.clock.advance(SECOND);
    assert.ok(stage.server.updates.length > told);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("an allocation stopped before the node ever saw it is answered for", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(anAllocation("a", { DesiredStatus: "stop" }));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.deepEqual(stage.machine.everStarted, []);
  });
});

describe("judge()", () => {
  const id = (text: string) => text as AllocationId;
  const change = (fields: object) => ({ ClusterId: "c", Index: 10, Complete: false, Changed: [], Gone: [], ...fields });

  const table: readonly [string, Parameters<typeof judge>, { obey: boolean; gone?: string[] }][] = [
    ["takes the first cluster it hears of", [{ clusterId: "", index: 0 }, change({}), []], { obey: true, gone: [] }],
    ["refuses another", [{ clusterId: "d", index: 0 }, change({}), []], { obey: false }],
    ["refuses what is older", [{ clusterId: "c", index: 11 }, change({}), []], { obey: false }],
    ["takes what is as old", [{ clusterId: "c", index: 10 }, change({}), []], { obey: true, gone: [] }],
    [
      "lets go of what a complete set lacks",
      [{ clusterId: "c", index: 1 }, change({ Complete: true }), [id("x")]],
      { obey: true, gone: ["x"] },
    ],
    ["keeps what a change does not mention", [{ clusterId: "c", index: 1 }, change({}), [id("x")]], { obey: true, gone: [] }],
    [
      "lets go of what is named gone",
      [{ clusterId: "c", index: 1 }, change({ Gone: [id("x")] }), [id("x"), id("y")]],
      { obey: true, gone: ["x"] },
    ],
  ];
  for (const [name, given, expected] of table) {
    test(name, () => {
      const verdict = judge(...given);
      assert.equal(verdict.obey, expected.obey);
      if (verdict.obey) assert.deepEqual(verdict.gone, expected.gone);
    });
  }
});
