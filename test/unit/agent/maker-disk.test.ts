import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { makerDisk } from "../../../src/agent/maker-disk.ts";

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "drover-maker-disk-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test("what is written is read again, by its owner alone, with nothing beside it; what is not there is undefined", async (t) => {
  const directory = folder(t);
  const disk = makerDisk(directory);
  assert.equal(await disk.read("cluster/id"), undefined);
  await disk.write("cluster/id", "one");
  await disk.write("cluster/id", "two");
  assert.equal(await disk.read("cluster/id"), "two");
  assert.equal(statSync(join(directory, "cluster/id")).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(directory, "cluster")), ["id"]);
});

test("what a killed one left half written is in nobody's way, and its permissions are not taken over", async (t) => {
  const directory = folder(t);
  writeFileSync(join(directory, "id.new"), "half of something much longer");
  chmodSync(join(directory, "id.new"), 0o666);
  await makerDisk(directory).write("id", "whole");
  assert.equal(readFileSync(join(directory, "id"), "utf8"), "whole");
  assert.equal(statSync(join(directory, "id")).mode & 0o777, 0o600);
});

test("a write that fails leaves what was there, and nothing half done; one that cannot be read is no file that is missing", async (t) => {
  const directory = folder(t);
  const disk = makerDisk(directory);
  mkdirSync(join(directory, "id"));
  await assert.rejects(disk.write("id", "text"), { code: "EISDIR" });
  assert.deepEqual(readdirSync(directory), ["id"]);
  await assert.rejects(disk.read("id"), { code: "EISDIR" });
});
