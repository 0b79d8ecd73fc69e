/**
 * What people and firewalls do to a host while networks of allocations stand on it: packet rules flushed, leases emptied, a policy of DROP as Docker's late
 * arrival sets it, agents that come and go. Nobody gets another's address, nothing swallows a port, nothing grows, and the preflight says what to do.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { leftSince, startLifecycleWorld, type LifecycleWorld, type Listed } from "./network-lifecycles-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 * Math.max(1, testScale()) };
const RESTARTS = Math.max(1, Math.round(10 * testScale()));

interface Shown {
  readonly NetworkStatus: { readonly Address: string } | null;
  readonly AllocatedResources: { readonly Shared: { readonly Ports: readonly { Label: string; Value: number }[] } };
}
interface Finding {
  readonly what: string;
  readonly standing: string;
  readonly problem: string;
  readonly fix: string;
}

const shown = async ({ agent }: LifecycleWorld, of: Listed): Promise<{ readonly address: string; readonly port: number }> => {
  const found = await agent.get<Shown>(`/v1/allocation/${of.ID}`);
  const port = found.AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http")?.Value ?? 0;
  return { address: found.NetworkStatus?.Address ?? "", port };
};

async function answers(world: LifecycleWorld, port: number): Promise<void> {
  const url = `http://${world.host.address}:${port}/`;
  await eventually(
    "it to answer",
    async () => (await (await fetch(url, { signal: AbortSignal.timeout(1_000) })).text()) === "here",
    30_000,
  );
}

async function firewall(world: LifecycleWorld): Promise<Finding> {
  const findings = await world.agent.get<readonly Finding[]>("/v1/client/preflight");
  const found = findings.find(({ what }) => what === "firewall");
  assert.ok(found !== undefined, JSON.stringify(findings));
  return found;
}

test(
  "rules are flushed, leases emptied, forwarding refused and agents restarted: addresses, ports and counts stay as they should (F38, F39, F41, F42)",
  LIVE,
  async (t) => {
    const world = await startLifecycleWorld(t, { docker: false, consul: false });
    const { host, agent } = world;
    const story = async (name: string, play: () => Promise<void>): Promise<void> => {
      const began = performance.now();
      await t.test(name, play);
      t.diagnostic(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    };

    await story("a policy of DROP is named by the preflight with a command, and the command mends it (F42)", async () => {
      assert.equal((await firewall(world)).standing, "good");
      await host.must("iptables", "-P", "FORWARD", "DROP");
      const found = await firewall(world);
      assert.equal(found.standing, "warning");
      assert.match(found.problem, /policy of chain FORWARD is DROP/);
      const said = await agent.cli("check", "mesh");
      assert.match(said.stdout, /policy of chain FORWARD is DROP/);
      assert.ok(said.stdout.includes(found.fix), said.stdout);
      await host.must("sh", "-c", found.fix);
      assert.equal((await firewall(world)).standing, "good");
      // As it was: from here on the agent's own rules must do.
      await host.must("iptables", "-F", "FORWARD");
    });

    await world.submit("stays", "exec");
    const stays = await shown(world, await world.running("stays"));
    await story("though forwarding is refused by default an allocation is reached, and reaches out (F42)", () =>
      answers(world, stays.port),
    );
    const one = await world.state();

    await story("the firewall is flushed as a reload does while nobody watches: mended under the task (F38, F42)", async () => {
      await agent.kill();
      for (const table of ["filter", "nat"]) for (const how of ["-F", "-X"]) await host.must("iptables", "-t", table, how);
      await agent.restart();
      await answers(world, stays.port);
      const again = await world.running("stays");
      assert.equal(again.TaskStates?.["main"]?.Restarts, 0);
      await eventually("the host to be as it was", async () => leftSince(one, await world.state()).length === 0).catch(async () =>
        assert.deepEqual(leftSince(one, await world.state()), []),
      );
    });

    await story("leases are lost while an address is in use: nobody else gets it (F39)", async () => {
      const leases = async () =>
        (await host.must("find", "/run/cni", "/var/lib/cni", "-type", "f", "-name", stays.address)).split("\n").filter(Boolean);
      assert.equal((await leases()).length, 1);
      await host.must("sh", "-c", "rm -rf /run/cni/* /var/lib/cni/*");
      const ids = ["lease-1", "lease-2", "lease-3"];
      for (const id of ids) await world.submit(id, "raw_exec");
      const addresses = [
        stays.address,
        ...(await Promise.all(ids.map(async (id) => (await shown(world, await world.running(id))).address))),
      ];
      assert.equal(new Set(addresses).size, addresses.length, addresses.join(" "));
      await answers(world, stays.port);
      for (const id of ids) await world.stop(id);
      await world.over(ids);
      assert.equal((await leases()).length, 1, "its lease is there again, and outlived the others");
    });

    await story(`the agent is killed and started ${RESTARTS} times: namespaces, cables and rules stay as many (F41)`, async () => {
      const before = await world.state();
      for (let round = 0; round < RESTARTS; round++) {
        await agent.kill();
        await agent.restart();
      }
      await answers(world, stays.port);
      await eventually("the host to be as it was", async () => leftSince(before, await world.state()).length === 0).catch(async () =>
        assert.deepEqual(leftSince(before, await world.state()), []),
      );
      assert.equal((await world.running("stays")).TaskStates?.["main"]?.Restarts, 0);
    });

    await story("when it is over the host has what was there before it, and what all share", async () => {
      await world.stop("stays");
      await world.over(["stays"]);
      await world.collect();
      const {
        "network namespace": namespaces = [],
        "firewall rule": rules = [],
        "CNI file": files = [],
        interface: links = [],
      } = await world.state();
      assert.deepEqual(
        [namespaces, rules.filter((rule) => rule.includes("drover-")), files.filter((file) => /\d+\.\d+$/.test(file))],
        [[], [], []],
      );
      assert.deepEqual(
        links.filter((link) => link.startsWith("veth")),
        [],
      );
    });
  },
);
