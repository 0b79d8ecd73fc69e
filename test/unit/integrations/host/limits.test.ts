import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { applyLimits, cpuWeight, limitFiles } from "../../../../integrations/host/cgroup/limits.ts";
import { detectCgroups, type Cgroups } from "../../../../integrations/host/cgroup/hierarchy.ts";
import { ownGroup, place } from "../../../../integrations/host/raw-exec/placement.ts";
import { readRawExecConfig } from "../../../../integrations/host/raw-exec/config.ts";
import { coreList } from "../../../../src/task/core-list.ts";
import { taskStart } from "../../../conformance/driver.ts";

const ask = { cpuMHz: 500, memoryMB: 64, memoryMaxMB: 0, cores: [] };
const MB = 1024 * 1024;
const pairs = (version: 1 | 2, more: object) =>
  Object.fromEntries(limitFiles(version, { ...ask, ...more }).map(({ file, value }) => [file, value]));

/** A fixture of /sys/fs/cgroup; files are as a fresh group has them. */
function fixture(context: TestContext, version: "v1" | "v2"): { mount: string; cgroups: Cgroups; read: (file: string) => string } {
  const mount = mkdtempSync(path.join(tmpdir(), "drover-cgroup-"));
  context.after(() => rmSync(mount, { recursive: true, force: true }));
  if (version === "v2") {
    writeFileSync(path.join(mount, "cgroup.controllers"), "cpu memory cpuset\n");
    writeFileSync(path.join(mount, "cgroup.procs"), "");
  } else {
    for (const controller of ["memory", "cpu", "cpuset", "freezer"]) {
      mkdirSync(path.join(mount, controller));
      writeFileSync(path.join(mount, controller, "cgroup.procs"), "");
    }
    writeFileSync(path.join(mount, "cpuset", "cpuset.cpus"), "0-3\n");
    writeFileSync(path.join(mount, "cpuset", "cpuset.mems"), "0\n");
  }
  return { mount, cgroups: detectCgroups(mount), read: (file) => readFileSync(path.join(mount, file), "utf8").trim() };
}

describe("limits of a control group", () => {
  test("memory: hard at what was asked, or at memory_max with the rest kept, or none", () => {
    assert.deepEqual(pairs(1, {}), { "memory.limit_in_bytes": String(64 * MB), "cpu.shares": "500" });
    assert.deepEqual(pairs(1, { memoryMaxMB: 128 }), {
      "memory.limit_in_bytes": String(128 * MB),
      "memory.soft_limit_in_bytes": String(64 * MB),
      "cpu.shares": "500",
    });
    assert.equal(pairs(1, { memoryMaxMB: -1 })["memory.limit_in_bytes"], "-1");
    assert.equal(pairs(2, { memoryMaxMB: -1 })["memory.max"], "max");
    assert.deepEqual(pairs(2, { memoryMaxMB: 128, cores: [1, 3] }), {
      "memory.max": String(128 * MB),
      "memory.low": String(64 * MB),
      "cpu.weight": "19",
      "cpuset.cpus": "1,3",
    });
  });

  test("shares become weights at both ends", () => {
    assert.deepEqual([0, 2, 1024, 262_144, 1e9].map(cpuWeight), [1, 1, 39, 10_000, 10_000]);
  });

  test("v1: a group in each tree, and a cpuset that takes processes", (context) => {
    const { mount, cgroups, read } = fixture(context, "v1");
    const joined = applyLimits(cgroups, "/drover/x/task", { ...ask, cores: [2] });
    assert.deepEqual(
      joined.toSorted(),
      ["cpu", "cpuset", "memory"].map((tree) => `${mount}/${tree}/drover/x/task/cgroup.procs`),
    );
    assert.equal(read("cpuset/drover/cpuset.cpus"), "0-3");
    assert.deepEqual([read("cpuset/drover/x/task/cpuset.cpus"), read("cpuset/drover/x/task/cpuset.mems")], ["2", "0"]);
    assert.equal(read("memory/drover/x/task/memory.limit_in_bytes"), String(64 * MB));
  });

  test("v2: one group, its controllers passed on from level to level", (context) => {
    const { cgroups, read } = fixture(context, "v2");
    assert.deepEqual(applyLimits(cgroups, "/drover/x/task", { ...ask, cores: [0, 1] }), []);
    assert.equal(read("drover/x/task/memory.max"), String(64 * MB));
    assert.equal(read("drover/x/task/cpuset.cpus"), "0,1");
    assert.notEqual(read("cgroup.subtree_control"), "");
    assert.notEqual(read("drover/x/cgroup.subtree_control"), "");
  });

  test("cores that cannot be had are a failure, a limit that cannot is not", (context) => {
    const { cgroups } = fixture(context, "v1");
    const { cpuset: _cpuset, memory: _memory, ...controllers } = cgroups.controllers;
    assert.equal(applyLimits({ ...cgroups, controllers }, "/drover/x/task", ask).length, 1);
    assert.throws(() => applyLimits({ ...cgroups, controllers }, "/drover/x/task", { ...ask, cores: [0] }), { code: "CGROUP_UNUSABLE" });
  });

  test("cores are listed as the kernel lists them", () => {
    assert.equal(coreList([5, 0, 2, 1, 2]), "0-2,5");
    assert.equal(coreList([]), "");
  });
});

describe("cgroups of the operator's for raw_exec", () => {
  const start = taskStart({ place: {} as never }, "a.web.0", {});
  const config = (keys: object) => readRawExecConfig({ command: "x", ...keys });

  test("v1: the named trees are joined where they are said to be, and nothing is limited", (context) => {
    const { mount, cgroups } = fixture(context, "v1");
    mkdirSync(path.join(mount, "memory", "ops"));
    writeFileSync(path.join(mount, "memory", "ops", "cgroup.procs"), "");
    const keys = config({ cgroup_v1_override: { memory: "/ops" }, cgroup_v2_override: "/other" });
    const group = ownGroup(cgroups, "/drover/x/task", keys);
    assert.equal(group, `${mount}/freezer/drover/x/task`);
    assert.deepEqual(place(cgroups, group, "/drover/x/task", start, keys), [`${mount}/memory/ops/cgroup.procs`]);
  });

  test("v2: the task's group is below the named one", (context) => {
    const { mount, cgroups } = fixture(context, "v2");
    mkdirSync(path.join(mount, "ops"));
    writeFileSync(path.join(mount, "ops", "cgroup.procs"), "");
    for (const named of ["/ops", "ops", `${mount}/ops`]) {
      const keys = config({ cgroup_v2_override: named });
      const group = ownGroup(cgroups, "/drover/x/task", keys);
      assert.equal(group, `${mount}/ops/drover-x-task`);
      assert.deepEqual(place(cgroups, group, "/drover/x/task", start, keys), []);
    }
  });

  test("what is not there, leads out, or would hide the task is refused by name", (context) => {
    const { cgroups } = fixture(context, "v1");
    for (const [keys, words] of [
      [{ memory: "/missing" }, /cgroup_v1_override.memory.*there is no cgroup/],
      [{ memory: "../../etc" }, /cgroup_v1_override.memory.*there is no cgroup/],
      [{ memory: "/" }, /names the root/],
      [{ nothing: "/x" }, /no such controller/],
      [{ freezer: "/x" }, /found again by its group/],
    ] as const) {
      const group = ownGroup(cgroups, "/drover/x/task", config({}));
      assert.throws(() => place(cgroups, group, "/drover/x/task", start, config({ cgroup_v1_override: keys })), words);
    }
  });
});
