/** What every maker of ports/shared-log has to keep. One suite; each maker is a way to reach, break and throw away what servers share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServerReport, type SharedBatch, type SharedLeader, type SharedLog, SUCCESSOR_MS, type Tenure } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";

export interface SharedPlace {
  /** A server's handle; each name is another server. */
  open(server: string): Promise<SharedLog>;
  /** The session of whoever leads is ended from outside, as a failed health check does. */
  endTenure(): Promise<void>;
  /** Everything there is lost. */
  wipe(): Promise<void>;
  remove(): Promise<void>;
}

export interface SharedLogMaker {
  readonly name: string;
  place(): Promise<SharedPlace>;
}

export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (data: Uint8Array) => new TextDecoder().decode(data);
export const CREATED = { ClusterId: "c-1", EpochId: "", LastIndex: 0 };

export function leaderOf(server: string): SharedLeader {
  return { ServerId: server, Name: `${server}.global`, RpcAddress: "127.0.0.1:4647", HttpAddress: "127.0.0.1:4646" };
}

/** Entries from an index on, until so many came. */
export async function gather(log: SharedLog, count: number, from = 1): Promise<{ entries: string[]; batches: SharedBatch[] }> {
  const stop = new AbortController();
  const entries: string[] = [];
  const batches: SharedBatch[] = [];
  const timer = setTimeout(() => stop.abort(), 15_000);
  try {
    for await (const batch of log.follow(from, stop.signal)) {
      assert.equal(batch.FirstIndex, from + entries.length, "without holes");
      batches.push(batch);
      entries.push(...batch.Entries.map(text));
      if (entries.length >= count) break;
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  return { entries, batches };
}

const codeOf = (thrown: unknown): string => (thrown instanceof NamedError ? thrown.code : String(thrown));
const rejectsWith = (work: Promise<unknown>, code: string) =>
  assert.rejects(work, (thrown) => assert.equal(codeOf(thrown), code) === undefined);
const first = async (log: SharedLog, from: number): Promise<unknown> => {
  for await (const batch of log.follow(from, AbortSignal.timeout(15_000))) return batch;
  return undefined;
};

export function sharedLogConformance(maker: SharedLogMaker): void {
  const check = (
    sentence: string,
    body: (place: SharedPlace, campaign: (log: SharedLog, server: string) => Promise<Tenure>) => Promise<void>,
  ) =>
    test(`${maker.name}: ${sentence}`, { timeout: 60_000 }, async () => {
      const place = await maker.place();
      const opened: SharedLog[] = [];
      const over = new AbortController();
      try {
        await body(
          {
            ...place,
            open: async (server) => {
              const log = await place.open(server);
              opened.push(log);
              return log;
            },
          },
          (log, server) => log.campaign(leaderOf(server), over.signal),
        );
      } finally {
        over.abort();
        for (const log of opened) await log.close();
        await place.remove();
      }
    });

  check("there is no cluster until one is made, and it is made once", async (place) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    assert.equal(await a.head(), null);
    const made = await Promise.all([a.create(CREATED), b.create({ ...CREATED, ClusterId: "c-2" })]);
    assert.deepEqual(made.toSorted(), [false, true]);
    const head = await b.head();
    assert.deepEqual(head, { ClusterId: made[0] ? "c-1" : "c-2", Epoch: 0, EpochId: "", LastIndex: 0, Floor: 1 });
    assert.deepEqual(await a.head(), head);
  });

  check("a cluster that goes on from a disk begins after it", async (place, campaign) => {
    const a = await place.open("a");
    assert.equal(await a.create({ ClusterId: "c-1", EpochId: "e-9", LastIndex: 41 }), true);
    assert.deepEqual(await a.head(), { ClusterId: "c-1", Epoch: 0, EpochId: "e-9", LastIndex: 41, Floor: 42 });
    const tenure = await campaign(a, "a");
    assert.equal(await tenure.append([bytes("x")]), 42);
    const { batches } = await gather(a, 1, 42);
    assert.deepEqual([batches[0]?.PreviousEpochId, batches[0]?.EpochId], ["e-9", tenure.EpochId]);
    await rejectsWith(first(a, 41), "SHARED_LOG_CUT");
  });

  check("entries get consecutive indexes in call order, and every follower sees them so", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const early = gather(b, 45);
    const tenure = await campaign(a, "a");
    const lists = Array.from({ length: 20 }, (_, n) => Array.from({ length: 1 + (n % 4) }, (__, m) => `${n}.${m}`));
    const firsts = await Promise.all(lists.map((list) => tenure.append(list.map(bytes))));
    const expected: string[] = [];
    for (const [n, list] of lists.entries()) {
      assert.equal(firsts[n], expected.length + 1);
      expected.push(...list);
    }
    assert.equal(await tenure.append([]), expected.length + 1, "nothing to append is fine");
    assert.deepEqual((await gather(a, 50)).entries, expected);
    assert.deepEqual((await early).entries, expected.slice(0, (await early).entries.length));
    const head = await b.head();
    assert.deepEqual([head?.LastIndex, head?.EpochId, head?.Epoch], [50, tenure.EpochId, 1]);
  });

  check("an entry is the bytes it was: empty, many, and 8 MB", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    const large = new Uint8Array(8 * 1024 * 1024);
    // Nothing that a compressor could make small.
    for (let at = 0, x = 1; at < large.length; at++) large[at] = (x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0) >>> 24;
    const before = Uint8Array.from(large);
    const written = tenure.append([new Uint8Array(0), large, Uint8Array.from([0, 255, 10])]);
    large.fill(0);
    await written;
    await tenure.append([bytes("after")]);
    const found: Uint8Array[] = [];
    for await (const batch of b.follow(1, AbortSignal.timeout(20_000))) {
      found.push(...batch.Entries);
      if (found.length === 4) break;
    }
    assert.equal(found[0]?.length, 0);
    assert.ok(Buffer.from(found[1] as Uint8Array).equals(before), "what the caller does to the bytes afterwards does not matter");
    assert.deepEqual([...(found[2] as Uint8Array)], [0, 255, 10]);
    assert.equal(text(found[3] as Uint8Array), "after");
  });

  check("one leads at a time; the next one waits until the lock is given back", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const one = await campaign(a, "a");
    await one.append([bytes("1")]);
    let second: Tenure | undefined;
    const next = campaign(b, "b").then((tenure) => (second = tenure));
    await eventually("b to see who leads", () => b.leader?.ServerId === "a");
    assert.deepEqual(b.leader, leaderOf("a"));
    assert.equal(second, undefined);
    await one.resign("test");
    assert.equal(one.lost.aborted, true);
    const two = await next;
    assert.equal(two.Epoch, 2);
    assert.notEqual(two.EpochId, one.EpochId);
    await rejectsWith(one.append([bytes("never")]), "SHARED_LOG_NOT_LEADING");
    assert.equal(await two.append([bytes("2")]), 2);
    await eventually("a to see the new leader", () => a.leader?.ServerId === "b");
    const { entries, batches } = await gather(a, 2);
    assert.deepEqual(entries, ["1", "2"]);
    assert.deepEqual(
      batches.map(({ EpochId, PreviousEpochId }) => [PreviousEpochId, EpochId]),
      [
        ["", one.EpochId],
        [one.EpochId, two.EpochId],
      ],
    );
  });

  check("the server that a leader names leads next, though another asked before; a name holds for one time", async (place, campaign) => {
    const [a, b, c] = [await place.open("a"), await place.open("b"), await place.open("c")];
    await a.create(CREATED);
    const times: number[] = [];
    // A machine that is busy may be late once; who holds back is so each time.
    while (times.length < 3) {
      const one = await campaign(a, "a");
      const came: string[] = [];
      const coming = (log: SharedLog, server: string) => campaign(log, server).then((tenure) => (came.push(server), tenure));
      const second = coming(b, "b");
      await eventually("b to see who leads", () => b.leader?.ServerId === "a");
      await b.head();
      const third = coming(c, "c");
      await eventually("c to see who leads", () => c.leader?.ServerId === "a");
      await one.resign("it was told to", "c");
      await (await third).append([bytes("1")]);
      assert.deepEqual(came, ["c"]);
      await eventually("b to see who leads", () => b.leader?.ServerId === "c");
      assert.deepEqual(b.leader, leaderOf("c"));
      // Nobody waits for c when its own tenure ends, however soon.
      const endedMs = performance.now();
      await place.endTenure();
      const last = await second;
      times.push(Math.round(performance.now() - endedMs));
      await last.append([bytes("2")]);
      await last.resign("over");
      if (Math.min(...times) < SUCCESSOR_MS * 0.9) return;
    }
    assert.fail(`b held back for who was named before: ${times.join(", ")} ms`);
  });

  check("who is named and does not come holds the others up for a moment, not for ever", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const one = await campaign(a, "a");
    const next = campaign(b, "b");
    await eventually("b to see who leads", () => b.leader?.ServerId === "a");
    const resignedMs = performance.now();
    await one.resign("it was told to", "gone");
    await eventually("b to see that nobody leads", () => b.leader === undefined);
    const two = await next;
    const tookMs = performance.now() - resignedMs;
    assert.ok(tookMs > SUCCESSOR_MS * 0.9 && tookMs < SUCCESSOR_MS + 5_000, `${Math.round(tookMs)} ms`);
    assert.equal(await two.append([bytes("1")]), 1);
  });

  check("a tenure that never appended is counted by nobody", async (place, campaign) => {
    const a = await place.open("a");
    await a.create(CREATED);
    const one = await campaign(a, "a");
    assert.equal(one.Epoch, 1);
    await one.resign("test");
    await one.resign("twice");
    const two = await campaign(a, "a");
    assert.equal(two.Epoch, 1);
    assert.notEqual(one.EpochId, two.EpochId);
  });

  check("a tenure whose session is ended is lost, and writes nothing any more", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const one = await campaign(a, "a");
    await one.append([bytes("1")]);
    const seen: (string | undefined)[] = [];
    const leave = b.whenLeaderChanges((leader) => seen.push(leader?.ServerId));
    await place.endTenure();
    await rejectsWith(one.append([bytes("late")]), "SHARED_LOG_NOT_LEADING");
    await eventually("the tenure to know", () => one.lost.aborted);
    assert.ok(one.lost.reason instanceof Error);
    const two = await campaign(b, "b");
    assert.equal(await two.append([bytes("2")]), 2);
    await eventually("b to hear that it leads", () => seen.at(-1) === "b");
    leave();
    assert.deepEqual((await gather(a, 2)).entries, ["1", "2"]);
  });

  check("an idle tenure notices by itself that it is lost", async (place, campaign) => {
    const a = await place.open("a");
    await a.create(CREATED);
    const one = await campaign(a, "a");
    await place.endTenure();
    await eventually("the tenure to know", () => one.lost.aborted, 5_000);
  });

  check("campaigning ends when it is told to", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    await campaign(a, "a");
    const stop = new AbortController();
    const waiting = b.campaign(leaderOf("b"), stop.signal);
    await eventually("b to see who leads", () => b.leader?.ServerId === "a");
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
  });

  check("campaigning waits for a cluster to be made", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    const waiting = campaign(a, "a");
    assert.equal(await b.create(CREATED), true);
    assert.equal(await (await waiting).append([bytes("1")]), 1);
  });

  check("what is cut is gone, what is not stays, and who comes too late is told", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    for (let n = 1; n <= 6; n++) await tenure.append(Array.from({ length: 100 }, (_, m) => bytes(`${(n - 1) * 100 + m + 1}`)));
    await tenure.cut(0);
    assert.equal((await b.head())?.Floor, 1);
    await tenure.cut(550);
    const head = await b.head();
    assert.deepEqual([head?.LastIndex, head?.Floor], [600, 501], "batches are held whole");
    await rejectsWith(first(b, 500), "SHARED_LOG_CUT");
    assert.equal((await gather(b, 100, 501)).entries[0], "501");
    assert.deepEqual((await gather(b, 50, 551)).entries.slice(0, 2), ["551", "552"], "also from the middle of a batch");
    await tenure.cut(5_000);
    assert.deepEqual([(await b.head())?.LastIndex, (await b.head())?.Floor], [600, 601]);
    const next = gather(b, 1, 601);
    assert.equal(await tenure.append([bytes("601")]), 601);
    assert.deepEqual((await next).entries, ["601"]);
  });

  check("who waits for what is beyond the head is told at once", async (place, campaign) => {
    const a = await place.open("a");
    await rejectsWith(first(a, 1), "SHARED_LOG_BEHIND");
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    await tenure.append([bytes("1")]);
    await rejectsWith(first(a, 3), "SHARED_LOG_BEHIND");
  });

  check("following ends without a word when it is told to", async (place) => {
    const a = await place.open("a");
    await a.create(CREATED);
    const stop = new AbortController();
    const waiting = a.follow(1, stop.signal)[Symbol.asyncIterator]().next();
    setImmediate(() => stop.abort());
    assert.equal((await waiting).done, true);
  });

  check("a wipe ends tenure and followers; a cluster can be made anew", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    await tenure.append([bytes("1"), bytes("2")]);
    const waiting = first(b, 3);
    const ended = rejectsWith(waiting, "SHARED_LOG_BEHIND");
    await place.wipe();
    await assert.rejects(tenure.append([bytes("3")]), (thrown) => codeOf(thrown).startsWith("SHARED_LOG_"));
    await eventually("the tenure to know", () => tenure.lost.aborted, 10_000);
    await ended;
    assert.equal(await b.head(), null);
    assert.equal(await b.create({ ClusterId: "c-1", EpochId: tenure.EpochId, LastIndex: 2 }), true);
    const next = await campaign(b, "b");
    assert.equal(await next.append([bytes("3")]), 3);
    assert.equal((await gather(a, 1, 3)).batches[0]?.PreviousEpochId, tenure.EpochId);
  });

  check("what an operator puts in its place is not written over by who led before", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    await tenure.append([bytes("1"), bytes("2"), bytes("3")]);
    await b.replace({ ClusterId: "c-1", EpochId: "e-new", LastIndex: 10 });
    await rejectsWith(tenure.append([bytes("never")]), "SHARED_LOG_NOT_LEADING");
    assert.equal(tenure.lost.aborted, true);
    const head = await a.head();
    assert.deepEqual([head?.LastIndex, head?.Floor, head?.EpochId], [10, 11, "e-new"]);
    assert.ok((head?.Epoch ?? 0) > tenure.Epoch);
    await rejectsWith(first(a, 2), "SHARED_LOG_CUT");
    assert.equal(await (await campaign(b, "b")).append([bytes("11")]), 11);
  });

  check("servers tell each other what they hold, until they are forgotten", async (place) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    const report = (server: string, SyncedIndex: number): ServerReport => ({
      ...leaderOf(server),
      Version: "0.1.0",
      FeatureLevel: 1,
      SyncedIndex,
      Time: 1_700_000_000_000,
    });
    assert.deepEqual(await a.reports(), []);
    await a.report(report("a", 1));
    await b.report(report("b", 2));
    await a.report(report("a", 3));
    const sorted = async () => (await b.reports()).toSorted((x, y) => (x.ServerId < y.ServerId ? -1 : 1));
    assert.deepEqual(await sorted(), [report("a", 3), report("b", 2)]);
    await b.forget("a");
    await b.forget("nobody");
    assert.deepEqual(await sorted(), [report("b", 2)]);
  });

  check("many who ask for the head at once are answered by what was there after they asked", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const tenure = await campaign(a, "a");
    for (let n = 1; n <= 20; n++) {
      const before = Array.from({ length: 10 }, () => b.head());
      const index = await tenure.append([bytes(String(n))]);
      const after = await Promise.all(Array.from({ length: 10 }, () => b.head()));
      assert.ok(after.every((head) => (head?.LastIndex ?? 0) >= index));
      await Promise.all(before);
    }
    assert.ok(b.contactAgeMs() < 5_000);
  });

  check("a handle that is closed does nothing any more, and its tenure ends", async (place, campaign) => {
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const one = await campaign(a, "a");
    await one.append([bytes("1")]);
    await a.close();
    await rejectsWith(a.head() as Promise<unknown>, "SHARED_LOG_UNREACHABLE");
    const two = await campaign(b, "b");
    assert.equal(await two.append([bytes("2")]), 2);
    await assert.rejects(one.append([bytes("never")]));
  });
}
