/** Single lines on which a client depends; each was once changed without any other test noticing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { ApiOptions } from "#api/server";
import type { Deployment } from "#model";
import { withoutSecrets } from "../../../src/api/server/routes/agent.ts";
import { KeptTexts } from "../../../src/api/server/reply/kept-texts.ts";
import { eventually } from "../../eventually.ts";
import { aJob, anAllocation, anEvaluation, aNode, aServer, CLOCK, createWorld, type World } from "./fake-world.ts";
import { createRealWorld } from "./real-world.ts";

/** A world that ends with the test. */
function worldOf(context: { after(end: () => Promise<void>): void }, more: Partial<ApiOptions> = {}) {
  const world = createWorld(more);
  context.after(() => world.api.close());
  const get = (url: string, headers: Record<string, string> = {}) => world.api.inject({ method: "GET", url, headers });
  const ids = async (url: string) => (await get(url)).json<{ ID: string }[]>().map(({ ID }) => ID);
  return { ...world, get, ids };
}

async function portOf(world: Pick<World, "api">): Promise<number> {
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  return (opened as { port: number }).port;
}

test("Nobody waits longer than five minutes and a sixteenth, and not all end their wait at once", async (context) => {
  for (const [fraction, mostMs] of [
    [0, 300_000],
    [1, 318_750],
  ] as const) {
    const { get, state } = worldOf(context, { random: { fraction: () => fraction, integer: () => 0, uuid: () => "u" } });
    state.beforeWait = () => void state.write("jobs", () => undefined);
    await get("/v1/jobs?index=10&wait=24h");
    const waitMs = state.waitsMs[0] ?? assert.fail("nobody waited");
    assert.ok(waitMs <= mostMs && waitMs > mostMs - 5000, String(waitMs));
  }
});

test("A state nothing was ever written to has index 1 (F3)", async () => {
  const { api } = createRealWorld(1);
  for (const url of ["/v1/jobs", "/v1/allocations", "/v1/deployments", "/v1/job/x/scale"]) {
    assert.equal((await api.inject({ method: "GET", url })).headers["x-nomad-index"], "1", url);
  }
  await api.close();
});

test("A page of a sister site changes nothing; names of hosts are compared as names are", async (context) => {
  const { api, get } = worldOf(context);
  const put = async (headers: Record<string, string>) => (await api.inject({ method: "PUT", url: "/v1/system/gc", headers })).statusCode;
  assert.equal(await put({ host: "localhost:4646", "sec-fetch-site": "same-site" }), 403);
  assert.equal(await put({ host: "localhost:4646", "sec-fetch-site": "same-origin" }), 200);
  assert.equal(await put({ host: "LocalHost:4646", origin: "http://localhost:4646" }), 200);
  for (const url of ["/v1/client/gc", "/v1/client/allocation/a1/gc"]) {
    assert.equal((await get(url, { host: "localhost", "sec-fetch-site": "cross-site" })).statusCode, 403, url);
  }
});

test("A node's list entry says whether it drains, and its address without port or brackets", async (context) => {
  const { get, state } = worldOf(context);
  state.nodes = [aNode("n6", { HTTPAddr: "[fd00::1]:4646", DrainStrategy: { Deadline: 1 } }), aNode("n7", { HTTPAddr: "10.0.0.7:4646" })];
  const stubs = (await get("/v1/nodes")).json<{ Address: string; Drain: boolean }[]>();
  assert.deepEqual(
    stubs.map(({ Address, Drain }) => [Address, Drain]),
    [
      ["fd00::1", true],
      ["10.0.0.7", false],
    ],
  );
});

test("A name that was used again stands once in the order of creation: where it was made last", async (context) => {
  const { ids, state } = worldOf(context);
  const job = aJob("web");
  state.allocations = [anAllocation("a", job, { CreateIndex: 20 }), anAllocation("b", job, { CreateIndex: 21 })];
  assert.deepEqual(await ids("/v1/allocations"), ["a", "b"]);
  state.allocations = [anAllocation("b", job, { CreateIndex: 21 })];
  state.allocations = [anAllocation("b", job, { CreateIndex: 21 }), anAllocation("a", job, { CreateIndex: 22 })];
  assert.deepEqual(await ids("/v1/allocations"), ["b", "a"]);
});

