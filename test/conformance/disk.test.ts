/** The disk port on this machine: layout, reading, writing, and a hostile task that swaps paths under our hands (F43, F59). */
import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hostDisk } from "#integrations/host";
import type { Disk, DiskRead } from "#ports";
import { testScale } from "../scale.ts";

const isRoot = process.getuid?.() === 0;

function check(sentence: string, body: (disk: Disk, root: string, above: string) => Promise<void>): void {
  test(`host disk: ${sentence}`, { timeout: 60_000 }, async () => {
    const above = mkdtempSync(path.join(tmpdir(), "drover-disk-"));
    const disk = hostDisk();
    const root = path.join(above, "allocs", "one");
    try {
      await disk.makeAllocation(root);
      await disk.makeTask(root, { task: "web", isolation: "none", user: "", secretsMB: 0 });
      await body(disk, root, above);
    } finally {
      await disk.removeAllocation(root);
      rmSync(above, { recursive: true, force: true });
    }
  });
}

const mounted = (directory: string) =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${directory} `)).length;
const modeOf = (file: string) => (statSync(file).mode & 0o7777).toString(8);

async function text(disk: Disk, root: string, request: Partial<DiskRead> & { path: string }): Promise<string> {
  let read = "";
  for await (const frame of disk.read(
    root,
    { origin: "start", offset: 0, limit: -1, follow: false, ...request },
    new AbortController().signal,
  )) {
    read += Buffer.from(frame.Data).toString();
  }
  return read;
}

check("directories have their modes, and making them again changes nothing", async (disk, root) => {
  const place = await disk.makeTask(root, { task: "web", isolation: "none", user: "", secretsMB: 0 });
  await disk.makeAllocation(root);
  assert.deepEqual(
    ["alloc", "alloc/data", "alloc/logs", "alloc/tmp", "web", "web/local", "web/tmp", "web/private"].map((each) =>
      modeOf(path.join(root, each)),
    ),
    ["1777", "777", "777", "777", "1777", "777", "1777", "700"],
  );
  assert.equal(modeOf(place.secretsDirectory), isRoot ? "777" : "700");
  if (isRoot) assert.equal(mounted(place.secretsDirectory), 1, "one tmpfs, not two");
});

check(
  "a task that runs as somebody else writes where it begins and beside the others, and moves nothing of the agent's",
  async (disk, root) => {
    if (!isRoot) return;
    await disk.makeTask(root, { task: "app", isolation: "none", user: "nobody", secretsMB: 0 });
    const uid = Number(execFileSync("id", ["-u", "nobody"]));
    // The test's own folder is its owner's alone; allocations lie in one that lets pass.
    chmodSync(path.dirname(path.dirname(root)), 0o711);
    const as = (...command: readonly [string, ...string[]]) =>
      spawnSync(command[0], command.slice(1), { uid, cwd: path.join(root, "app") }).status;
    assert.equal(as("touch", "mine", "../alloc/shared"), 0);
    assert.notEqual(as("mv", "private", "gone"), 0);
    assert.notEqual(as("mv", "../alloc/logs", "gone"), 0);
  },
);

check("while a task's directory is made nobody else puts anything into it", async (disk, root, above) => {
  const directory = path.join(root, "web");
  const elsewhere = path.join(above, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o711 });
  await disk.removeSecrets(root, "web");
  symlinkSync(elsewhere, path.join(directory, "secrets"));
  const request = { task: "web", isolation: "none", user: "", secretsMB: 0 } as const;
  await assert.rejects(disk.makeTask(root, request), { code: "DISK_OCCUPIED" });
  assert.deepEqual([modeOf(directory), modeOf(elsewhere)], ["755", "711"], "closed where making it broke off; the link's target as it was");
  rmSync(path.join(directory, "secrets"));
  await disk.makeTask(root, request);
  assert.equal(modeOf(directory), "1777");
});

check("a named user owns local and secrets, nobody else enters the secrets", async (disk, root) => {
  if (!isRoot) return;
  const place = await disk.makeTask(root, { task: "app", isolation: "chroot", user: "nobody", secretsMB: 2 });
  const nobody = Number(execFileSync("id", ["-u", "nobody"]));
  assert.deepEqual(
    [statSync(place.localDirectory).uid, statSync(place.secretsDirectory).uid, modeOf(place.secretsDirectory)],
    [nobody, nobody, "700"],
  );
  assert.ok(lstatSync(path.join(root, "app", "alloc")).isDirectory());
  await assert.rejects(disk.makeTask(root, { task: "bad", isolation: "none", user: "no-such-user", secretsMB: 0 }), {
    code: "DRIVER_TASK_INVALID",
  });
});

check("task names that are no directory names are refused", async (disk, root) => {
  for (const task of ["..", "a/b", "", "alloc"]) {
    await assert.rejects(disk.makeTask(root, { task, isolation: "none", user: "", secretsMB: 0 }), { code: "DISK_NAME_INVALID" });
  }
});

check("secrets go when they are removed, and no mount or file is left with the allocation (F43)", async (disk, root) => {
  await disk.write(root, { path: "web/secrets/token", data: "hidden", mode: 0o600, user: "" });
  const secrets = path.join(root, "web", "secrets");
  await disk.removeSecrets(root, "web");
  await disk.removeSecrets(root, "web");
  assert.deepEqual([existsSync(secrets), mounted(secrets)], [false, 0]);
  await disk.makeTask(root, { task: "web", isolation: "none", user: "", secretsMB: 0 });
  for (let again = 0; again < 2; again++) await disk.removeAllocation(root);
  assert.deepEqual([existsSync(root), mounted(secrets)], [false, 0]);
  assert.deepEqual(await disk.listDirectories(path.dirname(root)), []);
});

check("removing follows no link", async (disk, root, above) => {
  mkdirSync(path.join(above, "precious"));
  writeFileSync(path.join(above, "precious", "file"), "kept");
  symlinkSync(path.join(above, "precious"), path.join(root, "web", "local", "out"));
  await disk.removeAllocation(root);
  assert.equal(readFileSync(path.join(above, "precious", "file"), "utf8"), "kept");
});

check("files are written whole with their mode, in directories made on the way", async (disk, root) => {
  await disk.write(root, { path: "web/local/a/b/c", data: "one", mode: 0o640, user: "" });
  await disk.write(root, { path: "web/local/a/b/c", data: "two", mode: 0o600, user: "" });
  assert.equal(await text(disk, root, { path: "web/local/a/b/c" }), "two");
  assert.equal(modeOf(path.join(root, "web/local/a/b/c")), "600");
  assert.deepEqual(readdirSync(path.join(root, "web/local/a/b")), ["c"]);
  assert.equal(Buffer.from((await disk.readWhole(root, "web/local/a/b/c", 10)) ?? []).toString(), "two");
  assert.equal(await disk.readWhole(root, "web/local/none", 10), undefined);
  await assert.rejects(disk.readWhole(root, "web/local/a/b/c", 2), { code: "FILE_TOO_LARGE" });
});

check("nothing outside is read, listed or written (F59)", async (disk, root, above) => {
  writeFileSync(path.join(above, "outside"), "precious");
  const local = path.join(root, "web", "local");
  symlinkSync(path.join(above, "outside"), path.join(local, "absolute"));
  symlinkSync("../../../../outside", path.join(local, "relative"));
  symlinkSync("/", path.join(local, "root"));
  symlinkSync("loop", path.join(local, "loop"));
  symlinkSync("../secrets", path.join(local, "hidden"));
  await disk.write(root, { path: "web/secrets/token", data: "hidden", mode: 0o600, user: "" });
  const refused: [string, string][] = [
    ["../..", "FILE_OUTSIDE"],
    ["web/../../..", "FILE_OUTSIDE"],
    ["web/local/absolute", "FILE_OUTSIDE"],
    ["web/local/relative", "FILE_OUTSIDE"],
    ["web/local/root/etc/passwd", "FILE_OUTSIDE"],
    ["web/local/loop", "FILE_OUTSIDE"],
    ["web/secrets", "FILE_FORBIDDEN"],
    ["web/secrets/token", "FILE_FORBIDDEN"],
    ["web/private", "FILE_FORBIDDEN"],
    ["web/local/hidden/token", "FILE_FORBIDDEN"],
    ["web/local/../secrets/token", "FILE_FORBIDDEN"],
    ["nothing", "FILE_NOT_FOUND"],
    ["nul\0byte", "FILE_NOT_FOUND"],
  ];
  for (const [wanted, code] of refused) {
    await assert.rejects(disk.stat(root, wanted), { code }, wanted);
    await assert.rejects(disk.list(root, wanted), { code }, wanted);
    await assert.rejects(text(disk, root, { path: wanted }), { code }, wanted);
  }
  await assert.rejects(disk.write(root, { path: "web/local/root/tmp/drover-escape", data: "x", mode: 0o644, user: "" }), {
    code: "FILE_OUTSIDE",
  });
  await disk.write(root, { path: "web/local/absolute", data: "mine", mode: 0o644, user: "" });
  assert.equal(readFileSync(path.join(above, "outside"), "utf8"), "precious", "the link was replaced, not followed");
});

check("links that stay inside are followed", async (disk, root) => {
  await disk.write(root, { path: "alloc/data/x", data: "shared", mode: 0o644, user: "" });
  symlinkSync("../../alloc/data/x", path.join(root, "web/local/relative"));
  symlinkSync(path.join(root, "alloc"), path.join(root, "web/local/absolute"));
  for (const wanted of ["web/local/relative", "web/local/absolute/data/x", "web/alloc/data/x", "/alloc//data/./x"]) {
    assert.equal(await text(disk, root, { path: wanted }), "shared", wanted);
  }
});

check("pipes, directories and missing parts are told apart", async (disk, root) => {
  execFileSync("mkfifo", [path.join(root, "web/local/pipe")]);
  await assert.rejects(text(disk, root, { path: "web/local/pipe" }), { code: "FILE_WRONG_KIND" });
  await assert.rejects(text(disk, root, { path: "web/local" }), { code: "FILE_WRONG_KIND" });
  await assert.rejects(disk.list(root, "web/local/pipe"), { code: "FILE_WRONG_KIND" });
});

check("a task that swaps a directory for a link all the time never shows or receives anything outside (F59)", async (disk, root, above) => {
  mkdirSync(path.join(above, "target"));
  writeFileSync(path.join(above, "target", "file"), "OUTSIDE");
  const local = path.join(root, "web", "local");
  mkdirSync(path.join(local, "real"));
  writeFileSync(path.join(local, "real", "file"), "inside");
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const racing = new Worker(
    `
    const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
    const { workerData: { local, target, stop } } = require("node:worker_threads");
    while (Atomics.load(stop, 0) === 0) {
      try { renameSync(local + "/real", local + "/aside"); } catch {}
      try { symlinkSync(target, local + "/real"); } catch {}
      try { unlinkSync(local + "/real"); } catch {}
      try { renameSync(local + "/aside", local + "/real"); } catch {}
    }
  `,
    { eval: true, workerData: { local, target: path.join(above, "target"), stop } },
  );
  const seen = new Set<string>();
  try {
    for (let round = 0; round < 2000 * testScale(); round++) {
      try {
        seen.add(await text(disk, root, { path: "web/local/real/file" }));
        await disk.write(root, { path: "web/local/real/written", data: "inside", mode: 0o644, user: "" });
      } catch (error) {
        seen.add((error as { code?: string }).code ?? String(error));
      }
    }
  } finally {
    Atomics.store(stop, 0, 1);
    await new Promise((resolve) => {
      racing.once("exit", resolve);
    });
  }
  assert.ok(seen.has("inside") && !seen.has("OUTSIDE"), [...seen].join(", "));
  assert.deepEqual(readdirSync(path.join(above, "target")), ["file"]);
});

check("a range is read from either end", async (disk, root) => {
  await disk.write(root, { path: "alloc/data/x", data: "0123456789", mode: 0o644, user: "" });
  const read = (request: Partial<DiskRead>) => text(disk, root, { path: "alloc/data/x", ...request });
  assert.deepEqual(
    [
      await read({ offset: 3 }),
      await read({ offset: 3, limit: 2 }),
      await read({ origin: "end", offset: 4 }),
      await read({ origin: "end", offset: 99 }),
      await read({ offset: 99 }),
    ],
    ["3456789", "34", "6789", "0123456789", ""],
  );
});

check("a followed file yields what is appended, tells of truncation, and ends when it is deleted", async (disk, root) => {
  const file = path.join(root, "alloc", "logs", "x");
  writeFileSync(file, "one\n");
  const seen: string[] = [];
  for await (const frame of disk.read(
    root,
    { path: "alloc/logs/x", origin: "start", offset: 0, limit: -1, follow: true },
    new AbortController().signal,
  )) {
    seen.push(frame.FileEvent || Buffer.from(frame.Data).toString());
    if (seen.length === 1) appendFileSync(file, "two\n");
    if (seen.length === 2) truncateSync(file, 0);
    if (seen.length === 3) appendFileSync(file, "three\n");
    if (seen.length === 4) rmSync(file);
  }
  assert.deepEqual(seen, ["one\n", "two\n", "file truncated", "three\n", "file deleted"]);
});

check("following ends without an error when its reader goes", async (disk, root) => {
  writeFileSync(path.join(root, "alloc", "logs", "x"), "one\n");
  const away = new AbortController();
  let frames = 0;
  for await (const _ of disk.read(root, { path: "alloc/logs/x", origin: "start", offset: 0, limit: -1, follow: true }, away.signal)) {
    frames++;
    setTimeout(() => {
      away.abort();
    }, 10);
  }
  assert.equal(frames, 1);
});

check("a watch calls soon after a change, and not after close", async (disk, root) => {
  let calls = 0;
  const watching = disk.watch(root, "alloc/logs", () => {
    calls++;
  });
  writeFileSync(path.join(root, "alloc", "logs", "x"), "one\n");
  while (calls === 0) await sleep(5);
  watching.close();
  calls = 0;
  renameSync(path.join(root, "alloc", "logs", "x"), path.join(root, "alloc", "logs", "y"));
  await sleep(50);
  assert.equal(calls, 0);
});

check("sizes and listings are told as the API shows them", async (disk, root) => {
  await disk.write(root, { path: "alloc/data/x.json", data: "{}", mode: 0o640, user: "" });
  const [file] = await disk.list(root, "alloc/data");
  assert.deepEqual([file?.Name, file?.IsDir, file?.Size, file?.FileMode], ["x.json", false, 2, "-rw-r-----"]);
  assert.equal((await disk.stat(root, "alloc/data/x.json")).ContentType, "application/json");
  assert.equal((await disk.stat(root, "alloc/tmp")).FileMode, "drwxrwxrwx");
  assert.equal((await disk.stat(root, "web/tmp")).FileMode, "dtrwxrwxrwx");
  const usage = await disk.usage(root);
  assert.ok(usage.totalBytes > usage.availableBytes && usage.totalInodes > 0);
  assert.ok((await disk.treeBytes(root)) >= 4096);
});

const filled = async (disk: Disk, root: string, above: string) => {
  const next = path.join(above, "allocs", "two");
  await disk.makeAllocation(next);
  writeFileSync(path.join(root, "alloc/data/kept"), "shared");
  writeFileSync(path.join(root, "web/local/own"), "task");
  return { next, gone: () => disk.removeAllocation(next) };
};

check("data of one allocation becomes another's, also after a kill in the middle", async (disk, root, above) => {
  const { next, gone } = await filled(disk, root, above);
  try {
    // A killed agent had moved the first of the two.
    renameSync(path.join(root, "alloc/data"), path.join(next, "alloc/data"));
    await disk.takeOver(root, next, ["web", "other"]);
    await disk.takeOver(root, next, ["web", "other"]);
    assert.equal(readFileSync(path.join(next, "alloc/data/kept"), "utf8"), "shared");
    await disk.makeTask(next, { task: "web", isolation: "none", user: "", secretsMB: 0 });
    assert.equal(readFileSync(path.join(next, "web/local/own"), "utf8"), "task");
    assert.equal(modeOf(path.join(next, "alloc/data")), "777");
    assert.equal(existsSync(path.join(root, "web/local")), false);
    await disk.takeOver(path.join(above, "allocs", "never"), next, ["web"]);
  } finally {
    await gone();
  }
});

check("a move that fails in the middle is undone: all is where it was, the new one empty", async (disk, root, above) => {
  const { next, gone } = await filled(disk, root, above);
  try {
    // Something stands in the way of the second.
    mkdirSync(path.join(next, "web/local/busy"), { recursive: true });
    await assert.rejects(disk.takeOver(root, next, ["web"]), { code: "DISK_MOVE_FAILED" });
    assert.equal(readFileSync(path.join(root, "alloc/data/kept"), "utf8"), "shared");
    assert.equal(readFileSync(path.join(root, "web/local/own"), "utf8"), "task");
    assert.deepEqual(readdirSync(path.join(next, "alloc/data")), []);
    assert.equal(modeOf(path.join(next, "alloc/data")), "777");
  } finally {
    await gone();
  }
});

check("a link in the place of data is not followed to another's (F59)", async (disk, root, above) => {
  const { next, gone } = await filled(disk, root, above);
  const secret = path.join(above, "secret");
  mkdirSync(secret);
  try {
    rmSync(path.join(root, "web/local"), { recursive: true });
    symlinkSync(secret, path.join(root, "web/local"));
    await assert.rejects(disk.takeOver(root, next, ["web"]), { code: "DISK_MOVE_FAILED" });
    assert.equal(readFileSync(path.join(root, "alloc/data/kept"), "utf8"), "shared");
    assert.equal(lstatSync(secret).isDirectory(), true);
    assert.equal(existsSync(path.join(next, "web/local")), false);
  } finally {
    await gone();
  }
});
