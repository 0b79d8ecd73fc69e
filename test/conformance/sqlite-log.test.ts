/** What the SQLite maker does when its file is not its own, damaged, locked or full; beyond the suite every maker passes. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openSnapshotStore, openSqliteLog } from "#integrations/host";
import type { Log } from "#ports";

async function withFolder(body: (folder: string, path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "drover-sqlite-"));
  try {
    await body(folder, join(folder, "log.sqlite"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const open = (path: string, sizeMaxBytes?: number): Promise<Log> =>
  openSqliteLog({ path, clusterId: "c1", ...(sizeMaxBytes === undefined ? {} : { sizeMaxBytes }) });
const block = (kilobytes: number) => new Uint8Array(kilobytes * 1024).fill(7);

async function indexes(log: Log): Promise<number[]> {
  const found: number[] = [];
  for await (const batch of log.read(1)) found.push(...batch.map(({ index }) => index));
  return found;
}

test("A log that is open elsewhere is refused by name", () =>
  withFolder(async (_folder, path) => {
    const log = await open(path);
    await assert.rejects(open(path), { code: "LOG_LOCKED" });
    await log.append([block(1)]);
    await log.close();
    await (await open(path)).close();
  }));

test("A file of another program is refused and left as it was", () =>
  withFolder(async (_folder, path) => {
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE precious (x)");
    other.close();
    const before = await readFile(path);
    await assert.rejects(open(path), { code: "LOG_FOREIGN" });
    assert.ok(before.equals(await readFile(path)));
  }));

test("Damage is named: not a database, no cluster, a hole, a newer format", () =>
  withFolder(async (_folder, path) => {
    await writeFile(path, "This is not a database, whatever its name says. ".repeat(100));
    await assert.rejects(open(path), { code: "LOG_CORRUPT" });
    await rm(path);
    const log = await open(path);
    for (let n = 0; n < 5; n++) await log.append([block(1)]);
    await log.close();
    const change = (sql: string) => {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    };
    change("PRAGMA user_version = 99");
    await assert.rejects(open(path), { code: "LOG_FOREIGN", message: /format 99/ });
    change("PRAGMA user_version = 1; DELETE FROM entries WHERE idx = 3");
    await assert.rejects(open(path), { code: "LOG_CORRUPT" });
    change("INSERT INTO entries VALUES (3, x'00'); DELETE FROM log WHERE key = 'clusterId'");
    await assert.rejects(open(path), { code: "LOG_CORRUPT" });
  }));

test("A full disk refuses the append whole, and the log goes on when there is room", () =>
  withFolder(async (_folder, path) => {
    const log = await open(path, 512 * 1024);
    await log.append([block(100)]);
    await assert.rejects(log.append([block(10), block(600), block(10)]), { code: "LOG_WRITE_FAILED", statusCode: 503 });
    assert.deepEqual([log.lastIndex, await indexes(log)], [1, [1]]);
    // Calls that share a transaction do not share its failure.
    const results = await Promise.allSettled([log.append([block(10)]), log.append([block(600)]), log.append([block(10)])]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual(
      results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
      [2, 3],
    );
    await log.cut(2);
    assert.equal(await log.append([block(200)]), 4);
    assert.deepEqual(await indexes(log), [3, 4]);
    await log.close();
    const again = await open(path);
    assert.deepEqual([again.firstIndex, again.lastIndex], [3, 4]);
    await again.close();
  }));

test("No append resolves before the worker has said that it is durable", () =>
  withFolder(async (folder, path) => {
    // A worker that takes appends and never answers them, as one does whose sync hangs.
    const worker = join(folder, "silent-worker.mjs");
    await writeFile(
      worker,
      `import { parentPort } from "node:worker_threads";
    parentPort.postMessage({ id: 0, kind: "opened", clusterId: "c1", firstIndex: 1, lastIndex: 0 });
    let first;
    parentPort.on("message", (request) => {
      if (request.kind === "close") { parentPort.postMessage({ id: request.id, kind: "done", firstIndex: 1, lastIndex: 0 }); parentPort.close(); }
      else if (first === undefined) first = request.id;
      else parentPort.postMessage({ id: first, kind: "appended", firstIndex: 1, lastIndex: 1 });
    });`,
    );
    const log = await openSqliteLog({ path, clusterId: "c1", workerUrl: new URL(`file://${worker}`) });
    let resolved = false;
    const append = log.append([block(1)]).then((index) => {
      resolved = true;
      return index;
    });
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([resolved, log.lastIndex], [false, 0]);
    // The second request makes it confirm the first, and only that.
    const second = log.append([block(1)]).catch((error: { code: string }) => error.code);
    assert.equal(await append, 1);
    assert.equal(log.lastIndex, 1);
    await log.close();
    assert.equal(await second, "LOG_WRITE_FAILED");
  }));

test("A worker that dies fails what waits, by name", () =>
  withFolder(async (folder, path) => {
    const worker = join(folder, "dying-worker.mjs");
    await writeFile(
      worker,
      `import { parentPort } from "node:worker_threads";
    parentPort.postMessage({ id: 0, kind: "opened", clusterId: "c1", firstIndex: 1, lastIndex: 0 });
    parentPort.on("message", () => { throw new Error("out of luck"); });`,
    );
    const log = await openSqliteLog({ path, clusterId: "c1", workerUrl: new URL(`file://${worker}`) });
    await assert.rejects(log.append([block(1)]), { code: "LOG_WRITE_FAILED", message: /out of luck/ });
    await assert.rejects(log.append([block(1)]), { code: "LOG_WRITE_FAILED" });
  }));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}
async function texts(stream: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of stream) found.push(new TextDecoder().decode(chunk));
  return found;
}

test("Snapshots come back chunk by chunk; only the newest few are kept, and half-written ones never count", () =>
  withFolder(async (folder) => {
    const store = openSnapshotStore(join(folder, "snapshots"));
    assert.deepEqual(await store.list(), []);
    for (const index of [5, 40, 300]) await store.save(index, chunks("head", "", "x".repeat(700_000), `end ${index}`), 2);
    assert.deepEqual(await store.list(), [300, 40]);
    assert.deepEqual(await texts(store.open(300)), ["head", "", "x".repeat(700_000), "end 300"]);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* chunks("head");
      throw new Error("lost interest");
    }
    await assert.rejects(store.save(400, broken(), 2), /lost interest/);
    await writeFile(join(folder, "snapshots", "0000000000000500.snapshot.writing"), "half");
    assert.deepEqual(await store.list(), [300, 40]);
    await assert.rejects(texts(store.open(5)), { code: "SNAPSHOT_MISSING" });
  }));

test("A snapshot that was damaged on disk is not read as one", () =>
  withFolder(async (folder) => {
    const store = openSnapshotStore(folder);
    await store.save(7, chunks("head", "body", "end"), 2);
    const path = join(folder, "0000000000000007.snapshot");
    const whole = await readFile(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length - 1] = (flipped[whole.length - 1] as number) ^ 1;
    for (const bad of [whole.subarray(0, whole.length - 2), flipped, Buffer.concat([Buffer.alloc(4, 255), whole])]) {
      await writeFile(path, bad);
      await assert.rejects(texts(store.open(7)), { code: "SNAPSHOT_DAMAGED" });
    }
  }));