test("Read backwards, what the token names may go: nothing comes twice (F27)", async (context) => {
  const { ids, get, state } = worldOf(context);
  const job = aJob("web");
  const all = [1, 2, 3, 4, 5].map((at) => anAllocation(`a${at}`, job, { CreateIndex: 20 + at }));
  state.allocations = all;
  const token = String((await get("/v1/allocations?reverse=true&per_page=2")).headers["x-nomad-nexttoken"]);
  const left = all.filter(({ ID }) => (ID as string) !== "a3");
  state.allocations = left;
  const query = `/v1/allocations?reverse=true&per_page=2&next_token=${token}`;
  assert.deepEqual(await ids(query), ["a2", "a1"]);
  // Nor from an agent that has started since, and never knew it.
  const started = worldOf(context);
  started.state.allocations = left;
  assert.deepEqual(await started.ids(query), ["a2", "a1"]);
});

test("Kept answers take a bounded memory: the oldest goes, and a very long one never comes", () => {
  const kept = new KeptTexts();
  const megabytes = (count: number) => Buffer.alloc(count * 1024 * 1024);
  for (let at = 0; at < 8; at++) kept.put(`three ${at}`, megabytes(3));
  assert.deepEqual(
    [0, 2, 3, 7].map((at) => kept.get(`three ${at}`) !== undefined),
    [false, false, true, true],
  );
  kept.put("five", megabytes(5));
  // Not compared as values: to print how two of them differ takes minutes.
  assert.ok(kept.get("five") === undefined && kept.get("three 7") !== undefined);
  for (let at = 0; at < 40; at++) kept.put(`small ${at}`, Buffer.from("x"));
  assert.deepEqual([kept.get("small 7"), kept.get("small 8")?.plain.toString()], [undefined, "x"]);
});

test("An indented list is not what the next one who asks gets, nor the other way round", async (context) => {
  const { get } = worldOf(context);
  const [plain, pretty, again] = [await get("/v1/jobs"), await get("/v1/jobs?pretty"), await get("/v1/jobs")];
  assert.equal(plain.body, again.body);
  assert.match(pretty.body, /\n {4}"ID": "web"/);
  assert.doesNotMatch(plain.body, /\n/);
});

test("HEAD of a list of many pieces is its head alone", async (context) => {
  const { api, state } = worldOf(context);
  state.jobs = Array.from({ length: 2000 }, (_, at) => aJob(`web-${String(at).padStart(5, "0")}`));
  let texts = 0;
  for (const job of state.jobs) Object.defineProperty(job, "Name", { get: () => (texts++, "counted") });
  const response = await api.inject({ method: "HEAD", url: "/v1/jobs" });
  assert.deepEqual([response.statusCode, response.body, response.headers["x-nomad-index"]], [200, "", "10"]);
  assert.ok(texts < 2000, `no more is made of it than is needed to see that it is long, made ${texts}`);
});

test("A file is read to its end with limit 0 or none; a stream follows unless told not to", async (context) => {
  const { get, services } = worldOf(context);
  for (const limit of ["", "&limit=0", "&limit=-1"]) {
    assert.equal((await get(`/v1/client/fs/readat/a1?path=x&offset=6${limit}`)).body, "world\n", limit);
  }
  const follows: boolean[] = [];
  const readFile = services.readFile.bind(services);
  services.readFile = (request: Parameters<typeof readFile>[0] & { Follow?: boolean }) => {
    follows.push(request.Follow === true);
    return readFile(request);
  };
  await get("/v1/client/fs/stream/a1?path=x");
  await get("/v1/client/fs/stream/a1?path=x&follow=false");
  assert.deepEqual(follows, [true, false]);
});

