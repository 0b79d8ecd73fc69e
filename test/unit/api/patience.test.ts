/** Who is slow ends: at heads, at bodies, at taking answers and streams; by the door, through a tunnel and on a task's socket. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ApiOptions } from "#api/server";
import { eventually } from "../../eventually.ts";
import { createWorld, type World } from "./fake-world.ts";

const QUICK = { headMs: 300, graceMs: 800, bytesPerSecond: 100_000, checkedEveryMs: 50 };
const limit = { timeout: 60_000 };

async function opened(t: TestContext, more: Partial<ApiOptions> = {}): Promise<{ readonly world: World; readonly port: number }> {
  const world = createWorld({ patience: QUICK, ...more });
  t.after(() => world.api.close());
  const [address] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  return { world, port: (address as { port: number }).port };
}

/** Says `text`, then `drop` every 20 ms, at `most` so often. */
function dripping(
  t: TestContext,
  socket: Socket,
  text: string,
  drop = "x",
  most = Infinity,
): { readonly said: () => string; readonly ended: Promise<void> } {
  let said = "";
  socket.setEncoding("utf8").on("data", (part: string) => (said += part));
  socket.on("error", () => undefined);
  socket.write(text);
  let left = most;
  const timer = setInterval(() => left-- > 0 && socket.writable && socket.write(drop), 20);
  const ended = new Promise<void>((resolve) =>
    socket.once("close", () => {
      clearInterval(timer);
      resolve();
    }),
  );
  t.after(() => socket.destroy());
  return { said: () => said, ended };
}

test("a head that drips ends in time: at the door, and on the next request of a connection", limit, async (t) => {
  const { port } = await opened(t);
  const first = dripping(t, connect(port, "127.0.0.1"), "GET /v1/jobs HTTP/1.1\r\nx: ");
  await first.ended;
  assert.match(first.said(), /^HTTP\/1\.1 408 .*its head did not come in time/s);
  const second = dripping(t, connect(port, "127.0.0.1"), "GET /v1/status/leader HTTP/1.1\r\nhost: localhost\r\n\r\nGET /");
  await second.ended;
  assert.match(second.said(), /^HTTP\/1\.1 200 .*HTTP\/1\.1 408 /s);
});

