/**
 * The machine is rebooted (F36, F39): every process of it ends at once, and namespaces, the bridge, firewall rules, /run, mounts and control groups are gone
 * when the agent comes back; disks stay. Traffic is back in time, with one of each.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { removeGroup } from "../../integrations/host/cgroup/group.ts";
import { openChaos, type ChaosWorld } from "./mesh-chaos-world.ts";
import { hostState } from "./parts/host-state.ts";
import { controlGroupsOf, eventually } from "./real-agent.ts";
import { ownFolder, removeRemains } from "./remains.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const BACK_MS = 60_000;

test("after a reboot traffic is back within a minute, and nothing of before is left", LIVE, async (t) => {
  const folder = ownFolder("reboot");
  t.after(() => removeRemains(folder));
  const world = await openChaos(t);
  // Of each kind as many: their names and addresses are others. The boot's own name is shown by a mount of ours.
  const counts = async (): Promise<Readonly<Record<string, number>>> => {
    const state = await hostState({ host: world.host, consul: world.consul, dataDirectory: world.agent.dataDirectory });
    return Object.fromEntries(
      Object.entries(state).map(([what, lines]) => [what, lines.filter((line) => !line.includes("boot_id")).length]),
    );
  };
  const before = await counts();
  const apps = await world.apps();

  await reboot(world, folder);
  const began = performance.now();
  await world.consul.restart();
  await world.agent.restart();
  await world.answers(BACK_MS - (performance.now() - began));
  t.diagnostic(`traffic ${Math.round(performance.now() - began)} ms after the machine came up`);
  await eventually("everything to be whole", async () => (await world.whole(), true), 30_000);
  for (const { pid } of apps) assert.ok((await world.apps()).every((each) => each.pid !== pid));
  await eventually("as much on the host as before", async () => (assert.deepEqual(await counts(), before), true), 30_000);
});

async function reboot(world: ChaosWorld, folder: string): Promise<void> {
  const { host, agent, consul } = world;
  await Promise.all([agent.kill(), consul.kill()]);
  for (let round = 0; ; round++) {
    const left = await host.pids();
    if (left.length === 0) break;
    assert.ok(round < 100, `processes ${left.join(", ")} live on`);
    for (const pid of left) kill(pid);
  }
  const bootId = join(folder, "boot-id");
  writeFileSync(bootId, `${randomUUID()}\n`);
  await host.must(
    "sh",
    "-ec",
    `
for each in /run/netns/*; do [ -e "$each" ] || continue; umount "$each" || true; rm -f "$each"; done
rm -rf /run/cni/*
awk '{print $2}' /proc/mounts | grep -F "$1" | sort -r | while read -r each; do umount -l "$each"; done
for each in $(ip -o link show | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1/'); do case $each in lo|eth0) ;; *) ip link delete "$each" || true;; esac; done
for each in filter nat; do iptables -t $each -F; iptables -t $each -X; done
iptables -P FORWARD ACCEPT
mount --bind "$2" /proc/sys/kernel/random/boot_id`,
    "sh",
    agent.dataDirectory,
    bootId,
  );
  for (const group of controlGroupsOf(agent.dataDirectory).toReversed()) await removeGroup(group);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
