import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { folderBackupStore } from "#integrations/host";

test("backups are whole files only their owner reads; names never leave the folder; a failed one leaves nothing", async () => {
  const path = mkdtempSync(join(tmpdir(), "drover-backups-"));
  try {
    const folder = join(path, "backups");
    const store = folderBackupStore({ folder });
    assert.deepEqual(await store.list(), []);
    await store.write("one.snap", Buffer.from("1"));
    await store.write("one.snap", Buffer.from("2"));
    assert.deepEqual(await store.list(), ["one.snap"]);
    assert.equal(readFileSync(join(folder, "one.snap"), "utf8"), "2");
    assert.equal(statSync(join(folder, "one.snap")).mode & 0o777, 0o600);
    for (const name of ["", "..", "../x", "a/b", ".hidden"]) {
      await assert.rejects(store.write(name, Buffer.from("x")));
      await assert.rejects(store.remove(name));
    }
    await store.remove("one.snap");
    await store.remove("one.snap");
    assert.deepEqual(readdirSync(folder), []);
    const file = join(path, "file");
    writeFileSync(file, "");
    await assert.rejects(folderBackupStore({ folder: join(file, "x") }).write("a.snap", Buffer.from("x")));
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});
