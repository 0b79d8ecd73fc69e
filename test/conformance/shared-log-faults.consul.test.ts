/** The shared log on a real Consul that is stopped, killed, or keeps things from us. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";
import type { SharedLog, Tenure } from "#ports";
import { NamedError } from "#std";
import { eventually } from "../eventually.ts";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import { consulPlace, type ConsulPlaceOptions } from "./shared-log-place.ts";
import { CREATED, bytes, gather, leaderOf } from "./shared-log.ts";

const codeOf = (thrown: unknown): string => (thrown instanceof NamedError ? thrown.code : String(thrown));
const FAST = {
  gossip_lan: { probe_interval: "200ms", probe_timeout: "100ms", suspicion_mult: 2 },
  autopilot: { server_stabilization_time: "200ms" },
};

async function placeFor(consul: RealConsul, options: ConsulPlaceOptions = {}) {
  const place = await consulPlace(consul, options);
  const opened: SharedLog[] = [];
  const over = new AbortController();
  consul.beforeRemove(async () => {
    over.abort();
    for (const log of opened) await log.close();
    await place.remove();
  });
  return {
    ...place,
    async open(server: string): Promise<SharedLog> {
      const log = await place.open(server);
      opened.push(log);
      return log;
    },
    lead: (log: SharedLog, server: string): Promise<Tenure> => log.campaign(leaderOf(server), over.signal),
  };
}

/** Three voting servers. */
async function threeConsuls(t: TestContext): Promise<readonly [RealConsul, RealConsul, RealConsul]> {
  const one = await startConsul({ owner: t, config: FAST });
  const server = (name: string) => startConsul({ owner: t, join: one, config: { ...FAST, server: true, node_name: name } });
  const [two, three] = [await server("two"), await server("three")];
  await eventually("three voters", async () => {
    const { Servers } = await one.get<{ Servers: { Voter: boolean }[] }>("/v1/operator/raft/configuration");
    return Servers.filter(({ Voter }) => Voter).length === 3;
  });
  return [one, two, three];
}

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  test("a stopped Consul: everything has a deadline, and all of it goes on when Consul does", { timeout: 90_000 }, async (t) => {
    const consul = await startConsul({ owner: t });
    const place = await placeFor(consul);
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const one = await place.lead(a, "a");
    await one.append([bytes("1")]);
    const seen = gather(b, 2);
    consul.pause();
    const startedMs = performance.now();
    await assert.rejects(one.append([bytes("2")]), (thrown) => codeOf(thrown) === "SHARED_LOG_OUTCOME_UNKNOWN");
    const appendMs = performance.now() - startedMs;
    assert.equal(one.lost.aborted, true);
    await assert.rejects(b.head(), (thrown) => codeOf(thrown) === "SHARED_LOG_UNREACHABLE");
    const headMs = performance.now() - startedMs - appendMs;
    assert.ok(appendMs < 4_500 && headMs < 5_000, `append ${appendMs} ms, head ${headMs} ms`);
    await eventually("the age of contact to tell", () => b.contactAgeMs() > 1_500);
    consul.resume();
    const two = await place.lead(a, "a");
    const index = await two.append([bytes("3")]);
    // The one whose outcome was unknown stands there or not, never twice and never later.
    assert.ok(index === 2 || index === 3);
    const all = (await gather(b, index)).entries;
    assert.deepEqual(all, index === 2 ? ["1", "3"] : ["1", "2", "3"]);
    await seen;
    await eventually("contact", () => b.contactAgeMs() < 1_500);
  });

  test("a transaction held in a stopped Consul server is not written after another took the lock", { timeout: 120_000 }, async (t) => {
    const [one, two] = await threeConsuls(t);
    const place = await placeFor(one, {
      addressOf: (server) => (server === "a" ? two.httpAddress : one.httpAddress),
      settleMs: 60_000,
      silenceMs: 60_000,
    });
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const first = await place.lead(a, "a");
    await first.append([bytes("1")]);
    two.pause();
    one.beforeRemove(() => Promise.resolve(two.resume()));
    const held = first.append([bytes("held")]).then(
      () => "written",
      (thrown: unknown) => codeOf(thrown),
    );
    // The member's failure takes its session; the other one leads.
    const second = await place.lead(b, "b");
    two.resume();
    assert.match(await held, /^SHARED_LOG_(NOT_LEADING|OUTCOME_UNKNOWN)$/);
    assert.equal(first.lost.aborted, true);
    assert.equal(await second.append([bytes("2")]), 2, "the new tenure was not disturbed");
    assert.deepEqual((await gather(a, 2)).entries, ["1", "2"]);
  });

  test("Consul's leader is killed under load: what was acknowledged stands once, in order", { timeout: 120_000 }, async (t) => {
    const [one, two, three] = await threeConsuls(t);
    const place = await placeFor(two, { addressOf: (server) => (server === "a" ? two : three).httpAddress });
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const told = new Map<number, string>();
    const unknown = new Set<string>();
    let value = 0;
    let lastMs = performance.now();
    let longestMs = 0;
    const write = async (count: number): Promise<void> => {
      for (let done = 0; done < count;) {
        const tenure = await place.lead(a, "a");
        while (done < count && !tenure.lost.aborted) {
          const name = `v${++value}`;
          try {
            told.set(await tenure.append([bytes(name)]), name);
            done++;
            longestMs = Math.max(longestMs, performance.now() - lastMs);
            lastMs = performance.now();
          } catch (thrown) {
            if (codeOf(thrown) === "SHARED_LOG_OUTCOME_UNKNOWN") unknown.add(name);
          }
        }
      }
    };
    await write(50);
    const writing = write(100);
    await one.kill();
    await writing;
    t.diagnostic(`longest time without an acknowledged append: ${Math.round(longestMs)} ms; unknown: ${unknown.size}`);
    const last = Math.max(...told.keys());
    const { entries } = await gather(b, last);
    assert.equal(new Set(entries).size, entries.length);
    for (const [index, name] of told) assert.equal(entries[index - 1], name);
    for (const name of entries) assert.ok(unknown.has(name) || [...told.values()].includes(name));
  });

  test("a server whose main loop answers no more is replaced; its own next life does not wait", { timeout: 60_000 }, async (t) => {
    const consul = await startConsul({ owner: t });
    const place = await placeFor(consul);
    const [a, b] = [await place.open("a"), await place.open("b")];
    await a.create(CREATED);
    const first = await place.lead(a, "a");
    await first.append([bytes("1")]);
    // An earlier life's session still holds the lock: the same server does not wait for it.
    const again = await place.open("a");
    let startedMs = performance.now();
    const second = await place.lead(again, "a");
    const againMs = performance.now() - startedMs;
    assert.ok(againMs < 2_000, `${againMs} ms`);
    await eventually("the earlier life to know", () => first.lost.aborted);
    await second.append([bytes("2")]);
    const next = place.lead(b, "b");
    await eventually("b to see a", () => b.leader?.ServerId === "a");
    startedMs = performance.now();
    await place.hang("a");
    const third = await next;
    const failoverMs = performance.now() - startedMs;
    assert.equal(await third.append([bytes("3")]), 3);
    t.diagnostic(`again ${Math.round(againMs)} ms, failover ${Math.round(failoverMs)} ms`);
    assert.ok(failoverMs < 6_000);
    await eventually("a to know", () => second.lost.aborted);
  });

  test("nothing readable lies in Consul, and another key opens nothing", { timeout: 60_000 }, async (t) => {
    const consul = await startConsul({ owner: t });
    const place = await placeFor(consul);
    const a = await place.open("a");
    await a.create(CREATED);
    const tenure = await place.lead(a, "a");
    await tenure.append([bytes("topsecret"), bytes("topsecret".repeat(500))]);
    const found = await consul.get<{ Key: string; Value: string | null }[]>(`/v1/kv/${place.prefix}/?recurse`);
    assert.ok(found.some(({ Key }) => Key.includes("/log/")));
    for (const { Value } of found) assert.ok(!Buffer.from(Value ?? "", "base64").includes("topsecret"));
    const stranger = await placeFor(consul, { prefix: place.prefix, key: randomBytes(32) });
    await assert.rejects(gather(await stranger.open("s"), 2), (thrown) => codeOf(thrown) === "SHARED_LOG_UNREADABLE");
  });

  test("a cut over many segments leaves nothing behind, and parts that nobody names are swept", { timeout: 90_000 }, async (t) => {
    const consul = await startConsul({ owner: t });
    const place = await placeFor(consul);
    const a = await place.open("a");
    await a.create(CREATED);
    const keys = async (tree: string): Promise<readonly string[]> => {
      const response = await consul.api(`/v1/kv/${place.prefix}/${tree}?keys`);
      return response.status === 404 ? [] : ((await response.json()) as string[]);
    };
    await consul.put(`/v1/kv/${place.prefix}/parts/0000000000000001-orphan/0`, "left by a leader that died");
    const tenure = await place.lead(a, "a");
    for (let n = 0; n < 110; n++) await tenure.append(Array.from({ length: 256 }, () => bytes("x")));
    const large = await tenure.append([randomBytes(1_000_000)]);
    await eventually("the orphan to be swept", async () => (await keys("parts/")).every((key) => !key.includes("orphan")));
    assert.ok((await keys("parts/")).length >= 3, "what a batch names stays");
    await tenure.cut(large - 1);
    assert.equal((await a.head())?.Floor, large);
    assert.equal((await keys("log/")).filter((key) => !key.includes("/0000000000000110/")).length, 0);
    await tenure.append([bytes("after")]);
    assert.equal((await gather(a, 2, large)).entries.at(-1), "after");
    await tenure.cut(large);
    await eventually("its parts to be gone", async () => (await keys("parts/")).length === 0);
  });

  test("a token with little rights leads; one without says what it lacks", { timeout: 60_000 }, async (t) => {
    const consul = await startConsul({ owner: t, acl: true });
    const prefix = "little";
    const tokenWith = async (name: string, rules: string): Promise<string> => {
      await consul.put("/v1/acl/policy", { Name: name, Rules: rules });
      return (await consul.put<{ SecretID: string }>("/v1/acl/token", { Policies: [{ Name: name }] })).SecretID;
    };
    const enough =
      'key_prefix "little/" { policy = "write" }\nservice "drover-log" { policy = "write" }\nsession_prefix "" { policy = "write" }\n';
    const place = await placeFor(consul, { prefix, token: await tokenWith("enough", enough) });
    const a = await place.open("a");
    await a.create(CREATED);
    assert.equal(await (await place.lead(a, "a")).append([bytes("1")]), 1);
    const reader = await placeFor(consul, {
      prefix,
      token: await tokenWith("reader", 'key_prefix "little/" { policy = "read" }\nservice "drover-log" { policy = "write" }\n'),
    });
    const r = await reader.open("r");
    const stop = new AbortController();
    const waiting = r.campaign(leaderOf("r"), stop.signal);
    await eventually("what it lacks to be reported", () => reader.reported.some((each) => /permission denied/i.test(each)));
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
  });
}
