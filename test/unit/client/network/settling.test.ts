import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Value } from "typebox/value";
import { CLIENT_DEFAULTS } from "#client";
import { memoryNetworks } from "#integrations/memory";
import type { AllocationId } from "#model";
import { Network } from "../../../../src/model/network.ts";
import { allocationId, anAllocation, createStage, type Stage } from "../stage.ts";

const A = allocationId("a") as AllocationId;
const bridged = () => anAllocation("a", { group: { Networks: [{ ...(Value.Create(Network) as Network), Mode: "bridge" }] } });
const INTERVAL_MS = CLIENT_DEFAULTS.networkIntervalMs;

/** As the machine's: what was flushed is there again once it was settled, unless the test says that it cannot be mended. */
function machineNetworks() {
  const memory = memoryNetworks();
  const state = { looks: 0, flushed: false, hopeless: false };
  return {
    state,
    networks: {
      ...memory,
      settle: async () => {
        state.looks++;
        if (state.hopeless) throw new Error("iptables: no such file");
        if (!state.flushed) return [];
        state.flushed = false;
        return ["The network of allocation a had lost rules"];
      },
    },
    memory,
  };
}

async function runs(stage: Stage): Promise<void> {
  await stage.clock.advance(5_000);
  assert.equal(stage.told(A)?.ClientStatus, "running");
}

const attempts = (stage: Stage) => stage.machine.everStarted.filter((id) => id.startsWith(A));

describe("while the agent runs", () => {
  test("a flushed firewall is mended within a minute under the tasks, and that is said (F38, F42)", async () => {
    const stage = createStage();
    const { state, networks } = machineNetworks();
    await stage.agent({ networks });
    stage.server.put(bridged());
    await runs(stage);
    state.flushed = true;
    await stage.clock.advance(INTERVAL_MS + 1000);
    assert.equal(state.flushed, false);
    assert.equal(attempts(stage).length, 1, "its task was not touched");
    assert.ok(stage.reports.some((said) => said.startsWith("networks: The network of allocation a had lost rules")));
  });

  test("the machine is not looked at while no allocation has a network", async () => {
    const stage = createStage();
    const { state, networks } = machineNetworks();
    await stage.agent({ networks });
    const before = state.looks;
    await stage.clock.advance(3 * INTERVAL_MS);
    assert.equal(state.looks, before);
  });

  test("a machine that cannot be mended is complained of once", async () => {
    const stage = createStage();
    const { state, networks } = machineNetworks();
    await stage.agent({ networks });
    stage.server.put(bridged());
    await runs(stage);
    state.hopeless = true;
    await stage.clock.advance(3 * INTERVAL_MS + 1000);
    assert.ok(state.looks > 2);
    assert.equal(stage.reports.filter((said) => said.startsWith("networks could not be mended")).length, 1);
  });

  test("a namespace that somebody deletes under its tasks is made anew, and they with it", async () => {
    const stage = createStage();
    const { networks, memory } = machineNetworks();
    await stage.agent({ networks });
    stage.server.put(bridged());
    await runs(stage);
    memory.reboot();
    await stage.clock.advance(INTERVAL_MS + 1000);
    assert.equal(attempts(stage).length, 1, "not at the first look: it may just be in the making");
    await stage.clock.advance(2 * INTERVAL_MS);
    assert.equal(attempts(stage).length, 2);
    assert.ok(memory.requests().has(A));
  });
});
