import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { consulConnection, consulSharedLog } from "#integrations/consul";
import { createHostClock } from "#integrations/host";
import { eventually } from "../../../../eventually.ts";

/** As much of Consul as one leader asks; `refuses` says to which requests it has no leader. */
async function consulOfOne() {
  const world = {
    lockOf: "",
    leader: {},
    /** Somebody else puts a head between any two requests. */
    isWritten: false,
    sessions: new Map<string, string>(),
    isMade: true,
    /** Of transactions; undefined: as other paths. */
    refusal: undefined as string | undefined,
    index: 1,
    refuses: (_path: string): boolean => false,
    /** These get no answer, as of a Consul that looks for its leader. */
    holds: (_path: string): boolean => false,
    asked: [] as string[],
  };
  const kv = (value: string, Session = "") =>
    JSON.stringify([{ ModifyIndex: world.index, Session, Value: Buffer.from(value).toString("base64") }]);
  const answer = (path: string, query: URLSearchParams, body: string): [number, string] => {
    if (path === "/agent/service/register" || path.startsWith("/agent/service/deregister/")) return [200, ""];
    if (path === "/session/create") {
      const id = `session-${++world.index}`;
      world.sessions.set(id, (JSON.parse(body) as { Name: string }).Name);
      return [200, JSON.stringify({ ID: id })];
    }
    if (path.startsWith("/session/info/")) return [200, JSON.stringify([{ Node: "n" }])];
    if (path.startsWith("/session/node/")) return [200, JSON.stringify([...world.sessions].map(([ID, Name]) => ({ ID, Name })))];
    if (path.startsWith("/session/destroy/")) {
      const id = path.split("/").at(-1) ?? "";
      world.sessions.delete(id);
      if (world.lockOf === id) [world.lockOf, world.index] = ["", world.index + 1];
      return [200, "true"];
    }
    if (path === "/kv/p/lock" && query.has("acquire")) {
      if (world.lockOf === "") world.lockOf = query.get("acquire") ?? "";
      world.index++;
      return [200, String(world.lockOf === query.get("acquire"))];
    }
    if (path === "/kv/p/lock") return world.lockOf === "" ? [404, ""] : [200, kv(JSON.stringify(world.leader), world.lockOf)];
    if (path === "/txn" && world.isWritten) world.index++;
    if (path === "/txn") return [409, JSON.stringify({ Errors: [{ OpIndex: 0, What: world.refusal ?? "" }] })];
    if (path === "/kv/p/head" && world.isMade)
      return [200, kv(JSON.stringify({ ClusterId: "c", Epoch: 0, EpochId: "", LastIndex: 0, Floor: 1, WriteId: "w" }))];
    return [404, ""];
  };
  const server = createServer(async (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? "", "http://consul");
    const path = url.pathname.replace("/v1", "");
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    world.asked.push(path);
    if (world.holds(path)) return;
    const [status, text] = world.refuses(path)
      ? [500, "No cluster leader"]
      : answer(path, url.searchParams, Buffer.concat(parts).toString());
    // A wait for a change is a short one.
    setTimeout(
      () => response.writeHead(status, { "x-consul-index": String(world.index) }).end(text),
      url.searchParams.has("wait") ? 20 : 0,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = consulConnection({
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: "",
    auth: "",
    timeoutMs: 2e3,
    tls: {
      caFile: "",
      certFile: "",
      keyFile: "",
      verify: true,
    },
  });
  const shared = consulSharedLog({
    connection,
    prefix: "p",
    key: new Uint8Array(32),
    pulse: { id: "s", http: "http://127.0.0.1:1/" },
    clock: createHostClock(),
  });
  return {
    world,
    shared,
    async close() {
      world.refuses = () => false;
      await shared.close();
      connection.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const self = { ServerId: "s", Name: "s", RpcAddress: "127.0.0.1:1", HttpAddress: "127.0.0.1:2" };

test("Leadership given up while Consul has no leader is given back once it has one: a lock kept would let nobody lead", async () => {
  const { world, shared, close } = await consulOfOne();
  try {
    const tenure = await shared.campaign(self, new AbortController().signal);
    assert.notEqual(world.lockOf, "");
    world.refuses = (path) => path.startsWith("/session/destroy/");
    await tenure.resign("its disk refuses");
    assert.equal(tenure.lost.aborted, true);
    assert.notEqual(world.lockOf, "");
    world.refuses = () => false;
    await eventually("the lock is free", () => world.lockOf === "", 3_000);
  } finally {
    await close();
  }
});

test("A head that Consul refuses though nobody else put one down is not put down for ever: who makes the cluster is told why", async () => {
  const { world, shared, close } = await consulOfOne();
  try {
    world.isMade = false;
    world.refusal = "failed to set key: the value is too large";
    const written = () => world.asked.filter((path) => path === "/txn").length;
    const made = shared.create({ ClusterId: "c", EpochId: "", LastIndex: 0 });
    await assert.rejects(made, { code: "SHARED_LOG_UNREACHABLE", message: /Consul refuses the head: .*too large/ });
    assert.equal(written(), 3);
    await assert.rejects(shared.replace({ ClusterId: "c", EpochId: "", LastIndex: 0 }), /too large/);
    assert.equal(written(), 6);
  } finally {
    await close();
  }
});

test("A head that another server puts its own over is not put down for ever: the operator is told who still writes", async () => {
  const { world, shared, close } = await consulOfOne();
  try {
    world.isWritten = true;
    world.lockOf = "another";
    world.leader = { ...self, Name: "server-2" };
    const replaced = shared.replace({ ClusterId: "c", EpochId: "", LastIndex: 0 });
    await assert.rejects(replaced, { code: "SHARED_LOG_IN_USE", statusCode: 409, message: /server "server-2" still writes/ });
    assert.equal(world.asked.filter((path) => path === "/txn").length, 20);
    world.lockOf = "";
    await assert.rejects(shared.replace({ ClusterId: "c", EpochId: "", LastIndex: 0 }), /a server still writes/);
  } finally {
    await close();
  }
});

test("What Consul was asked while it had no leader is asked again beside itself: the head and who leads are known as soon as it has one", async () => {
  const { world, shared, close } = await consulOfOne();
  try {
    const held = new Map<string, number>();
    // The first of each kind finds no leader, and is answered by nobody.
    world.holds = (path) => {
      held.set(path, (held.get(path) ?? 0) + 1);
      return held.get(path) === 1 && path.startsWith("/kv/p/");
    };
    world.lockOf = "another's";
    const startedMs = performance.now();
    assert.equal((await shared.head())?.ClusterId, "c");
    await eventually("it knows who leads", () => shared.leader !== undefined, 3_000);
    // Unasked again they are given up after two seconds.
    assert.ok(performance.now() - startedMs < 1_800, `${performance.now() - startedMs} ms`);
    assert.deepEqual([(held.get("/kv/p/head") ?? 0) >= 2, (held.get("/kv/p/lock") ?? 0) >= 2], [true, true]);
  } finally {
    world.holds = () => false;
    await close();
  }
});
