import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { createApiClient, type ApiClient, type ApiError } from "#api/client";
import type { ExecInput, ExecOutput, ExecRequest } from "#ports";
import { NamedError } from "#std";
import { aJob, anAllocation, createWorld, type World } from "./fake-world.ts";

let world: World;
let client: ApiClient;
let port: number;

before(async () => {
  world = createWorld();
  const [address] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  port = (address as { port: number }).port;
  client = createApiClient({ address: `http://127.0.0.1:${port}` });
});
after(async () => {
  client.close();
  await world.api.close();
});

type Run = (request: ExecRequest, input: AsyncIterable<ExecInput>, signal: AbortSignal) => AsyncIterable<ExecOutput>;
const run = (how: Run) => (world.services.exec = how as never);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

async function* given(...inputs: ExecInput[]): AsyncGenerator<ExecInput> {
  yield* inputs;
}

async function collect(outputs: AsyncIterable<ExecOutput>): Promise<{ stdout: string; stderr: string; exitCode: number | undefined }> {
  const found = { stdout: "", stderr: "", exitCode: undefined as number | undefined };
  for await (const output of outputs) {
    if (output.kind === "exited") found.exitCode = output.exitCode;
    else found[output.kind] += Buffer.from(output.data).toString();
  }
  return found;
}

/** What a raw client sees: every frame, then the close. */
async function talk(path: string, frames: readonly string[] = [], headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  const seen: string[] = [];
  socket.on("message", (data: Buffer) => seen.push(data.toString()));
  const closed = once(socket, "close") as Promise<[number, Buffer]>;
  await once(socket, "open");
  for (const frame of frames) socket.send(frame);
  const [code, reason] = await closed;
  return { seen, code, reason: reason.toString() };
}

const EXEC = `/v1/client/allocation/a1/exec?task=t&command=${encodeURIComponent('["cat","-n"]')}`;

test("What is typed reaches the task, what it says comes back, and its exit code ends it", async () => {
  let asked: ExecRequest | undefined;
  run(async function* (request, input) {
    asked = request;
    for await (const one of input) {
      if (one.kind === "stdin") yield { kind: "stdout", data: one.data };
      if (one.kind === "size") yield { kind: "stderr", data: bytes(`${one.height}x${one.width}`) };
      if (one.kind === "stdin-end") break;
    }
    yield { kind: "exited", exitCode: 7 };
  });
  const input = given(
    { kind: "size", height: 24, width: 80 },
    { kind: "stdin", data: bytes("hello ") },
    { kind: "stdin", data: bytes("world") },
    { kind: "stdin-end" },
  );
  const outputs = await client.exec("a1", { task: "t", command: ["cat", "-n"], tty: true }, input);
  assert.deepEqual(await collect(outputs), { stdout: "hello world", stderr: "24x80", exitCode: 7 });
  assert.deepEqual(asked, { AllocationId: "a1", Task: "t", Command: ["cat", "-n"], Tty: true });
});

test("The frames are Nomad's, to the letter, and a heartbeat means nothing", async () => {
  run(async function* (_request, input) {
    for await (const one of input) if (one.kind === "stdin-end") break;
    yield { kind: "stdout", data: bytes("out") };
    yield { kind: "stderr", data: bytes("err") };
    yield { kind: "exited", exitCode: 0 };
  });
  const { seen, code } = await talk(EXEC, ["{}", '{"stdin":{"close":true}}']);
  assert.deepEqual(seen, [
    '{"stdout":{"data":"b3V0"}}',
    '{"stderr":{"data":"ZXJy"}}',
    '{"stdout":{"close":true}}',
    '{"stderr":{"close":true}}',
    '{"exited":true,"result":{"exit_code":0}}',
  ]);
  assert.equal(code, 1000);
});

