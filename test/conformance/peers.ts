/** What every maker of ports/peers.ts does. */
import assert from "node:assert/strict";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { NodeId } from "#model";
import type { PeerEnd, Peer } from "#ports";
import { NamedError } from "#std";
import { WebSocket, WebSocketServer } from "ws";
import { peerEnd } from "../unit/integrations/link/servers.ts";

export type OpenPeer = (end: PeerEnd) => Promise<{ readonly peer: Peer; close(): Promise<void> }>;

export function peersConformance(maker: string, open: OpenPeer): void {
  const each = (name: string, end: Partial<PeerEnd>, run: (peer: Peer) => Promise<void>) =>
    test(`peers (${maker}): ${name}`, { timeout: 20_000 }, async () => {
      const opened = await open(peerEnd(end));
      try {
        await run(opened.peer);
      } finally {
        await opened.close();
      }
    });

  each(
    "calls arrive with their arguments, and answers come back",
    {
      introduce: async (introduction) => ({
        ServerId: "two",
        Name: introduction.Name,
        ClusterId: introduction.ClusterId,
        ClusterKey: "key",
      }),
      propose: async (command, requestId) => ({ ok: true, index: command.length, reason: requestId }),
      beat: async (nodes) => Object.fromEntries(nodes.map((node, at) => [node, at])),
      holdsNode: async (id) => id === "one",
      keyEncryption: async (id) => (id === "known" ? Uint8Array.of(1, 2) : null),
    },
    async (peer) => {
      const introduction = { ServerId: "one", Name: "one.global", Region: "global", ClusterId: "c", Version: "1" };
      assert.deepEqual(await peer.introduce(introduction), { ServerId: "two", Name: "one.global", ClusterId: "c", ClusterKey: "key" });
      assert.deepEqual(await peer.propose(new Uint8Array(3), "r"), { ok: true, index: 3, reason: "r" });
      assert.deepEqual(await peer.beat(["a", "b"] as NodeId[]), { a: 0, b: 1 });
      assert.deepEqual([await peer.holdsNode("one" as NodeId), await peer.holdsNode("two" as NodeId)], [true, false]);
      assert.deepEqual(Buffer.from((await peer.keyEncryption("known")) ?? []), Buffer.of(1, 2));
      assert.equal(await peer.keyEncryption("unknown"), null);
    },
  );

  each(
    "a command of 8 MiB arrives whole",
    { propose: async (command) => ({ ok: true, index: command.reduce((sum, byte) => (sum * 31 + byte) % 65_537, 7) }) },
    async (peer) => {
      const command = Uint8Array.from({ length: 8 * 1024 * 1024 }, (_, at) => (at * 7919) % 251);
      const { index } = await peer.propose(command, "large");
      assert.equal(
        index,
        command.reduce((sum, byte) => (sum * 31 + byte) % 65_537, 7),
      );
    },
  );

  each(
    "a refusal keeps its code, its status and its fix",
    {
      propose: () =>
        Promise.reject(new NamedError("PEER_NOT_LEADING", "Cannot append: not the leader", { statusCode: 503, fix: "Ask 10.0.0.2." })),
    },
    async (peer) => {
      await assert.rejects(peer.propose(new Uint8Array(), "x"), { code: "PEER_NOT_LEADING", statusCode: 503, fix: "Ask 10.0.0.2." });
    },
  );

  let stopped = false;
  each(
    "a snapshot comes in order, and one that nobody reads on with is stopped at its source",
    {
      async *snapshot(atLeast) {
        try {
          for (let at = 0; at < 100 || atLeast === 0; at++) yield Buffer.alloc(32 * 1024, at % 256);
        } finally {
          stopped = true;
        }
      },
    },
    async (peer) => {
      const seen: number[] = [];
      for await (const piece of peer.snapshot(7)) seen.push(piece[0] ?? -1, piece.length);
      assert.deepEqual(seen, Array.from({ length: 100 }, (_, at) => [at, 32 * 1024]).flat());
      stopped = false;
      for await (const piece of peer.snapshot(0)) if ((piece[0] ?? 0) > 3) break;
      const untilMs = performance.now() + 5_000;
      while (!stopped && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(stopped);
    },
  );

  tunnels(maker, open);
}

function tunnels(maker: string, open: OpenPeer): void {
  test(
    `peers (${maker}): HTTP is spoken on a connection to the API, large bodies both ways, one after the other and at once`,
    { timeout: 20_000 },
    async () => {
      const server = createServer((asked, answer) => {
        answer.setHeader("x-path", asked.url ?? "");
        asked.pipe(answer);
      });
      await over(server, open, async (peer) => {
        const body = Buffer.alloc(3 * 1024 * 1024, "drover");
        const answers = await Promise.all(Array.from({ length: 5 }, (_, at) => ask(peer, `/v1/echo/${at}`, body)));
        for (const [at, { path, text }] of answers.entries()) {
          assert.equal(path, `/v1/echo/${at}`);
          assert.ok(body.equals(text));
        }
      });
    },
  );

  test(`peers (${maker}): a websocket is opened on a connection to the API`, { timeout: 20_000 }, async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(`heard ${String(data)}`)));
    await over(server, open, async (peer) => {
      const tunnel = await peer.openApi();
      const socket = new WebSocket("ws://server/v1/x", { createConnection: () => tunnel as never });
      await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
      const heard = new Promise<string>((resolve) => socket.on("message", (data) => resolve(String(data))));
      socket.send("a word");
      assert.equal(await heard, "heard a word");
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.close();
      await closed;
    });
    sockets.close();
  });

  test(`peers (${maker}): an end that says no more can still read; who is broken off is told`, { timeout: 20_000 }, async () => {
    const came: Duplex[] = [];
    const opened = await open(peerEnd({ api: (connection) => void came.push(connection) }));
    try {
      const near = await opened.peer.openApi();
      const far = await arrival(came, 0);
      near.end("the question");
      assert.equal(await textOf(far), "the question");
      far.end("the answer");
      assert.equal(await textOf(near), "the answer");

      const second = await opened.peer.openApi();
      const lost = new Promise<string>((resolve) => second.on("error", (error: NodeJS.ErrnoException) => resolve(String(error.code))));
      second.resume();
      (await arrival(came, 1)).destroy();
      assert.equal(await lost, "ECONNRESET");

      const third = await opened.peer.openApi();
      const other = await arrival(came, 2);
      const gone = new Promise<string>((resolve) => other.on("error", (error: NodeJS.ErrnoException) => resolve(String(error.code))));
      other.resume();
      third.destroy();
      assert.equal(await gone, "ECONNRESET");
    } finally {
      await opened.close();
    }
  });

  test(`peers (${maker}): who does not read holds back who writes, and nobody else`, { timeout: 20_000 }, async () => {
    const came: Duplex[] = [];
    const opened = await open(peerEnd({ api: (connection) => void came.push(connection), holdsNode: async () => true }));
    try {
      const near = await opened.peer.openApi();
      const far = await arrival(came, 0);
      let taken = 0;
      const piece = Buffer.alloc(64 * 1024, 1);
      const write = () =>
        near.write(piece, (error) => (error ? undefined : ((taken += piece.length), void (taken < 64 * 1024 * 1024 && write()))));
      write();
      let before = -1;
      while (before !== taken) {
        before = taken;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(taken < 4 * 1024 * 1024, `${taken} bytes were taken that nobody reads`);
      const other = await opened.peer.openApi();
      const otherFar = await arrival(came, 1);
      other.end("passes");
      assert.equal(await textOf(otherFar), "passes");
      assert.equal(await opened.peer.holdsNode("x" as NodeId), true);
      // Once it is read, it flows again.
      let read = 0;
      far.on("data", (data: Buffer) => (read += data.length));
      const untilMs = performance.now() + 5_000;
      while (read < 2 * before && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(read >= 2 * before);
    } finally {
      await opened.close();
    }
  });
}

async function arrival(came: readonly Duplex[], at: number): Promise<Duplex> {
  const untilMs = performance.now() + 5_000;
  while (came[at] === undefined && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5));
  return came[at] as Duplex;
}

async function textOf(stream: Duplex): Promise<string> {
  let text = "";
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) text += String(chunk);
  return text;
}

async function over(server: Server, open: OpenPeer, run: (peer: Peer) => Promise<void>): Promise<void> {
  const opened = await open(peerEnd({ api: (connection) => void server.emit("connection", connection) }));
  try {
    await run(opened.peer);
  } finally {
    server.closeAllConnections();
    await opened.close();
  }
}

async function ask(peer: Peer, path: string, body: Buffer): Promise<{ readonly path: string; readonly text: Buffer }> {
  const tunnel = await peer.openApi();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ createConnection: () => tunnel, method: "PUT", path, headers: { "content-length": body.length } }, resolve);
    asked.on("error", reject);
    asked.end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { path: String(answer.headers["x-path"]), text: Buffer.concat(chunks) };
}
