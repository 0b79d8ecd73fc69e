import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, ApiUnreachable, clientOptions, createApiClient, parseAddress, type ApiClient } from "#api/client";
import { eventually } from "../../eventually.ts";
import { createWorld, aJob, type World } from "./fake-world.ts";

let world: World;
let port: number;
let client: ApiClient;
beforeEach(async () => {
  world = createWorld();
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  port = (opened as { port: number }).port;
  client = createApiClient({ address: `http://127.0.0.1:${port}` });
});
afterEach(async () => {
  client.close();
  await world.api.close();
});

async function firstOf<T>(values: AsyncIterable<T>, count: number): Promise<T[]> {
  const first: T[] = [];
  for await (const value of values) {
    first.push(value);
    if (first.length === count) break;
  }
  return first;
}

test("The event stream begins with a heartbeat, then carries each index as it comes", async () => {
  const stream = await client.events(["Job"]);
  const reading = firstOf(stream, 3);
  world.events.push(11);
  world.events.push(12);
  const [beat, first, second] = await reading;
  assert.deepEqual(beat, {});
  assert.equal(first?.Index, 11);
  assert.equal(first?.Events?.[0]?.Type, "JobRegistered");
  assert.equal(second?.Index, 12);
});

test("A reader that fell behind is told where to resume, then the stream ends (F22)", async () => {
  world.events.lagged = true;
  const all = await Array.fromAsync(await client.events(["*"]));
  assert.match((all.at(-1) as { Error: string }).Error, /resume from index 42/);
});

test("A slow reader of the event stream costs a bounded number of batches, not all of them (F22)", async () => {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  socket.write("GET /v1/event/stream HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  for (let index = 0; index < 200_000; index++) world.events.push(index);
  await eventually("it to hold", () => world.events.taken > 100);
  let before = -1;
  while (before !== world.events.taken) {
    before = world.events.taken;
    await sleep(150);
  }
  assert.ok(world.events.taken < 100_000, `${world.events.taken} batches were taken for a reader that reads nothing`);
  socket.destroy();
});

test("Followed logs come as frames, with heartbeats while nothing is written", async () => {
  const response = await fetch(`http://127.0.0.1:${port}/v1/client/fs/logs/a1?task=t&type=stdout&follow=true`);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk);
    if (text.endsWith("{}")) break;
  }
  assert.equal(text.slice(0, text.indexOf("}") + 1), '{"Data":"aGVsbG8Kd29ybGQK","File":"t.stdout.0"}');
});

test("Logs that are not followed end by themselves, as frames and as plain bytes", async () => {
  const frames = await Array.fromAsync(await client.files.logs("a1", "t", "stdout", { origin: "start" }));
  assert.equal(Buffer.from(frames[0]?.Data ?? "", "base64").toString(), "hello\nworld\n");
  const bytes = await Array.fromAsync(await client.files.logBytes("a1", "t", "stdout", {}));
  assert.equal(Buffer.concat(bytes).toString(), "hello\nworld\n");
});

test("A log with every byte value comes through unchanged", async () => {
  world.services.log = Uint8Array.from({ length: 5000 }, (_, at) => at % 256);
  const plain = Buffer.concat(await Array.fromAsync(await client.files.cat("a1", "/x")));
  assert.deepEqual(plain, Buffer.from(world.services.log));
  const [frame] = await Array.fromAsync(await client.files.logs("a1", "t", "stdout", {}));
  assert.deepEqual(Buffer.from(frame?.Data ?? "", "base64"), Buffer.from(world.services.log));
  const part = Buffer.concat(await Array.fromAsync(await client.files.readAt("a1", "/x", 10, 5)));
  assert.deepEqual(part, Buffer.from([10, 11, 12, 13, 14]));
});

test("A reader that leaves ends the read on the node", async () => {
  const bytes = await client.files.cat("a1", "/endless");
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > 1_000_000) break;
  }
  let before = -1;
  for (let round = 0; round < 100 && before !== world.services.endlessTaken; round++) {
    before = world.services.endlessTaken;
    await sleep(50);
  }
  assert.equal(before, world.services.endlessTaken, "the file is still being read");
});

test("The agent's log is streamed at the level asked for", async () => {
  const [line] = await firstOf(await client.agent.monitor({ logLevel: "DEBUG" }), 1);
  assert.equal(Buffer.from(line ?? []).toString(), "a line at debug\n");
});

test("Closing the API ends every stream and query at once", async () => {
  const stream = await client.events(["*"]);
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const blocked = client.jobs.list({ index: 10, waitMs: 60_000 }).catch((error: unknown) => error);
  const started = performance.now();
  await world.api.close();
  await iterator.next().catch(() => undefined);
  await blocked;
  assert.ok(performance.now() - started < 2000);
});

