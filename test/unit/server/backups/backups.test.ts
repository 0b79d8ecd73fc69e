import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { BackupStore } from "#ports";
import { readTar } from "#std";
import { eventually } from "../../../eventually.ts";
import { nameOf, timeOf } from "../../../../src/server/backups/backups.ts";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

const HOUR_MS = 3_600_000;

function memoryStore(): BackupStore & { readonly files: Map<string, Uint8Array>; fail: Error | undefined } {
  const files = new Map<string, Uint8Array>([["notes.txt", Buffer.from("not ours")]]);
  return {
    files,
    fail: undefined,
    list: async () => [...files.keys()],
    async write(name, bytes) {
      if (this.fail !== undefined) throw this.fail;
      files.set(name, bytes);
    },
    remove: async (name) => void files.delete(name),
  };
}

test("a backup's name says when it was made", () => {
  const atMs = Date.UTC(2026, 10, 22, 18, 5, 9);
  assert.equal(nameOf(atMs, 7), "drover-20261122T180509Z-7.snap");
  assert.equal(timeOf(nameOf(atMs, 7)), atMs);
});

test("the leader writes the archive every so often, keeps as many as wanted, and touches nothing else", async () => {
  const store = memoryStore();
  await inside({ server: { backups: { intervalMs: HOUR_MS, keep: 2, store } } }, async (world) => {
    const ours = () => [...store.files.keys()].filter((name) => name.endsWith(".snap")).toSorted();
    await eventually("the first", () => ours().length === 1);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(HOUR_MS / 2);
    assert.equal(ours().length, 1);
    for (let hour = 1; hour <= 3; hour++) {
      const last = ours().at(-1);
      await world.clock.advance(HOUR_MS);
      await eventually("the next", () => ours().at(-1) !== last && ours().length === 2);
    }
    assert.ok(store.files.has("notes.txt"));
    const entries = readTar(gunzipSync(store.files.get(ours().at(-1) as string) as Uint8Array));
    assert.deepEqual(
      [...entries].map(({ name }) => name),
      ["meta.json", "state.bin", "SHA256SUMS"],
    );
    // A server that starts goes on in the same rhythm.
    const before = ours();
    await world.restartServer();
    await world.clock.advance(HOUR_MS / 4);
    assert.deepEqual(ours(), before);
  });
});

test("a backup that cannot be written is told, and tried again", async () => {
  const store = memoryStore();
  store.fail = new Error("disk full");
  await inside({ server: { backups: { intervalMs: HOUR_MS, keep: 2, store } } }, async (world) => {
    await eventually("it is told", () => world.errors.length > 0);
    assert.match(JSON.stringify(world.errors), /disk full/);
    store.fail = undefined;
    await world.clock.advance(60_000);
    await eventually("it is there", () => store.files.size === 2);
  });
});