test("A job's deployments are its own, not those of an older job of its name, unless all are asked for", async (context) => {
  const { ids, get, state } = worldOf(context);
  const deployment = (ID: string, JobCreateIndex: number, CreateIndex: number) =>
    ({
      ID,
      Namespace: "default",
      JobID: "web",
      JobCreateIndex,
      CreateIndex,
      ModifyIndex: CreateIndex,
      TaskGroups: {},
    }) as never as Deployment;
  state.deployments = [deployment("old", 3, 30), deployment("own", 5, 29)];
  assert.deepEqual(await ids("/v1/job/web/deployments"), ["own"]);
  assert.deepEqual(await ids("/v1/job/web/deployments?all=true"), ["old", "own"]);
  assert.equal((await get("/v1/job/web/deployment")).json<{ ID: string }>().ID, "own");
});

test("Evaluations are counted where they are asked for, and found through the one that was blocked", async (context) => {
  const { get, state } = worldOf(context);
  state.evaluations = [
    anEvaluation("e1", { BlockedEval: "e2" }),
    anEvaluation("e2", { Status: "blocked" }),
    anEvaluation("e3", { Namespace: "n2" }),
  ];
  const count = async (query: string) => (await get(`/v1/evaluations/count?${query}`)).json<{ Count: number }>().Count;
  assert.deepEqual(
    [await count(""), await count("namespace=*"), await count("filter=Status+==+blocked"), await count("job=none")],
    [2, 3, 1, 0],
  );
  const { RelatedEvals } = (await get("/v1/evaluation/e1?related=true")).json<{ RelatedEvals: { ID: string }[] }>();
  assert.deepEqual(
    RelatedEvals.map(({ ID }) => ID),
    ["e2"],
  );
});

test("What another node or server is asked for is not answered by this one", { timeout: 20_000 }, async (context) => {
  const { get } = worldOf(context);
  for (const url of ["/v1/agent/monitor?node_id=other", "/v1/agent/monitor?server_id=other.global"]) {
    assert.equal((await get(url)).statusCode, 404, url);
  }
  assert.equal((await get("/v1/agent/monitor?node_id=a&server_id=b")).statusCode, 400);
  const unknown = await get("/v1/client/stats?node_id=other");
  assert.deepEqual([unknown.statusCode, unknown.body], [404, 'Unknown node "other"']);
});

test("Brackets in a text are no nesting, also behind an escaped quote", async (context) => {
  const { api, asked } = worldOf(context);
  const payload = JSON.stringify({ Job: { ID: "x", Meta: { text: `"${"[".repeat(500)}\\` } } });
  assert.equal((await api.inject({ method: "PUT", url: "/v1/jobs", payload })).statusCode, 200);
  assert.equal(asked.at(-1)?.operation, "registerJob");
});

test("Words that contradict each other are refused", async (context) => {
  const { api, asked } = worldOf(context);
  const put = async (url: string, payload: object) => (await api.inject({ method: "PUT", url, payload })).statusCode;
  assert.equal(await put("/v1/job/web/scale", { Count: 2, Error: true, Target: { Group: "g" } }), 400);
  assert.equal(await put("/v1/client/allocation/a1/restart", { TaskName: "t", AllTasks: true }), 400);
  assert.deepEqual(asked, []);
});

test("The scheduler's configuration is set only at the index that was named", async (context) => {
  const { api, asked } = worldOf(context);
  for (const [query, index] of [
    ["?cas=7", 7],
    ["?cas=0", 0],
    ["", null],
  ] as const) {
    await api.inject({ method: "PUT", url: `/v1/operator/scheduler/configuration${query}`, payload: {} });
    assert.equal(asked.at(-1)?.arguments[1], index, query);
  }
});

test("All groups promote themselves only if each does", async (context) => {
  const { get, state } = worldOf(context);
  const group = (AutoPromote: boolean) => ({ AutoPromote, DesiredCanaries: 0, Promoted: false, DesiredTotal: 1 });
  state.deployments = [
    {
      ID: "d",
      Namespace: "default",
      JobID: "web",
      JobVersion: 0,
      Status: "running",
      TaskGroups: { a: group(true), b: group(false) },
      CreateIndex: 30,
      ModifyIndex: 30,
    } as never as Deployment,
  ];
  const [status] = (await get("/v1/jobs/statuses")).json<{ LatestDeployment: { AllAutoPromote: boolean } }[]>();
  assert.equal(status?.LatestDeployment.AllAutoPromote, false);
});