test("The client gives values with the index of their headers, and pages with their token", async () => {
  world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("api")]));
  const answer = await client.jobs.list({ perPage: 1 });
  assert.deepEqual([answer.value[0]?.ID, answer.index, answer.nextToken, answer.knownLeader], ["api", 11, "web", true]);
  const blocked = client.jobs.list({ index: 11, waitMs: 30_000 });
  const index = world.state.write("jobs", () => undefined);
  assert.equal((await blocked).index, index);
  assert.equal((await client.jobs.read("web")).value.ID, "web");
  assert.equal((await client.jobs.register({ Job: { ID: "x" } })).value.EvalID, "e9");
  await client.system.collectGarbage();
});

test("The client rejects with the status, the plain reason, the code and how to mend it", async () => {
  await assert.rejects(client.jobs.read("nope"), (error: ApiError) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.text, error.message, error.code], [404, "job not found", "job not found", "API_NOT_FOUND"]);
    return true;
  });
  await assert.rejects(client.request.get("/v1/metrics?format=prometheus"), (error: ApiError) =>
    /prometheus_metrics/.test(error.fix ?? ""),
  );
});

test("The client says so when no agent answers, none answers in time, or it is told to stop", async () => {
  const nobody = createApiClient({ address: "http://127.0.0.1:1" });
  await assert.rejects(
    nobody.jobs.list(),
    (error: ApiUnreachable) => error instanceof ApiUnreachable && /connection refused/.test(error.message),
  );
  await assert.rejects(client.jobs.list({ index: 10, waitMs: 30_000, timeoutMs: 50 }), /no answer within 0.05 s/);
  const stop = new AbortController();
  const pending = client.jobs.list({ index: 10, waitMs: 30_000, signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 20);
  await assert.rejects(pending, /enough/);
});

test("Token, namespace and region are sent with every request, and the environment gives them", async () => {
  const options = clientOptions(
    { NOMAD_ADDR: "http://10.0.0.1:4646", NOMAD_TOKEN: "t", NOMAD_NAMESPACE: "team", NOMAD_REGION: "eu" },
    { namespace: "mine", address: `http://127.0.0.1:${port}` },
  );
  assert.deepEqual([options.address, options.token, options.namespace, options.region], [`http://127.0.0.1:${port}`, "t", "mine", "eu"]);
  const elsewhere = createApiClient(options);
  await assert.rejects(elsewhere.jobs.list(), /No path to region/);
  elsewhere.close();
  const scoped = createApiClient({ ...options, region: "global" });
  assert.equal((await scoped.jobs.list()).value.length, 0, "namespace mine has no jobs");
  assert.equal((await scoped.jobs.list({ namespace: "*" })).value.length, 1);
  scoped.close();
});

test("Addresses are read in every form a user writes, and wrong ones explained", () => {
  assert.equal(parseAddress("http://[::1]:4646").host, "::1");
  assert.equal(parseAddress("127.0.0.1:4646").port, 4646);
  assert.equal(parseAddress("unix:///run/x.sock").socketPath, "/run/x.sock");
  assert.equal(parseAddress("https://nomad.example").port, 443);
  assert.throws(() => parseAddress("ftp://x"), /none of http/);
  assert.throws(
    () => parseAddress("http://user:secret@bad host"),
    (error: Error) => !/secret/.test(error.message),
  );
});

test("A unix socket serves its owner alone, takes over a socket left behind, and leaves other files alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drover-api-"));
  const path = join(folder, "api.sock");
  const other = createWorld();
  try {
    await other.api.listen([{ path }]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const overSocket = createApiClient({ address: `unix://${path}` });
    assert.equal((await overSocket.jobs.list()).value[0]?.ID, "web");
    overSocket.close();
    await assert.rejects(createWorld().api.listen([{ path }]), /already in use/);
    await writeFile(join(folder, "file"), "mine");
    await assert.rejects(createWorld().api.listen([{ path: join(folder, "file") }]), /Cannot listen/);
  } finally {
    await other.api.close();
    await rm(folder, { recursive: true });
  }
});

test("A port in use refuses the whole listen, and nothing stays open", async () => {
  const second = createWorld();
  await assert.rejects(
    second.api.listen([
      { host: "127.0.0.1", port: 0 },
      { host: "127.0.0.1", port },
    ]),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "API_LISTEN_FAILED");
      assert.match(error.message, /port is already in use/);
      return true;
    },
  );
  assert.deepEqual(second.api.addresses, []);
  await second.api.close();
});

test("One client's connections are bounded, with 429 for those too many", async () => {
  const few = createWorld({ connectionsPerClientMax: 2 });
  const [opened] = await few.api.listen([{ host: "127.0.0.1", port: 0 }]);
  const sockets = [1, 2].map(() => connect((opened as { port: number }).port, "127.0.0.1"));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port: (opened as { port: number }).port, path: "/v1/jobs" }, (response) =>
      resolve(response.statusCode),
    )
      .on("error", reject)
      .end();
  });
  assert.equal(status, 429);
  for (const socket of sockets) socket.destroy();
  await few.api.close();
});