test("What the client got wrong closes with 1008, what went wrong here with 1011, both with the reason", async () => {
  run(() => {
    throw new NamedError("TASK_UNKNOWN", 'Unknown task name "nope"', { statusCode: 404 });
  });
  assert.deepEqual(await talk(EXEC), { seen: [], code: 1008, reason: 'Unknown task name "nope"' });
  // oxlint-disable-next-line require-yield
  run(async function* () {
    throw new NamedError("DRIVER_EXEC_FAILED", `Cannot exec: ${"ü".repeat(200)}`, { statusCode: 500 });
  });
  const failed = await talk(EXEC);
  assert.equal(failed.code, 1011);
  assert.match(failed.reason, /^Cannot exec: ü+…$/);
  assert.ok(Buffer.byteLength(failed.reason) <= 123);
  run(async function* () {
    yield { kind: "stdout", data: bytes("x") };
    throw new Error("a fault with a s3cret");
  });
  const fault = await talk(EXEC);
  assert.equal(fault.code, 1011);
  assert.doesNotMatch(fault.reason, /s3cret/);
  assert.match(String(world.faults.pop()), /s3cret/);
  assert.equal((await talk("/v1/client/allocation/gone/exec?task=t&command=%5B%22ls%22%5D")).code, 1008);
});

test("Frames that cannot be understood close with 1008, and the command ends", async () => {
  for (const [frame, reason] of [
    ["nonsense", /not JSON/],
    ["[1]", /no JSON object/],
    ['{"tty_size":{"height":-1,"width":1}}', /tty_size.height/],
  ] as const) {
    const ended = Promise.withResolvers<void>();
    run(async function* (_request, input, signal) {
      for await (const one of input) assert.fail(`got ${one.kind}`);
      if (!signal.aborted) await once(signal, "abort");
      ended.resolve();
      yield { kind: "exited", exitCode: 0 };
    });
    const { code, reason: given } = await talk(EXEC, [frame]);
    assert.equal(code, 1008);
    assert.match(given, reason);
    await ended.promise;
  }
});

test("A terminal that does not know its size leaves the size as it is", async () => {
  const sizes: unknown[] = [];
  run(async function* (_request, input) {
    for await (const one of input) {
      if (one.kind === "stdin-end") break;
      sizes.push(one);
    }
    yield { kind: "exited", exitCode: 0 };
  });
  const frames = [
    '{"tty_size":{}}',
    '{"tty_size":{"height":0,"width":0}}',
    '{"tty_size":{"height":2,"width":3}}',
    '{"stdin":{"close":true}}',
  ];
  assert.equal((await talk(EXEC, frames)).code, 1000);
  assert.deepEqual(sizes, [{ kind: "size", height: 2, width: 3 }]);
});

test("A browser shakes hands first; a wrong version is refused", async () => {
  run(async function* () {
    yield { kind: "exited", exitCode: 3 };
  });
  const shaken = await talk(`${EXEC}&ws_handshake=true`, ['{"version":1,"auth_token":"t0ken"}']);
  assert.deepEqual(shaken.seen.at(-1), '{"exited":true,"result":{"exit_code":3}}');
  const refused = await talk(`${EXEC}&ws_handshake=true`, ['{"version":2}']);
  assert.equal(refused.code, 1008);
  assert.match(refused.reason, /handshake/);
});

test("When the socket goes, the command is aborted", async () => {
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  run(async function* (_request, _input, signal) {
    started.resolve();
    await once(signal, "abort");
    aborted.resolve();
    yield { kind: "exited", exitCode: 0 };
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}${EXEC}`);
  await once(socket, "open");
  await started.promise;
  socket.terminate();
  await aborted.promise;
});

test("A reader that does not read stops the task's output: nothing piles up here", async () => {
  let taken = 0;
  const aborted = Promise.withResolvers<void>();
  run(async function* (_request, _input, signal) {
    signal.addEventListener("abort", () => aborted.resolve());
    while (!signal.aborted) {
      taken++;
      yield { kind: "stdout", data: new Uint8Array(64 * 1024) };
    }
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}${EXEC}`);
  await once(socket, "open");
  socket.pause();
  let last = -1;
  while (last !== taken) {
    last = taken;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(taken < 400, `${taken} chunks of 64 KiB were taken though nobody reads`);
  socket.terminate();
  await aborted.promise;
});

test("Input that the task does not take stops the socket: nothing piles up here", async () => {
  const ready = Promise.withResolvers<void>();
  const take = Promise.withResolvers<void>();
  let total = 0;
  run(async function* (_request, input) {
    ready.resolve();
    await take.promise;
    for await (const one of input) {
      if (one.kind === "stdin") total += one.data.length;
      if (one.kind === "stdin-end") break;
    }
    yield { kind: "exited", exitCode: 0 };
  });
  let sent = 0;
  async function* endless(): AsyncGenerator<ExecInput> {
    for (; sent < 640; sent++) yield { kind: "stdin", data: new Uint8Array(32 * 1024) };
    yield { kind: "stdin-end" };
  }
  const outputs = await client.exec("a1", { task: "t", command: ["sink"], tty: false }, endless());
  await ready.promise;
  let last = -1;
  while (last !== sent) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent < 400, `${sent} chunks of 32 KiB were sent though nobody takes them`);
  take.resolve();
  assert.equal((await collect(outputs)).exitCode, 0);
  assert.equal(total, 640 * 32 * 1024);
});

