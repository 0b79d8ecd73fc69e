/** How a node finds a server over the network, and what it is told when it does not. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import type { Allocation, Job, Node } from "#model";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";

const noop = () => undefined;

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("an unknown version of the protocol is refused, and the error says which is spoken", async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  try {
    await assert.rejects(linkTo([served.address], { version: 99 }).connect(NODE, nodeEnd(), noop), (error: NamedError) => {
      assert.match(error.message, /version 99 .* speaks 1/);
      assert.equal(error.code, "LINK_REFUSED");
      assert.match(error.fix ?? "", /same version/);
      return true;
    });
    assert.equal(servers.connected, 0);
  } finally {
    await served.close();
  }
});

test("servers that do not answer are passed over; none at all says of each what is wrong", async () => {
  const closed = createServer();
  const nobody = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  const http = createHttpServer((_request, response) => response.end("hello"));
  const wrongPort = await listening(http);
  const servers = acceptor();
  const served = await serve(servers.accept);
  try {
    for (let count = 0; count < 4; count++) {
      const connection = await linkTo([nobody, wrongPort, served.address]).connect(NODE, nodeEnd(), noop);
      connection.close();
    }
    await assert.rejects(linkTo([nobody, wrongPort]).connect(NODE, nodeEnd(), noop), (error: NamedError) => {
      assert.equal(error.code, "LINK_REFUSED");
      assert.ok(error.message.includes(`${nobody}: nobody listens there`), error.message);
      assert.ok(error.message.includes(`${wrongPort}: `), error.message);
      assert.match(error.fix ?? "", /4647 by default/);
      return true;
    });
    await assert.rejects(linkTo([]).connect(NODE, nodeEnd(), noop), /none is known/);
  } finally {
    await served.close();
    http.closeAllConnections();
    http.close();
  }
});

test("a server that does not lead is passed over for one that does", async () => {
  const leader = acceptor();
  const follower = await serve({
    connect: async () => Promise.reject(new NamedError("LINK_REFUSED", "this server does not lead", { statusCode: 403 })),
  });
  const served = await serve(leader.accept);
  try {
    for (let count = 0; count < 4; count++) (await linkTo([follower.address, served.address]).connect(NODE, nodeEnd(), noop)).close();
    assert.equal(leader.connected, 4);
    await assert.rejects(linkTo([follower.address]).connect(NODE, nodeEnd(), noop), /this server does not lead/);
  } finally {
    await follower.close();
    await served.close();
  }
});

test("a busy port is refused by its number", async () => {
  const served = await serve(acceptor().accept);
  try {
    await assert.rejects(serve(acceptor().accept, { port: served.port }), (error: NamedError) => {
      assert.equal(error.code, "LINK_LISTEN_FAILED");
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${served.port}: the port is in use`));
      return true;
    });
  } finally {
    await served.close();
  }
});

test("a peer that takes the connection and says nothing is given up", { timeout: 20_000 }, async () => {
  const sockets = new Set<{ destroy(): void }>();
  const mute = createServer((socket) => {
    socket.on("error", noop);
    sockets.add(socket);
  });
  const address = await listening(mute);
  try {
    await assert.rejects(linkTo([address]).connect(NODE, nodeEnd(), noop), (error: NamedError) =>
      error.message.includes("no answer within"),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    mute.close();
  }
});

test("the whole set of ten thousand allocations arrives as one change while heartbeats are answered, and a shared job travels once", async () => {
  const job = { ID: "big", Name: "x".repeat(10_000) } as Job;
  const allocations = Array.from(
    { length: 10_000 },
    (_, at) => ({ ID: `a${at}`, Job: job, TaskStates: { main: { State: "running" } } }) as unknown as Allocation,
  );
  const servers = acceptor((end) => {
    end.allocationsChanged({ ClusterId: "c1", Index: 5, Complete: true, Changed: allocations, Gone: [] });
    end.allocationsChanged({
      ClusterId: "c1",
      Index: 6,
      Complete: false,
      Changed: allocations.slice(0, 1),
      Gone: allocations.map(({ ID }) => ID),
    });
  });
  const served = await serve(servers.accept);
  const end = nodeEnd();
  const connection = await linkTo([served.address]).connect(NODE, end, noop);
  try {
    await connection.register({ ...NODE } as Node);
    const waits: number[] = [];
    await eventually("both changes", async () => {
      const startedMs = performance.now();
      await connection.heartbeat();
      waits.push(performance.now() - startedMs);
      return end.heard.length === 2;
    });
    assert.deepEqual(end.heard[0]?.Changed, allocations);
    assert.equal(end.heard[0]?.Changed[9_999]?.Job, end.heard[0]?.Changed[0]?.Job);
    assert.deepEqual([end.heard[0]?.Complete, end.heard[1]?.Complete, end.heard[1]?.Gone.length], [true, false, 10_000]);
    assert.ok(Math.max(...waits) < 1_000, `a heartbeat waited ${Math.max(...waits)} ms`);
  } finally {
    connection.close();
    await served.close();
  }
});