test("Scaling policies of one kind are listed alone", async (context) => {
  const { get, state } = worldOf(context);
  const job = aJob("web");
  const scaling = { Name: "", ID: "", Type: "", Min: 1, Max: 2, Enabled: true, Policy: {} };
  const [group] = job.TaskGroups;
  const [task] = group?.Tasks ?? [];
  const tasks = [{ ...task, ScalingPolicies: [{ ...scaling, Type: "cpu" }] }];
  state.jobs = [aJob("web", { TaskGroups: [{ ...group, Scaling: scaling, Tasks: tasks }] })];
  const types = async (query: string) =>
    (await get(`/v1/scaling/policies${query}`))
      .json<{ Type: string }[]>()
      .map(({ Type }) => Type)
      .sort();
  assert.deepEqual(await types(""), ["horizontal", "vertical_cpu"]);
  assert.deepEqual(await types("?type=vertical_cpu"), ["vertical_cpu"]);
  assert.deepEqual(await types("?job=other"), []);
});

test("Topics of the event stream: a key, every key, or none said", async (context) => {
  const { get, events } = worldOf(context);
  const asked: unknown[] = [];
  events.read = (options: unknown) => {
    asked.push(options);
    return (async function* () {
      yield* [];
    })();
  };
  await get("/v1/event/stream?topic=Job:web&topic=Job:a:b&topic=Node:&topic=Allocation&index=7&namespace=*");
  await get("/v1/event/stream");
  assert.deepEqual(asked, [
    {
      topics: new Map([
        ["Job", ["web", "a:b"]],
        ["Node", ["*"]],
        ["Allocation", ["*"]],
      ]),
      namespace: "*",
      fromIndex: 7,
    },
    { topics: new Map([["*", ["*"]]]), namespace: "default", fromIndex: 0 },
  ]);
});

test("A server that does not lead is not well, and a load balancer sees it", async (context) => {
  const { get } = worldOf(context);
  const { cluster } = createWorldWithoutLeader();
  const other = worldOf(context, { cluster });
  assert.deepEqual(
    [(await get("/v1/operator/autopilot/health")).statusCode, (await other.get("/v1/operator/autopilot/health")).statusCode],
    [200, 429],
  );
});

test("A server that cannot say how far it follows still answers, and says why it refuses", { timeout: 10_000 }, async (context) => {
  const { cluster } = createWorldWithoutLeader();
  const broken = { ...cluster, lastContactMs: () => assert.fail("the clock stands still"), read: () => assert.fail("nor is it asked") };
  const { get, faults } = worldOf(context, { cluster: broken as unknown as ApiOptions["cluster"] });
  const answer = await get("/v1/jobs");
  assert.deepEqual([answer.statusCode, answer.headers["content-type"]], [500, "text/plain; charset=utf-8"]);
  assert.equal(faults.length, 1);
});

function createWorldWithoutLeader() {
  const alone = { serverId: "s1", leads: false, leaderAddress: "", lastContactMs: () => 9_000, servers: async () => [aServer(1, false)] };
  return { cluster: { ...alone, state: { index: 1 } } as unknown as ApiOptions["cluster"] };
}

test("An allocation's older resources add up its tasks", async (context) => {
  const { get, state } = worldOf(context);
  const task = (CpuShares: number, MemoryMaxMB: number) => ({
    Cpu: { CpuShares, ReservedCores: [1] },
    Memory: { MemoryMB: 10, MemoryMaxMB },
    Networks: [],
    Devices: [],
  });
  const AllocatedResources = {
    Tasks: { a: task(100, 20), b: task(50, 30) },
    TaskLifecycles: {},
    Shared: { DiskMB: 7, Networks: [], Ports: [] },
  };
  state.allocations = [anAllocation("a1", aJob("web"), { AllocatedResources })];
  const { Resources, TaskResources } = (await get("/v1/allocation/a1")).json<{
    Resources: object;
    TaskResources: Record<string, object>;
  }>();
  assert.deepEqual(Resources, { CPU: 150, MemoryMB: 20, MemoryMaxMB: 50, DiskMB: 7, Networks: [] });
  assert.deepEqual(TaskResources["b"], { CPU: 50, Cores: 1, MemoryMB: 10, MemoryMaxMB: 30, DiskMB: 0, Networks: [] });
});

