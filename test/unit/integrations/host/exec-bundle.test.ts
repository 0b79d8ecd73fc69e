import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { execBundle, type BundleRequest } from "../../../../integrations/host/exec/bundle.ts";
import { DEFAULT_CAPABILITIES, chooseCapabilities } from "../../../../integrations/host/exec/capabilities.ts";
import { chrootEntries, findInside, makeChrootLinks } from "../../../../integrations/host/exec/chroot.ts";
import { readExecConfig } from "../../../../integrations/host/exec/config.ts";

const MB = 1024 * 1024;

const request: BundleRequest = {
  taskDirectory: "/allocs/a/web",
  sharedDirectory: "/allocs/a/alloc",
  command: "/bin/sh",
  words: ["-c", "true"],
  environment: { A: "1" },
  workDirectory: "/",
  user: { uid: 65534, gid: 65534, groups: [] },
  capabilities: ["CAP_CHOWN"],
  chroot: [
    { host: "/bin", inside: "/bin", kind: "link", target: "usr/bin" },
    { host: "/run/systemd/resolve", inside: "/run/systemd/resolve", kind: "directory", target: "" },
    { host: "/usr", inside: "/usr", kind: "directory", target: "" },
  ],
  noPivotRoot: false,
  hostPids: false,
  hostIpc: false,
  cgroupsPath: "/drover/1/exec-a",
  cgroupVersion: 1,
  cpuMHz: 500,
  memoryMB: 64,
  memoryMaxMB: 0,
  cores: [],
  openFilesMax: 20000,
  network: undefined,
  mounts: [],
};

test("the task is alone with its processes, its IPC and its mounts; network and host name are the machine's", () => {
  assert.deepEqual(
    execBundle(request).linux.namespaces.map((each) => each.type),
    ["mount", "pid", "ipc"],
  );
  assert.deepEqual(
    execBundle({ ...request, hostPids: true, hostIpc: true }).linux.namespaces.map((each) => each.type),
    ["mount"],
  );
});

test("host directories come in read-only, outer ones first, links not at all; /alloc is writable", () => {
  const binds = execBundle(request).mounts.filter((mount) => mount.type === "bind");
  assert.deepEqual(
    binds.map((mount) => [mount.destination, mount.options.includes("ro")]),
    [
      ["/usr", true],
      ["/run/systemd/resolve", true],
      ["/alloc", false],
    ],
  );
});

test("the agent's private directory, the host's passwords and tokens in configuration are masked", () => {
  const masked = execBundle(request).linux.maskedPaths;
  for (const each of ["/private", "/etc/shadow", "/etc/drover.d", "/proc/kcore"]) assert.ok(masked.includes(each), each);
});

test("memory is a hard limit; memory_max raises it and keeps what was asked for; -1 lifts it", () => {
  const memory = (more: Partial<BundleRequest>) => execBundle({ ...request, ...more }).linux.resources.memory;
  assert.deepEqual(memory({}), { limit: 64 * MB, swappiness: 0 });
  assert.deepEqual(memory({ memoryMaxMB: 128 }), { limit: 128 * MB, reservation: 64 * MB, swappiness: 0 });
  assert.deepEqual(memory({ memoryMaxMB: -1 }), { limit: -1, reservation: 64 * MB, swappiness: 0 });
  assert.deepEqual(memory({ cgroupVersion: 2 }), { limit: 64 * MB });
});

test("CPU is shares within the kernel's bounds; cores pin", () => {
  const cpu = (more: Partial<BundleRequest>) => execBundle({ ...request, ...more }).linux.resources.cpu;
  assert.deepEqual(
    [cpu({}), cpu({ cpuMHz: 1 }), cpu({ cpuMHz: 1e6 }), cpu({ cores: [1, 3] })],
    [{ shares: 500 }, { shares: 2 }, { shares: 262144 }, { shares: 500, cpus: "1,3" }],
  );
});

test("open files never exceed what we may have ourselves", () => {
  const limits = (openFilesMax: number) => execBundle({ ...request, openFilesMax }).process.rlimits;
  assert.deepEqual(limits(20_000), [{ type: "RLIMIT_NOFILE", hard: 20_000, soft: 20_000 }]);
  assert.deepEqual(limits(1_000_000), [{ type: "RLIMIT_NOFILE", hard: 1_000_000, soft: 65_536 }]);
});

