import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { hostMachine } from "#integrations/host";
import { parseMountInfo, mountPointsBelow } from "../../../../integrations/host/disk/mounts.ts";
import { formatCoreList, parseCoreList } from "../../../../integrations/host/machine/cpu.ts";
import { cpuUsage, memoryUsage, parseCoreTimes } from "../../../../integrations/host/machine/host-usage.ts";
import { defaultRouteDevice, hostNetworks } from "../../../../integrations/host/machine/network.ts";

test("core lists are read and written", () => {
  assert.deepEqual(parseCoreList("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
  assert.equal(formatCoreList([8, 0, 1, 2, 5, 7]), "0-2,5,7-8");
  assert.deepEqual([parseCoreList(""), formatCoreList([])], [[], ""]);
});

test("the default route with the lowest metric counts", () => {
  const routes = [
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
    "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
  ].join("\n");
  assert.equal(defaultRouteDevice(routes), "eth0");
  assert.equal(defaultRouteDevice(""), undefined);
  assert.equal(hostNetworks("lo")[0]?.IP, "127.0.0.1");
  assert.deepEqual(hostNetworks("no-such0"), []);
});

test("CPU percentages are between two looks, and guests are not counted twice", () => {
  const before = parseCoreTimes("cpu  9 9\ncpu0 100 0 50 800 50 0 0 0 30 0\n");
  const now = parseCoreTimes("cpu  9 9\ncpu0 150 0 75 870 55 0 0 0 60 0\nintr 1\n");
  assert.deepEqual(before, [{ name: "cpu0", user: 100, system: 50, idle: 850, total: 1000 }]);
  const [core] = cpuUsage(before, now, 2000);
  assert.deepEqual(
    core === undefined
      ? []
      : [core.User, core.System, core.Idle, core.TotalPercent, core.TotalTicks].map((each) => Math.round(each * 10) / 10),
    [33.3, 16.7, 50, 50, 1000],
  );
});

test("memory in use is what is not available", () => {
  assert.deepEqual(memoryUsage("MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\n"), {
    Total: 102400,
    Free: 10240,
    Available: 40960,
    Used: 61440,
  });
});

test("mount points are found below a directory, innermost first, spaces and all", () => {
  const all = parseMountInfo(
    [
      "1 0 254:0 / / rw shared:1 - ext4 /dev/vda rw",
      "2 1 0:30 / /a\\040b rw - tmpfs x rw",
      "3 2 0:31 / /a\\040b/secrets rw - tmpfs drover-secrets rw,size=1m",
      "4 1 0:32 / /a\\040bc rw - tmpfs x rw",
    ].join("\n"),
  );
  assert.deepEqual(mountPointsBelow("/a b", all), ["/a b/secrets", "/a b"]);
  assert.deepEqual([all[2]?.source, all[2]?.type, all[2]?.device], ["drover-secrets", "tmpfs", "0:31"]);
});

test("the machine tells what it is, quickly", async () => {
  const before = performance.now();
  const machine = hostMachine({ version: "2.0.6", allocationDirectory: tmpdir() });
  const found = await machine.fingerprint();
  const usage = await machine.usage();
  assert.ok(performance.now() - before < 1000);
  for (const key of [
    "cpu.arch",
    "cpu.totalcompute",
    "kernel.name",
    "memory.totalbytes",
    "os.name",
    "unique.hostname",
    "unique.storage.bytesfree",
    "os.signals",
  ]) {
    assert.ok((found.Attributes[key] ?? "") !== "", key);
  }
  assert.equal(found.Attributes["nomad.version"], "2.0.6");
  assert.equal(String(found.NodeResources.Cpu.CpuShares), found.Attributes["cpu.totalcompute"]);
  assert.ok(found.NodeResources.Memory.MemoryMB > 0);
  // All of it, not what is free: what allocations have written would be counted twice.
  const bytes = Number(found.Attributes["unique.storage.bytestotal"]);
  assert.ok(bytes > 0);
  assert.equal(found.NodeResources.Disk.DiskMB, Math.floor(bytes / 2 ** 20));
  assert.ok(usage.Memory.Total > usage.Memory.Available && usage.CPU.length > 0 && usage.AllocDirStats.Size > 0);
});

test("what the operator says about the machine counts more than what is measured", async () => {
  const found = await hostMachine({
    version: "x",
    allocationDirectory: tmpdir(),
    cpuTotalMHz: 1234,
    memoryTotalMB: 512,
    networkInterface: "lo",
  }).fingerprint();
  assert.deepEqual(
    [found.NodeResources.Cpu.CpuShares, found.NodeResources.Memory.MemoryMB, found.NodeResources.Networks[0]?.Device],
    [1234, 512, "lo"],
  );
});
