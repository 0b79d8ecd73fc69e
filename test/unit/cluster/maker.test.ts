import assert from "node:assert/strict";
import { test } from "node:test";
import { openRecordedLog } from "#cluster";
import { createMemoryDisk, openMemoryLog } from "#integrations/memory";

function disk(): {
  files: Map<string, string>;
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
} {
  const files = new Map<string, string>();
  return { files, read: async (path) => files.get(path), write: async (path, text) => void files.set(path, text) };
}

test("The maker is recorded at bootstrap and found again", async () => {
  const files = disk();
  const open = async () => openMemoryLog(createMemoryDisk("c1"));
  await openRecordedLog({ disk: files, dataDir: "/data/server", wanted: "memory", open });
  assert.deepEqual(JSON.parse(files.files.get("log-maker.json") ?? ""), { maker: "memory", clusterId: "c1", formatVersion: 1 });
  await openRecordedLog({ disk: files, dataDir: "/data/server", wanted: "memory", open });
});

test("Another maker refuses to start before it touches anything, naming both and the way out", async () => {
  const files = disk();
  files.files.set("log-maker.json", JSON.stringify({ maker: "sqlite", clusterId: "c1", formatVersion: 1 }));
  const open = () => assert.fail("the log must not be opened");
  await assert.rejects(
    openRecordedLog({ disk: files, dataDir: "/data/server", wanted: "consul", open }),
    (error: Error & { code: string; fix: string }) => {
      assert.equal(error.code, "LOG_MAKER_MISMATCH");
      assert.match(error.message, /"sqlite".*"consul"/);
      assert.match(error.fix, /bootstrap_expect/);
      return true;
    },
  );
});

test("Another cluster's log, or a record nobody can read, refuses to start", async () => {
  const files = disk();
  const open = async () => openMemoryLog(createMemoryDisk("c2"));
  files.files.set("log-maker.json", JSON.stringify({ maker: "memory", clusterId: "c1", formatVersion: 1 }));
  await assert.rejects(openRecordedLog({ disk: files, dataDir: "/data/server", wanted: "memory", open }), { code: "LOG_CLUSTER_MISMATCH" });
  for (const text of ["", "{", "null", '{"maker":"memory"}', '{"maker":"memory","clusterId":"c2","formatVersion":2}']) {
    files.files.set("log-maker.json", text);
    await assert.rejects(openRecordedLog({ disk: files, dataDir: "/data/server", wanted: "memory", open }), {
      code: "LOG_MAKER_UNREADABLE",
    });
  }
});