test("capabilities: the default set, less what is dropped, more only as the operator allows", () => {
  assert.deepEqual(chooseCapabilities([], [], DEFAULT_CAPABILITIES), [...DEFAULT_CAPABILITIES].sort());
  assert.deepEqual(chooseCapabilities([], ["all"], DEFAULT_CAPABILITIES), []);
  assert.deepEqual(chooseCapabilities(["chown"], ["ALL"], DEFAULT_CAPABILITIES), ["CAP_CHOWN"]);
  assert.ok(!chooseCapabilities([], ["CAP_MKNOD"], DEFAULT_CAPABILITIES).includes("CAP_MKNOD"));
  assert.ok(chooseCapabilities(["net_raw"], [], [...DEFAULT_CAPABILITIES, "NET_RAW"]).includes("CAP_NET_RAW"));
  assert.deepEqual(chooseCapabilities([], [], ["chown"]), ["CAP_CHOWN"], "an operator's shorter list shortens the default set");
  assert.throws(() => chooseCapabilities(["sys_admin"], [], DEFAULT_CAPABILITIES), /CAP_SYS_ADMIN/);
});

test("modes are words of two", () => {
  const defaults = { pidMode: "private", ipcMode: "private" } as const;
  assert.equal(readExecConfig({ command: "x", pid_mode: "host" }, defaults).hostPids, true);
  assert.throws(() => readExecConfig({ command: "x", ipc_mode: "shared" }, defaults), /ipc_mode "shared"/);
  assert.throws(() => readExecConfig({ command: "x", work_dir: "local" }, defaults), /absolute/);
});

test("links among the chroot's entries stay links, one that would dangle is bound, the task's own places are refused", () => {
  // Not below /tmp, which is the task's own.
  const host = mkdtempSync("/var/tmp/drover-chroot-");
  try {
    mkdirSync(path.join(host, "usr/bin"), { recursive: true });
    mkdirSync(path.join(host, "elsewhere"));
    symlinkSync("usr/bin", path.join(host, "bin"));
    symlinkSync("elsewhere", path.join(host, "opt"));
    writeFileSync(path.join(host, "file"), "");
    const at = (name: string) => path.join(host, name);
    const entries = chrootEntries({
      [at("usr")]: at("usr"),
      [at("bin")]: at("bin"),
      [at("opt")]: "/opt",
      [at("file")]: "/file",
      [at("none")]: "/none",
    });
    assert.deepEqual(
      entries.map((each) => [path.relative(host, each.host), each.kind, each.target]),
      [
        ["usr", "directory", ""],
        ["bin", "link", "usr/bin"],
        ["opt", "directory", ""],
        ["file", "file", ""],
      ],
    );
    for (const own of ["/", "/alloc", "/local/x", "/../secrets", "/proc"])
      assert.throws(() => chrootEntries({ "/usr": own }), { code: "DRIVER_TASK_INVALID" }, own);
    const task = at("task");
    mkdirSync(task);
    for (let again = 0; again < 2; again++) makeChrootLinks(task, [{ host: "/bin", inside: "/bin", kind: "link", target: "usr/bin" }]);
    assert.equal(readlinkSync(path.join(task, "bin")), "usr/bin");
  } finally {
    rmSync(host, { recursive: true, force: true });
  }
});

test("a command is looked up in /local, then along the search path as the chroot shows it", () => {
  const task = mkdtempSync(path.join(tmpdir(), "drover-inside-"));
  try {
    mkdirSync(path.join(task, "local"));
    writeFileSync(path.join(task, "local", "mine"), "", { mode: 0o755 });
    const entries = chrootEntries({ "/usr": "/usr" });
    const find = (command: string, searchPath?: string) => findInside(command, task, searchPath, entries);
    assert.deepEqual(
      [find("mine"), find("env"), find("/x"), find("local/other"), find("no-such"), find("env", "/nowhere")],
      ["/local/mine", "/usr/bin/env", "/x", "/local/other", "no-such", "env"],
    );
  } finally {
    rmSync(task, { recursive: true, force: true });
  }
});
