/** Control groups read from fixture directories: v2 cannot be tried on a v1 machine, nor the reverse. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { detectCgroups, membershipRoot, treeRoots } from "../../../../integrations/host/cgroup/hierarchy.ts";
import { cgroupReader } from "../../../../integrations/host/cgroup/reader.ts";
import { resourceUsage } from "../../../../integrations/host/cgroup/usage.ts";

function fixture(files: Record<string, string>): { directory: string; [Symbol.dispose](): void } {
  const directory = mkdtempSync(path.join(tmpdir(), "drover-cgroup-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), content);
  }
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

const GROUP = "drover/12345678/exec-x";

test("v2 is one tree", () => {
  using at = fixture({
    "cgroup.controllers": "cpu memory pids\n",
    [`${GROUP}/cpu.stat`]: "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_throttled 4\nthrottled_usec 5\n",
    [`${GROUP}/memory.current`]: "1000\n",
    [`${GROUP}/memory.peak`]: "2000\n",
    [`${GROUP}/memory.swap.current`]: "7\n",
    [`${GROUP}/memory.stat`]: "anon 400\nfile 500\ninactive_file 100\nkernel 50\n",
    [`${GROUP}/memory.events`]: "low 0\noom 2\noom_kill 1\n",
  });
  const cgroups = detectCgroups(at.directory);
  assert.deepEqual([cgroups.version, membershipRoot(cgroups), treeRoots(cgroups)], ["v2", at.directory, [at.directory]]);
  assert.deepEqual(cgroupReader(cgroups, `/${GROUP}`).read(), {
    cpuNs: 3_000_000,
    userNs: 2_000_000,
    systemNs: 1_000_000,
    throttledPeriods: 4,
    throttledNs: 5000,
    memoryUsage: 1000,
    memoryMax: 2000,
    rss: 400,
    cache: 500,
    swap: 7,
    kernel: 50,
    workingSet: 900,
    oomKills: 1,
  });
});

const v1: Record<string, string> = {
  "memory/cgroup.procs": "",
  "cpu,cpuacct/cgroup.procs": "",
  "freezer/cgroup.procs": "",
  [`cpu,cpuacct/${GROUP}/cpuacct.usage`]: "3000000\n",
  [`cpu,cpuacct/${GROUP}/cpuacct.stat`]: "user 2\nsystem 1\n",
  [`cpu,cpuacct/${GROUP}/cpu.stat`]: "nr_periods 9\nnr_throttled 4\nthrottled_time 5\n",
  [`memory/${GROUP}/memory.usage_in_bytes`]: "1000\n",
  [`memory/${GROUP}/memory.max_usage_in_bytes`]: "2000\n",
  [`memory/${GROUP}/memory.kmem.usage_in_bytes`]: "50\n",
  [`memory/${GROUP}/memory.stat`]: "rss 1\ntotal_rss 400\ntotal_cache 500\ntotal_swap 7\ntotal_inactive_file 100\n",
  [`memory/${GROUP}/memory.oom_control`]: "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
};

test("v1 is a tree a controller, some sharing one", () => {
  using at = fixture(v1);
  const cgroups = detectCgroups(at.directory);
  assert.equal(cgroups.version, "v1");
  assert.equal(membershipRoot(cgroups), path.join(at.directory, "freezer"));
  assert.equal(treeRoots(cgroups).length, 3);
  assert.deepEqual(cgroupReader(cgroups, `/${GROUP}`).read(), {
    cpuNs: 3_000_000,
    userNs: 20_000_000,
    systemNs: 10_000_000,
    throttledPeriods: 4,
    throttledNs: 5,
    memoryUsage: 1000,
    memoryMax: 2000,
    rss: 400,
    cache: 500,
    swap: 7,
    kernel: 50,
    workingSet: 900,
    oomKills: 1,
  });
});

test("hybrid has a unified tree beside the controllers', and members are kept there", () => {
  using at = fixture({ ...v1, "unified/cgroup.procs": "", "unified/cgroup.controllers": "" });
  const cgroups = detectCgroups(at.directory);
  assert.equal(cgroups.version, "hybrid");
  assert.equal(membershipRoot(cgroups), path.join(at.directory, "unified"));
});

test("a machine without cgroups has none", () => {
  using at = fixture({ x: "" });
  assert.deepEqual(detectCgroups(at.directory), { version: "none", unified: "", controllers: {}, writable: false });
});

test("percentages are of one core, ticks are MHz", () => {
  const sample = {
    atMs: 2000,
    cpuNs: 1.5e9,
    userNs: 1e9,
    systemNs: 0.5e9,
    throttledPeriods: 0,
    throttledNs: 0,
    rss: 1,
    cache: 2,
    swap: 3,
    usage: 4,
    maxUsage: 5,
    kernel: 6,
    memoryMeasured: ["RSS"],
  };
  const usage = resourceUsage({ atMs: 1000, cpuNs: 0, userNs: 0, systemNs: 0 }, sample, 2000);
  assert.deepEqual(
    [usage.CpuStats.Percent, usage.CpuStats.UserMode, usage.CpuStats.SystemMode, usage.CpuStats.TotalTicks],
    [150, 100, 50, 3000],
  );
});
