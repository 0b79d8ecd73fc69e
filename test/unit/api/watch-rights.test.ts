/** What lasts ends when its right does: at a change, at the token's end, at the next look of an agent that hears of no changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NOTHING, type Grant } from "#access";
import { createVirtualClock } from "#integrations/memory";
import { NamedError } from "#std";
import type { Context } from "../../../src/api/server/call.ts";
import { watchRights, whileAllowed } from "../../../src/api/server/guard/watch-rights.ts";

const denied = () => new NamedError("API_DENIED", "Permission denied", { statusCode: 403 });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function stage({ knowing = true, expiresInMs = null as number | null } = {}) {
  const clock = createVirtualClock();
  const listeners = new Set<(change: { command: { type: string } }) => void>();
  const subscribe = (listener: (change: { command: { type: string } }) => void) => (
    listeners.add(listener),
    () => void listeners.delete(listener)
  );
  const cluster = knowing ? { state: { watch: { subscribe } } } : null;
  const context = { clock, cluster } as unknown as Pick<Context, "cluster" | "clock">;
  const granted: Grant = { ...NOTHING, ExpiresAtMs: expiresInMs === null ? null : clock.nowMs() + expiresInMs };
  const world = { refusal: undefined as Error | undefined, asked: 0 };
  const watched = watchRights(granted, context, async () => {
    world.asked += 1;
    if (world.refusal !== undefined) throw world.refusal;
    return granted;
  });
  return { clock, listeners, world, watched, happen: (type: string) => listeners.forEach((each) => each({ command: { type } })) };
}

test("a change of access control asks again, others do not; what is refused is lost, and nobody listens any more", async () => {
  const { watched, world, happen, listeners } = stage();
  await turn();
  happen("job-register");
  happen("acl-tokens-delete");
  await turn();
  assert.deepEqual([world.asked, watched.lost.aborted], [2, false]);
  world.refusal = denied();
  happen("acl-policies-upsert");
  await turn();
  assert.equal(watched.lost.reason, world.refusal);
  assert.equal(listeners.size, 0);
});

test("a right that was taken before anybody watched is lost at once; a restored snapshot counts as a change", async () => {
  const { watched, world, happen } = stage();
  await turn();
  world.refusal = denied();
  happen("restore-commit");
  await turn();
  assert.equal(watched.lost.aborted, true);
  const early = watchRights(NOTHING, { clock: createVirtualClock(), cluster: null }, () => Promise.reject(denied()));
  await turn();
  assert.equal(early.lost.aborted, true);
});

test("the token's end is its end; a server that cannot be asked is not", async () => {
  const ends = stage({ expiresInMs: 3000 });
  await turn();
  ends.world.refusal = denied();
  await ends.clock.advance(2999);
  assert.equal(ends.watched.lost.aborted, false);
  await ends.clock.advance(10);
  assert.equal(ends.watched.lost.aborted, true);

  const alone = stage({ knowing: false });
  await turn();
  alone.world.refusal = new NamedError("API_SERVER_UNREACHABLE", "No path", { statusCode: 500 });
  await alone.clock.advance(5000);
  await turn();
  assert.deepEqual([alone.world.asked, alone.watched.lost.aborted], [2, false]);
  alone.world.refusal = denied();
  await alone.clock.advance(5000);
  await turn();
  assert.equal(alone.watched.lost.aborted, true);
});

test("a stream that says nothing breaks off, with the refusal; one that ends leaves nobody listening", async () => {
  const silent = stage();
  async function* quiet(): AsyncGenerator<string> {
    yield "first";
    await new Promise(() => undefined);
  }
  const read = whileAllowed(quiet(), silent.watched);
  assert.equal((await read.next()).value, "first");
  const next = read.next();
  silent.world.refusal = denied();
  silent.happen("acl-tokens-delete");
  await assert.rejects(next, { code: "API_DENIED" });

  const short = stage();
  async function* brief(): AsyncGenerator<string> {
    yield "all";
  }
  const got: string[] = [];
  for await (const each of whileAllowed(brief(), short.watched)) got.push(each);
  assert.deepEqual([got, short.listeners.size], [["all"], 0]);
});

test("a stream that goes on and on takes no more memory for it", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const long = stage();
  async function* much(): AsyncGenerator<number> {
    for (let at = 0; ; at++) yield at;
  }
  const read = whileAllowed(much(), long.watched);
  const heap = async (chunks: number) => {
    for (let at = 0; at < chunks; at++) await read.next();
    await turn();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await heap(1_000);
  const each = ((await heap(30_000)) - before) / 30_000;
  assert.ok(each < 64, `${Math.round(each)} bytes are kept of each chunk`);
  long.world.refusal = denied();
  long.happen("acl-tokens-delete");
  await turn();
  await assert.rejects(read.next(), { code: "API_DENIED" });
});

test("a right that is lost between two chunks ends the stream before the next", async () => {
  const busy = stage();
  async function* always(): AsyncGenerator<string> {
    for (;;) yield "more";
  }
  const read = whileAllowed(always(), busy.watched);
  await read.next();
  busy.world.refusal = denied();
  busy.happen("acl-tokens-delete");
  await turn();
  assert.equal(busy.watched.lost.aborted, true);
  await assert.rejects(read.next(), { code: "API_DENIED" });
});