test("a head that drips through a tunnel ends too, and so on a task's socket", limit, async (t) => {
  const { world } = await opened(t);
  const far = createServer((socket) => world.api.connect(socket));
  await new Promise<void>((resolve) => far.listen(0, "127.0.0.1", resolve));
  t.after(() => far.close());
  const tunnel = dripping(t, connect((far.address() as AddressInfo).port, "127.0.0.1"), "GET /v1/jobs HTTP/1.1\r\nx: ");
  await tunnel.ended;
  assert.match(tunnel.said(), /^HTTP\/1\.1 408 /);
  const folder = mkdtempSync(join(tmpdir(), "drover-patience-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await world.api.taskSockets.open(join(folder, "api.sock"));
  await dripping(t, connect(join(folder, "api.sock")), "GET /v1/jobs HTTP/1.1\r\nx: ").ended;
});

test("a body that drips ends with 408, wherever it is sent, also where nobody wants one; a steady one is taken", limit, async (t) => {
  const { port, world } = await opened(t);
  const headers = "host: localhost\r\ncontent-length: 100800\r\n\r\n";
  for (const line of ["PUT /v1/jobs", "PUT /v1/operator/snapshot", "PUT /v1/nothing-here", "GET /v1/jobs"]) {
    const slow = dripping(t, connect(port, "127.0.0.1"), `${line} HTTP/1.1\r\n${headers}`);
    await slow.ended;
    const answered = /nothing/.test(line)
      ? /^HTTP\/1\.1 (404|408) /
      : line.startsWith("GET")
        ? /^HTTP\/1\.1 200 /
        : /^HTTP\/1\.1 408 .*comes too slowly/s;
    assert.match(slow.said(), answered, line);
  }
  const chunked = dripping(
    t,
    connect(port, "127.0.0.1"),
    "PUT /v1/jobs HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
    "1\r\nx\r\n",
  );
  await chunked.ended;
  assert.match(chunked.said(), /^HTTP\/1\.1 408 /);
  // Twice as long as the grace, and quick enough all the time.
  const steady = dripping(t, connect(port, "127.0.0.1"), `PUT /v1/jobs HTTP/1.1\r\n${headers}`, "x".repeat(1_600), 63);
  await eventually("its answer", () => steady.said() !== "");
  assert.match(steady.said(), /^HTTP\/1\.1 400 .*JSON/s);
  assert.deepEqual(world.faults, []);
});

test("what was sent quickly before buys no patience for the next body on the same connection", limit, async (t) => {
  const { port } = await opened(t);
  const bytes = 2_000_000;
  const quick = `PUT /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`;
  const slow = "PUT /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100800\r\n\r\n";
  const begunMs = performance.now();
  const both = dripping(t, connect(port, "127.0.0.1"), quick + slow);
  await both.ended;
  assert.match(both.said(), /^HTTP\/1\.1 400 .*HTTP\/1\.1 408 /s);
  // The quick one alone would have been good for twenty seconds.
  assert.ok(performance.now() - begunMs < 12_000, `it took ${Math.round(performance.now() - begunMs)} ms`);
});

test("who asks and takes no answer is let go", limit, async (t) => {
  const { world, port } = await opened(t, { responseHeaders: { "x-filler": "x".repeat(8_000) } });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  // Answers of requests that nobody reads, more than the kernel keeps.
  const asking = setInterval(() => socket.write("GET /v1/status/leader HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200)), 1);
  socket.pause();
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  t.after(() => socket.destroy());
  await ended;
  clearInterval(asking);
  assert.deepEqual(world.faults, []);
});

test("a stream of events that nobody takes ends with where to go on, and what was made meanwhile is not kept (F22)", limit, async (t) => {
  const { world, port } = await opened(t);
  const filler = "x".repeat(100_000);
  const push = (index: number) => {
    world.events.push(index);
    Object.assign(world.events.batches.at(-1)?.Events[0] as object, { Key: filler });
  };
  const read = async (resumes: boolean): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    let said = "";
    socket.setEncoding("utf8").on("data", (part: string) => (said += part));
    socket.on("error", () => undefined);
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write("GET /v1/event/stream HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    await eventually("the head", () => said.includes("{}"));
    socket.pause();
    const taken = world.events.taken;
    for (let index = 1; index <= 200; index++) push(index);
    let stopped = -1;
    await eventually("it to be held back", async () => {
      const before = stopped;
      stopped = world.events.taken - taken;
      return stopped > 0 && stopped === before;
    });
    assert.ok(stopped < 150, `${stopped} of 200 were taken for somebody who reads nothing`);
    const left = world.events.left;
    if (resumes) await eventually("it to be given up", () => world.events.left > left, 10_000);
    else await eventually("it to be let go", () => connections(port) === 0, 15_000);
    socket.resume();
    await ended;
    return said;
  };
  const said = await read(true);
  const last =
    said
      .trimEnd()
      .split("\r\n")
      .findLast((line) => line.startsWith("{")) ?? "";
  assert.match(
    last.slice(0, 500),
    /^\{"Error":"Cannot continue event stream: the reader takes too little, subscribe again with index=\d+"\}\n?$/,
  );
  world.events.batches.length = 0;
  assert.ok(!(await read(false)).includes("subscribe again"));
});

/** That this process has taken at `port` and not closed. */
function connections(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/self/net/tcp", "utf8").split("\n");
  return rows.filter((row) => new RegExp(`^\\s*\\d+: 0100007F:${hex} \\S+ 01 `).test(row)).length;
}