test("What is wrong with the request itself is a plain HTTP error before any socket", async () => {
  const failing = client.exec("a1", { task: "t", command: [], tty: false }, given());
  await assert.rejects(failing, (error: ApiError) => error.status === 400 && /command is not present/.test(error.text));
  for (const [path, headers, status] of [
    ["/v1/client/allocation/a1/exec?task=t&command=nonsense", {}, 400],
    ["/v1/client/allocation/a1/exec?task=t&command=%5B%22ls%22%5D&tty=maybe", {}, 400],
    ["/v1/job/web/action?task=t", {}, 400],
    [EXEC, { origin: "http://evil.example" }, 403],
    [EXEC, { host: "evil.example" }, 403],
  ] as const) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    socket.on("error", () => undefined);
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, status, path);
    socket.terminate();
  }
  assert.equal((await world.api.inject({ method: "GET", url: EXEC })).statusCode, 400);
  // Other paths are none of the sockets' business: the request is answered as if nothing had been asked.
  const other = await fetch(`http://127.0.0.1:${port}/v1/regions`, { headers: { "x-test": "1" } });
  assert.equal(other.status, 200);
});

test("An action runs the command its task offers, in the allocation named or any that runs", async () => {
  const base = aJob("acting");
  const group = base.TaskGroups[0] as (typeof base.TaskGroups)[number];
  const task = {
    ...(group.Tasks[0] as (typeof group.Tasks)[number]),
    Actions: [{ Name: "greet", Command: "echo", Args: ["hi", "there"] }],
  };
  const job = { ...base, TaskGroups: [{ ...group, Tasks: [task] }] } as typeof base;
  const before = world.state.allocations;
  world.state.jobs = [...world.state.jobs, job];
  world.state.allocations = [...before, anAllocation("acting-1", job)];
  const commands: (readonly string[])[] = [];
  run(async function* (request) {
    commands.push([request.AllocationId, ...request.Command]);
    yield { kind: "exited", exitCode: 0 };
  });
  for (const allocation of ["acting-1", ""]) {
    const outputs = await client.action("acting", { action: "greet", task: "t", group: "g", allocation, tty: false }, given());
    assert.equal((await collect(outputs)).exitCode, 0);
  }
  assert.deepEqual(commands, [
    ["acting-1", "echo", "hi", "there"],
    ["acting-1", "echo", "hi", "there"],
  ]);
  const unknown = await client.action("acting", { action: "nope", task: "t", group: "g", allocation: "", tty: false }, given());
  await assert.rejects(collect(unknown), /Unknown action "nope"/);
  const foreign = await client.action("acting", { action: "greet", task: "t", group: "g", allocation: "a1", tty: false }, given());
  await assert.rejects(collect(foreign), /is not of job "acting"/);
  world.state.allocations = before;
});

test("Closing the API closes the sockets and aborts what they run", async () => {
  const other = createWorld();
  const [address] = await other.api.listen([{ host: "127.0.0.1", port: 0 }]);
  const started = Promise.withResolvers<void>();
  other.services.exec = async function* (_request: ExecRequest, _input: unknown, signal: AbortSignal) {
    started.resolve();
    await once(signal, "abort");
    yield { kind: "exited", exitCode: 0 };
  } as never;
  const socket = new WebSocket(`ws://127.0.0.1:${(address as { port: number }).port}${EXEC}`);
  const closed = once(socket, "close") as Promise<[number, Buffer]>;
  await once(socket, "open");
  await started.promise;
  await other.api.close();
  assert.equal((await closed)[0], 1001);
});