test("As many connections as allowed are served, and those that ended do not count", async (context) => {
  const few = worldOf(context, { connectionsPerClientMax: 2 });
  const port = await portOf(few);
  for (let round = 0; round < 3; round++) {
    const sockets = [1, 2].map(() => connect(port, "127.0.0.1"));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    for (const socket of sockets) {
      const answered = once(socket, "data") as Promise<[Buffer]>;
      socket.write("GET /v1/regions HTTP/1.1\r\nhost: localhost\r\n\r\n");
      assert.match(String((await answered)[0]), /^HTTP\/1\.1 200/, `round ${round}`);
    }
    // The server's ends are gone when it has answered with its own.
    await Promise.all(sockets.map((socket) => Promise.all([once(socket, "close"), socket.end()])));
  }
});

/** Long waits do not end by themselves: the test says when. */
function heldClock() {
  const held: { readonly delayMs: number; readonly task: () => void }[] = [];
  const clock: ApiOptions["clock"] = {
    ...CLOCK,
    after(delayMs, task) {
      if (delayMs < 10_000) return CLOCK.after(delayMs, task);
      const one = { delayMs, task };
      held.push(one);
      return { cancel: () => void (held.includes(one) && held.splice(held.indexOf(one), 1)) };
    },
  };
  const end = (delayMs: number) => {
    const found = held.findIndex((one) => one.delayMs === delayMs);
    return found >= 0 && held.splice(found, 1)[0]?.task() === undefined;
  };
  return { clock, end };
}

const EXEC = `/v1/client/allocation/a1/exec?task=t&command=${encodeURIComponent('["cat"]')}`;

test("A client that does not shake hands in time is let go, with the reason", { timeout: 20_000 }, async (context) => {
  const { clock, end } = heldClock();
  const world = worldOf(context, { clock });
  const socket = new WebSocket(`ws://127.0.0.1:${await portOf(world)}${EXEC}&ws_handshake=true`);
  await once(socket, "open");
  const closed = once(socket, "close") as Promise<[number, Buffer]>;
  await eventually("the handshake is waited for", () => end(10_000));
  const [code, reason] = await closed;
  assert.equal(code, 1008);
  assert.match(reason.toString(), /handshake: nothing came in time/);
});

test("A client that shows no sign of life is gone, and its command with it", { timeout: 20_000 }, async (context) => {
  const { clock, end } = heldClock();
  const world = worldOf(context, { clock });
  const aborted = Promise.withResolvers<void>();
  world.services.exec = async function* (_request: unknown, _input: unknown, signal: AbortSignal) {
    await once(signal, "abort");
    aborted.resolve();
    yield { kind: "exited", exitCode: 0 } as const;
  } as never;
  const socket = new WebSocket(`ws://127.0.0.1:${await portOf(world)}${EXEC}`, { autoPong: false });
  await once(socket, "open");
  const pinged = once(socket, "ping");
  await eventually("the next look at its pulse", () => end(30_000));
  await pinged;
  const closed = once(socket, "close") as Promise<[number]>;
  await eventually("the next look at its pulse", () => end(30_000));
  assert.equal((await closed)[0], 1006);
  await aborted.promise;
});

test("what is named like a secret never leaves with the configuration, however deep it is", () => {
  const names = [
    "token",
    "client_secret",
    "Password",
    "passwd",
    "encrypt",
    "credentials",
    "access_key",
    "api_key",
    "Authorization",
    "auth",
  ];
  const config = { plugin: [{ config: Object.fromEntries(names.map((name) => [name, "hidden"])) }], author: "shown", token_file: "" };
  const shown = JSON.stringify(withoutSecrets(config));
  assert.deepEqual([shown.includes("hidden"), shown.includes("shown"), shown.match(/<redacted>/g)?.length], [false, true, names.length]);
  assert.deepEqual(withoutSecrets({ tokens: ["hidden", ""], token: { kind: "shown" } }), {
    tokens: ["<redacted>", ""],
    token: { kind: "shown" },
  });
});
