/** A command that runs is no right for ever: it ends when the token behind it loses alloc-exec, is deleted, or its time is over; nobody else's does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { createApi, type AgentFacts } from "#api/server";
import type { ExecInput, ExecOutput, ExecRequest } from "#ports";
import type { Server } from "#server";
import type { Snapshot } from "#state";
import { accessWorld } from "../server/access/world.ts";
import { aJob, anAllocation } from "./fake-world.ts";

const MAY_EXEC = 'namespace "default" { capabilities = ["alloc-exec"] }';
const MAY_NOT = 'namespace "default" { capabilities = ["read-job"] }';
const EXEC = `/v1/client/allocation/a1/exec?task=t&command=${encodeURIComponent('["cat"]')}`;

interface Session {
  readonly closed: Promise<readonly [code: number, reason: string]>;
  /** That the command itself was told to end. */
  readonly aborted: Promise<void>;
  isOpen(): boolean;
}

async function stage(t: TestContext) {
  // Shorter than the silence after which a client counts as gone: the clock is the sockets', too.
  const world = accessWorld({ policy: { tokenMinExpirationMs: 1_000, tokenMaxExpirationMs: 86_400_000 } });
  const { cluster, random } = world.parts;
  const { clock } = world;
  const base = aJob("web");
  const group = base.TaskGroups[0] as (typeof base.TaskGroups)[number];
  const task = { ...(group.Tasks[0] as (typeof group.Tasks)[number]), Name: "t", Driver: "exec" };
  const job = { ...base, TaskGroups: [{ ...group, Tasks: [task] }] } as typeof base;
  const allocation = { ...anAllocation("a1", job), TaskGroup: group.Name };
  const snapshot = (): Snapshot =>
    new Proxy(world.state.snapshot(), {
      get: (of, name) => {
        if (name === "allocation") return () => allocation;
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === "function" ? (value.bind(of) as unknown) : value;
      },
    });
  const begun: PromiseWithResolvers<void>[] = [];
  const services = {
    async *exec(_request: ExecRequest, _input: AsyncIterable<ExecInput>, signal: AbortSignal): AsyncGenerator<ExecOutput> {
      const ended = Promise.withResolvers<void>();
      begun.push(ended);
      yield { kind: "stdout", data: new Uint8Array([62]) };
      if (!signal.aborted) await once(signal, "abort");
      ended.resolve();
      yield { kind: "exited", exitCode: 0 };
    },
  };
  const api = createApi({
    server: { access: { ...world.access, enabled: true }, nodeServices: () => services } as unknown as Server,
    cluster: Object.assign(cluster, { leaderAddress: "127.0.0.1:4647", lastContactMs: () => 0, read: async () => snapshot() }),
    localNode: null,
    agent: { member: () => ({ Tags: {} }) } as unknown as AgentFacts,
    clock,
    random,
    region: "global",
    datacenter: "dc1",
  });
  t.after(() => api.close());
  const [address] = await api.listen([{ host: "127.0.0.1", port: 0 }]);
  const { port } = address as { port: number };

  const ask = async <T>(method: string, url: string, token: string, body?: unknown): Promise<T> => {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const answer = await api.inject({ method: method as "GET", url, headers: token === "" ? {} : { "x-nomad-token": token }, ...payload });
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.body === "" ? (undefined as T) : answer.json();
  };
  const root = (await ask<{ SecretID: string }>("PUT", "/v1/acl/bootstrap", "")).SecretID;
  const policy = (name: string, Rules: string) => ask("PUT", `/v1/acl/policy/${name}`, root, { Name: name, Rules });
  const token = (name: string, more: object = {}) =>
    ask<{ SecretID: string; AccessorID: string }>("PUT", "/v1/acl/token", root, { Name: name, Type: "client", Policies: [name], ...more });
  async function open(secret: string): Promise<Session> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${EXEC}`, { headers: { "x-nomad-token": secret } });
    const closed = (once(socket, "close") as Promise<[number, Buffer]>).then(([code, reason]) => [code, reason.toString()] as const);
    // Its first output shows that it runs.
    await once(socket, "message");
    const { promise } = begun.at(-1) as PromiseWithResolvers<void>;
    return { closed, aborted: promise, isOpen: () => socket.readyState === WebSocket.OPEN };
  }
  return { clock, root, ask, policy, token, open };
}

async function endsDenied(session: Session, why = "Permission denied"): Promise<void> {
  assert.deepEqual(await session.closed, [1008, why]);
  await session.aborted;
}

test("a policy that is changed ends the commands of those who had it, and nobody else's", { timeout: 20_000 }, async (t) => {
  const { policy, token, open, root } = await stage(t);
  await policy("ops", MAY_EXEC);
  await policy("others", MAY_EXEC);
  const [mine, theirs, managers] = [
    await open((await token("ops")).SecretID),
    await open((await token("others")).SecretID),
    await open(root),
  ];
  await policy("ops", `${MAY_EXEC} agent { policy = "read" }`);
  await new Promise(setImmediate);
  assert.ok(mine.isOpen(), "it still may");
  await policy("ops", MAY_NOT);
  await endsDenied(mine);
  assert.deepEqual([theirs.isOpen(), managers.isOpen()], [true, true]);
});

test("a token that is deleted ends what it began", { timeout: 20_000 }, async (t) => {
  const { policy, token, open, root, ask } = await stage(t);
  await policy("ops", MAY_EXEC);
  const { SecretID, AccessorID } = await token("ops");
  const session = await open(SecretID);
  await ask("DELETE", `/v1/acl/token/${AccessorID}`, root);
  const [code, reason] = await session.closed;
  assert.equal(code, 1008);
  assert.match(reason, /ACL token not found|Permission denied/);
  await session.aborted;
});

test("a token whose time is over ends what it began, though nothing changed", { timeout: 20_000 }, async (t) => {
  const { clock, policy, token, open } = await stage(t);
  await policy("ops", MAY_EXEC);
  const session = await open((await token("ops", { ExpirationTTL: "20s" })).SecretID);
  await clock.advance(15_000);
  assert.ok(session.isOpen());
  await clock.advance(6_000);
  const [code, reason] = await session.closed;
  assert.equal(code, 1008);
  assert.match(reason, /expired/);
  await session.aborted;
});
