import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, createVirtualClock } from "#integrations/memory";
import type { AllocationId } from "#model";
import type { ProxyStanding } from "#ports";
import { MeshBoard } from "../../../../src/client/mesh/board.ts";

const ID = "5b7f5f6e-0a4e-4a53-9a0e-6f3c1b1f9d11" as AllocationId;
const WELL: ProxyStanding = {
  state: "LIVE",
  certificate: { uri: "spiffe://x", expiresAtMs: Number.MAX_SAFE_INTEGER, authority: "x" },
  listeners: [{ name: "public_listener:0.0.0.0:1", address: "0.0.0.0:1" }],
  upstreams: [],
  stream: { connected: true, updates: 2, lastUpdateAtMs: 1, rejected: 0 },
  startedAtMs: 1,
};

interface Stage {
  readonly board: MeshBoard;
  /** By socket path; undefined: it does not answer. */
  readonly standings: Map<string, ProxyStanding>;
  readonly replaced: string[];
  consulAnswers: boolean;
  follow(task: string, id?: AllocationId): void;
  /** In steps, so that what is asked is answered meanwhile. */
  pass(ms: number): Promise<void>;
  looks: number;
}

function stage(): Stage {
  const clock = createVirtualClock();
  const standings = new Map<string, ProxyStanding>();
  const replaced: string[] = [];
  const made: Stage = {
    standings,
    replaced,
    consulAnswers: true,
    looks: 0,
    board: new MeshBoard({
      proxies: {
        look: (path) => {
          made.looks++;
          const standing = standings.get(path);
          return standing === undefined ? Promise.reject(new Error("nobody listens")) : Promise.resolve(standing);
        },
        statistics: () => Promise.reject(new Error("not asked for")),
      },
      clock,
      random: createSeededRandom(1),
      report: () => undefined,
      consulAnswers: () => Promise.resolve(made.consulAnswers),
    }),
    follow: (task, id = ID) =>
      made.board.follow({
        allocationId: id,
        task,
        service: task,
        kind: "connect-proxy",
        socketPath: task,
        listenersWanted: 1,
        replace: () => void replaced.push(task),
      }),
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += 250) {
        await clock.advance(250);
        for (let turn = 0; turn < 8; turn++) await Promise.resolve();
      }
    },
  };
  return made;
}

test("who waits hears when a proxy is ready, soon after it is; then it is asked rarely", async () => {
  const { board, standings, follow, pass, ...rest } = stage();
  void rest;
  const heard: boolean[] = [];
  board.subscribe((id) => heard.push(board.ready(id, "a")));
  follow("a");
  await pass(2_000);
  assert.equal(board.ready(ID, "a"), false);
  assert.match(board.standing(ID, "a")?.problem ?? "", /nobody listens/);
  standings.set("a", WELL);
  await pass(500);
  assert.equal(board.ready(ID, "a"), true);
  assert.equal(heard.at(-1), true);
  board.forget(ID, "a");
  assert.equal(board.ready(ID, "a"), false);
  assert.equal(board.size, 0);
});

test("a well proxy is asked every ten seconds, one that comes up four times a second", async () => {
  const play = stage();
  play.follow("a");
  await play.pass(5_000);
  assert.ok(play.looks >= 15, `${play.looks} looks at one that comes up`);
  play.standings.set("a", WELL);
  await play.pass(1_000);
  play.looks = 0;
  await play.pass(60_000);
  assert.ok(play.looks >= 4 && play.looks <= 9, `${play.looks} looks in a minute`);
});

test("of many stale ones one is replaced at a time, and each of them only once for a while", async () => {
  const play = stage();
  const tasks = ["a", "b", "c", "d"];
  for (const each of tasks) {
    play.standings.set(each, WELL);
    play.follow(each);
  }
  await play.pass(12_000);
  play.standings.clear();
  await play.pass(34_000);
  assert.ok(play.replaced.length < tasks.length, "never all at once");
  await play.pass(26_000);
  assert.deepEqual(play.replaced.toSorted(), tasks, "all of them within a minute");
});

test("while Consul is away nobody is replaced", async () => {
  const play = stage();
  play.standings.set("a", WELL);
  play.follow("a");
  await play.pass(12_000);
  play.consulAnswers = false;
  play.standings.set("a", { ...WELL, stream: { ...WELL.stream, connected: false } });
  await play.pass(600_000);
  assert.deepEqual(play.replaced, []);
  assert.equal(play.board.ready(ID, "a"), true, "it serves on");
});

test("what keeps a proxy from coming up is reported before it runs, and gone with the allocation", async () => {
  const { board } = stage();
  board.hindered(ID, "a", "registration", "Consul refused it");
  const [report] = await board.reports(ID, true);
  assert.deepEqual([report?.Task, report?.Step, report?.Problem, report?.Standing], ["a", "registration", "Consul refused it", null]);
  board.forget(ID);
  assert.deepEqual(await board.reports(ID, true), []);
});

test("who asks for a report of a proxy that hangs hears so within three seconds, soon enough for who waits for all of an allocation", async () => {
  const clock = createVirtualClock();
  let hangs = false;
  const never = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
  const board = new MeshBoard({
    proxies: { look: (_path, signal) => (hangs ? never(signal) : Promise.resolve(WELL)), statistics: (_path, signal) => never(signal) },
    clock,
    random: createSeededRandom(1),
    report: () => undefined,
    consulAnswers: () => Promise.resolve(true),
  });
  board.follow({
    allocationId: ID,
    task: "a",
    service: "a",
    kind: "connect-proxy",
    socketPath: "a",
    listenersWanted: 1,
    replace: () => undefined,
  });
  await clock.advance(250);
  for (const [how, problem] of [
    [false, "it did not say in time what it carried"],
    [true, "it did not answer in time"],
  ] as const) {
    hangs = how;
    const reported = board.reports(ID, true);
    await clock.advance(3_000);
    const [report] = await reported;
    assert.deepEqual([report?.Problem, report?.Standing === null, report?.Step], [problem, how, "ready"]);
  }
  board.close();
});
