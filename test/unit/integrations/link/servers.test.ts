/** Which servers a node knows, and what becomes of ways between servers. */
import assert from "node:assert/strict";
import { createServer as createHttpServer, request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { createHostRandom } from "#integrations/host";
import type { NodeId } from "#model";
import { eventually } from "../../../eventually.ts";
import { cable } from "./cable.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";
import { peerEnd, peersOf } from "./servers.ts";

const noop = () => undefined;
const limit = { timeout: 30_000 };

test("servers tell nodes who they are: at the welcome and when that changes; a lost one is replaced by another", limit, async () => {
  const [one, two] = [acceptor(), acceptor()];
  const second = await serve(two.accept);
  const first = await serve(one.accept, { servers: ["127.0.0.1:1"] });
  try {
    const news: (readonly string[])[] = [];
    const link = linkTo([first.address], { serversChanged: (servers) => void news.push(servers) });
    const lost = Promise.withResolvers<void>();
    await link.connect(NODE, nodeEnd(), () => lost.resolve());
    assert.deepEqual(link.known(), [first.address, "127.0.0.1:1"]);
    const all = [first.address, second.address].sort();
    first.tellServers(all);
    await eventually("the news", () => news.length === 2);
    first.tellServers([...all].reverse());
    assert.deepEqual(news, [["127.0.0.1:1"], all]);
    const startedMs = performance.now();
    await first.close();
    await lost.promise;
    const connection = await link.connect(NODE, nodeEnd(), noop);
    assert.equal(two.connected, 1);
    assert.ok(performance.now() - startedMs < 2_000);
    assert.equal(link.known()[0], second.address);
    connection.close();
  } finally {
    await first.close();
    await second.close();
  }
});

test("after a loss a server that says nothing costs at most two seconds, and no connection in the end", limit, async () => {
  let waiting = 0;
  const mute = createServer((socket) => {
    waiting++;
    socket
      .on("error", noop)
      .on("close", () => waiting--)
      .resume();
  });
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const [one, two] = [acceptor(), acceptor()];
  const first = await serve(one.accept);
  const second = await serve(two.accept);
  try {
    let servers = [first.address];
    const random = { ...createHostRandom(), integer: () => 0 };
    const link = linkTo([], { servers: async () => servers, random });
    const lost = Promise.withResolvers<void>();
    await link.connect(NODE, nodeEnd(), () => lost.resolve());
    servers = [`127.0.0.1:${(mute.address() as AddressInfo).port}`, second.address, first.address];
    await first.close();
    await lost.promise;
    const startedMs = performance.now();
    const connection = await link.connect(NODE, nodeEnd(), noop);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > 1_000 && tookMs < 2_000, `it took ${Math.round(tookMs)} ms`);
    assert.equal(two.connected, 1);
    await eventually("the silent one is hung up on", () => waiting === 0, 10_000);
    // Who speaks is not.
    await connection.heartbeat();
    connection.close();
  } finally {
    mute.close();
    await first.close();
    await second.close();
  }
});

test("servers set by hand are the only ones tried, until servers say who they are", limit, async () => {
  const [one, two] = [acceptor(), acceptor()];
  const first = await serve(one.accept);
  const second = await serve(two.accept);
  try {
    const link = linkTo([first.address]);
    link.setServers([second.address]);
    assert.deepEqual(link.known(), [second.address]);
    const connection = await link.connect(NODE, nodeEnd(), noop);
    assert.deepEqual([one.connected, two.connected], [0, 1]);
    second.tellServers([first.address, second.address]);
    await eventually("both are known", () => link.known().length === 2);
    connection.close();
  } finally {
    await first.close();
    await second.close();
  }
});

test("servers that cannot be looked up any more are those that told who they are", limit, async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  served.tellServers([served.address]);
  try {
    let asked = 0;
    const link = linkTo([], { servers: async () => (asked++ === 0 ? [served.address] : Promise.reject(new Error("Consul is away"))) });
    (await link.connect(NODE, nodeEnd(), noop)).close();
    await eventually("it is gone", () => servers.closed.length === 1);
    (await link.connect(NODE, nodeEnd(), noop)).close();
    assert.equal(servers.connected, 2);
  } finally {
    await served.close();
  }
});

test("a node reaches its server's API on its connection, and only while it has one", limit, async () => {
  const http = createHttpServer((asked, answer) => answer.end(`${asked.url} from ${asked.socket.remoteAddress}`));
  const served = await serve(acceptor().accept, { api: (connection) => void http.emit("connection", connection) });
  try {
    const link = linkTo([served.address]);
    await assert.rejects(link.openApi(), { code: "LINK_REFUSED", statusCode: 503 });
    const connection = await link.connect(NODE, nodeEnd(), noop);
    const tunnel = await link.openApi();
    const text = await new Promise<string>((resolve, reject) => {
      const asked = request({ createConnection: () => tunnel, path: "/v1/jobs" }, async (answer) => {
        let body = "";
        for await (const chunk of answer) body += String(chunk);
        resolve(body);
      });
      asked.on("error", reject).end();
    });
    assert.equal(text, "/v1/jobs from 127.0.0.1");
    connection.close();
    await eventually("there is none", async () =>
      link.openApi().then(
        (opened) => void opened.destroy(),
        () => true,
      ),
    );
  } finally {
    await served.close();
  }
});

test("between servers one that is gone without a word is noticed within three seconds, and calls fail", limit, async () => {
  const served = await serve(acceptor().accept, { peer: peerEnd({ holdsNode: async () => true, propose: () => new Promise(noop) }) });
  const between = await cable(served.port);
  const peers = peersOf();
  try {
    const peer = peers.at(between.address);
    assert.equal(await peer.holdsNode("x" as NodeId), true);
    const waiting = peer.propose(new Uint8Array(), "r");
    const startedMs = performance.now();
    between.cut();
    await assert.rejects(waiting, { code: "PEER_UNREACHABLE", statusCode: 503 });
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 3_500, `it took ${Math.round(tookMs)} ms`);
  } finally {
    between.remove();
    peers.close();
    await served.close();
  }
});

test("a server that comes back is reached again within a second, and while it is away who asks is refused at once", limit, async () => {
  const peer = peerEnd({ holdsNode: async () => true });
  const served = await serve(acceptor().accept, { peer });
  const peers = peersOf();
  try {
    const way = peers.at(served.address);
    assert.equal(await way.holdsNode("x" as NodeId), true);
    await served.close();
    for (let at = 0; at < 20; at++) {
      const startedMs = performance.now();
      await assert.rejects(way.holdsNode("x" as NodeId), { code: "PEER_UNREACHABLE" });
      assert.ok(performance.now() - startedMs < 1_000);
    }
    const again = await serve(acceptor().accept, { peer, port: served.port });
    try {
      const startedMs = performance.now();
      await eventually("it is reached", () => way.holdsNode("x" as NodeId).catch(() => false as const), 5_000);
      assert.ok(performance.now() - startedMs < 1_500, `${performance.now() - startedMs} ms`);
    } finally {
      await again.close();
    }
  } finally {
    peers.close();
  }
});
