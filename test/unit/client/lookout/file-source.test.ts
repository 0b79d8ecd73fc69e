import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createHostClock, hostDisk } from "#integrations/host";
import { fileThings, placeOf } from "../../../../src/client/lookout/file-source.ts";
import { workloadToken } from "../../../../src/client/lookout/workload.ts";
import { allocationId } from "../stage.ts";

const token = workloadToken({ allocation: allocationId("a"), task: "main", namespace: "default" });

interface Place {
  readonly directory: string;
  readonly task: string;
  read(path: string, after?: string, sandboxDisabled?: boolean): Promise<{ value: unknown; index: string }>;
}

async function inPlace(story: (place: Place) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "drover-files-"));
  try {
    const allocation = join(directory, allocationId("a"));
    for (const each of ["alloc", "main/local", "main/secrets", "main/private", "other/secrets"])
      mkdirSync(join(allocation, each), { recursive: true });
    const sources = [false, true].map((sandboxDisabled) =>
      fileThings({ disk: hostDisk(), clock: createHostClock(), allocationsDirectory: directory, sandboxDisabled }),
    );
    await story({
      directory,
      task: join(allocation, "main"),
      read: (name, after = "", free = false) =>
        (sources[free ? 1 : 0] as (typeof sources)[0]).read(
          { system: "file", kind: "file", name, options: {} },
          { token, after, signal: AbortSignal.timeout(20_000) },
        ),
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("files of a task", () => {
  test("are found as the task names them, and missing ones are an answer", () =>
    inPlace(async ({ task, directory, read }) => {
      writeFileSync(join(task, "local/a.txt"), "in local");
      writeFileSync(join(task, "secrets/key"), "in secrets");
      writeFileSync(join(task, "plain"), "beside");
      writeFileSync(join(task, "../alloc/shared"), "in alloc");
      for (const [path, text] of [
        ["local/a.txt", "in local"],
        ["/local/a.txt", "in local"],
        [join(task, "local/a.txt"), "in local"],
        ["local/../secrets/key", "in secrets"],
        ["/secrets/key", "in secrets"],
        ["plain", "beside"],
        ["alloc/shared", "in alloc"],
        [join(directory, allocationId("a"), "alloc/shared"), "in alloc"],
        ["local/none", undefined],
        ["none", undefined],
      ] as const) {
        assert.equal((await read(path)).value, text, path);
      }
    }));

  test("nothing outside is read, whatever links stand there (F59)", () =>
    inPlace(async ({ task, directory, read }) => {
      writeFileSync(join(directory, "host"), "the machine's");
      writeFileSync(join(task, "private/token"), "the agent's");
      writeFileSync(join(task, "../other/secrets/key"), "another task's");
      symlinkSync(join(directory, "host"), join(task, "local/host"));
      symlinkSync("../../../host", join(task, "local/up"));
      symlinkSync("../private/token", join(task, "local/token"));
      symlinkSync("private/token", join(task, "token"));
      symlinkSync("../../other/secrets", join(task, "local/other"));
      const refused = ["local/host", "local/up", "local/token", "token", "private/token", "local/other/key", "../other/secrets/key"];
      for (const path of [...refused, join(directory, "host"), "../../host", "/etc/passwd", join(task, "../other/secrets/key")]) {
        await assert.rejects(read(path), { code: "THING_DENIED" }, path);
      }
      mkdirSync(join(task, "local/folder"));
      await assert.rejects(read("local/folder"), { code: "THING_INVALID" });
      assert.equal((await read(join(directory, "host"), "", true)).value, "the machine's");
      assert.equal((await read("../../host", "", true)).value, "the machine's");
    }));

  test("a change is heard of, also of a file that comes and goes", () =>
    inPlace(async ({ task, read }) => {
      const path = join(task, "local/a.txt");
      const missing = await read("local/a.txt");
      let next = read("local/a.txt", missing.index);
      writeFileSync(path, "one");
      let found = await next;
      // The write is two changes: made, and filled.
      if (found.value === "") found = await read("local/a.txt", found.index);
      assert.equal(found.value, "one");
      next = read("local/a.txt", found.index);
      rmSync(path);
      assert.equal((await next).value, undefined);
    }));

  test("where a path lies is decided without looking", () => {
    assert.equal(placeOf("../../../etc/passwd", "/a/b", "main", false), undefined);
    assert.deepEqual(placeOf("/etc/hosts", "/a/b", "main", true), { root: "/", path: "etc/hosts", guarded: false });
    assert.deepEqual(placeOf("/a/b/main/x", "/a/b", "main", false), { root: "/a/b", path: "main/x", guarded: true });
  });
});
