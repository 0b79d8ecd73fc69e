/** What every maker of ports/log has to keep. One suite; each maker is a way to open, crash and throw away a log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log, LogEntry } from "#ports";

export interface LogMaker {
  readonly name: string;
  /** A place of its own; `open` may be called again after `close`, and finds what was there. */
  place(): Promise<{
    open(): Promise<Log>;
    remove(): Promise<void>;
  }>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

async function all(log: Log, from = 1): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const batch of log.read(from)) entries.push(...batch);
  return entries;
}

export function logConformance(maker: LogMaker): void {
  const check = (sentence: string, body: (open: () => Promise<Log>) => Promise<void>) =>
    test(`${maker.name}: ${sentence}`, async () => {
      const place = await maker.place();
      const opened: Log[] = [];
      try {
        await body(async () => {
          const log = await place.open();
          opened.push(log);
          return log;
        });
      } finally {
        for (const log of opened) await log.close();
        await place.remove();
      }
    });

  check("a new log is empty and belongs to a cluster", async (open) => {
    const log = await open();
    assert.deepEqual([log.firstIndex, log.lastIndex], [1, 0]);
    assert.ok(log.clusterId.length > 0);
    assert.deepEqual(await all(log), []);
  });

  check("indexes are consecutive, in call order, from 1", async (open) => {
    const log = await open();
    assert.equal(await log.append([bytes("a"), bytes("b")]), 1);
    assert.equal(await log.append([bytes("c")]), 3);
    assert.deepEqual([log.firstIndex, log.lastIndex], [1, 3]);
    assert.deepEqual(
      (await all(log)).map(({ index, data }) => [index, text(data)]),
      [
        [1, "a"],
        [2, "b"],
        [3, "c"],
      ],
    );
  });

  check("concurrent appends keep their order and their entries together", async (open) => {
    const log = await open();
    const lists = Array.from({ length: 60 }, (_, n) => Array.from({ length: 1 + (n % 4) }, (__, m) => bytes(`${n}.${m}`)));
    const firsts = await Promise.all(lists.map((list) => log.append(list)));
    const entries = new Map((await all(log)).map(({ index, data }) => [index, text(data)]));
    let expected = 1;
    for (const [n, list] of lists.entries()) {
      assert.equal(firsts[n], expected);
      for (const data of list) assert.equal(entries.get(expected++), text(data));
    }
    assert.equal(log.lastIndex, expected - 1);
  });

  check("an entry is the bytes it was, empty and large ones too", async (open) => {
    const log = await open();
    const large = new Uint8Array(3_000_000).map((_, at) => at % 251);
    await log.append([new Uint8Array(0), large, Uint8Array.from([0, 255, 10])]);
    const found = (await all(log)).map(({ data }) => Buffer.from(data));
    assert.equal(found[0]?.length, 0);
    assert.ok(found[1]?.equals(Buffer.from(large)));
    assert.deepEqual([...(found[2] as Buffer)], [0, 255, 10]);
  });

  check("what the caller does to the bytes afterwards does not matter", async (open) => {
    const log = await open();
    const data = bytes("before");
    await log.append([data]);
    data.fill(0);
    assert.equal(text((await all(log))[0]?.data ?? bytes("")), "before");
  });

  check("reading starts anywhere and goes on over many batches", async (open) => {
    const log = await open();
    for (let n = 0; n < 10; n++) await log.append(Array.from({ length: 100 }, (_, m) => bytes(String(n * 100 + m + 1))));
    const entries = await all(log, 500);
    assert.equal(entries.length, 501);
    entries.forEach(({ index, data }, at) => assert.deepEqual([index, text(data)], [500 + at, String(500 + at)]));
    assert.deepEqual(await all(log, 1001), []);
  });

  check("what was appended is there after it was opened again", async (open) => {
    const first = await open();
    const { clusterId } = first;
    await first.append([bytes("a"), bytes("b")]);
    await first.close();
    const second = await open();
    assert.equal(second.clusterId, clusterId);
    assert.deepEqual([second.firstIndex, second.lastIndex], [1, 2]);
    assert.equal(await second.append([bytes("c")]), 3);
    assert.deepEqual(
      (await all(second)).map(({ data }) => text(data)),
      ["a", "b", "c"],
    );
  });

  check("cutting forgets the beginning; indexes go on, also when nothing is left and it is opened again", async (open) => {
    const log = await open();
    await log.append(Array.from({ length: 10 }, (_, n) => bytes(String(n + 1))));
    await log.cut(4);
    assert.deepEqual([log.firstIndex, log.lastIndex], [5, 10]);
    assert.deepEqual(
      (await all(log, 1)).map(({ index }) => index),
      [5, 6, 7, 8, 9, 10],
    );
    await log.cut(3);
    assert.equal(log.firstIndex, 5);
    await log.cut(100);
    assert.deepEqual([log.firstIndex, log.lastIndex], [11, 10]);
    await log.close();
    const again = await open();
    assert.deepEqual([again.firstIndex, again.lastIndex], [11, 10]);
    assert.equal(await again.append([bytes("next")]), 11);
  });

  check(
    "after a reset it is empty, belongs to whom it was told and goes on after that index, also when it is opened again",
    async (open) => {
      const log = await open();
      await log.append(Array.from({ length: 10 }, (_, n) => bytes(String(n + 1))));
      await log.cut(4);
      await log.reset({ afterIndex: 700, clusterId: "c-another" });
      assert.deepEqual([log.firstIndex, log.lastIndex, log.clusterId], [701, 700, "c-another"]);
      assert.deepEqual(await all(log), []);
      assert.equal(await log.append([bytes("first")]), 701);
      await log.close();
      const again = await open();
      assert.deepEqual([again.firstIndex, again.lastIndex, again.clusterId], [701, 701, "c-another"]);
      await again.reset({ afterIndex: 0, clusterId: "c-third" });
      assert.equal(await again.append([bytes("anew")]), 1);
    },
  );

  check("a closed log refuses to append", async (open) => {
    const log = await open();
    await log.close();
    await assert.rejects(log.append([bytes("late")]), { code: "LOG_WRITE_FAILED" });
  });
}
