/** What one comer can cost. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { pack, unpackFault } from "../../../../integrations/link/body.ts";
import { type Frame, frame, KIND } from "../../../../integrations/link/frame.ts";
import { CALLS, CONTROL } from "../../../../integrations/link/service.ts";
import { eventually } from "../../../eventually.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";
import { peerEnd } from "./servers.ts";

const noop = () => undefined;
const limit = { timeout: 30_000 };

function knock(port: number): Socket & { readonly ended: () => boolean } {
  const socket = connect(port, "127.0.0.1");
  let ended = false;
  socket.on("error", noop).on("close", () => (ended = true));
  socket.resume();
  return Object.assign(socket, { ended: () => ended });
}

test("more connections from one address than are allowed are refused, and one that ends makes room", limit, async () => {
  const reports: string[] = [];
  const served = await serve(acceptor().accept, { connectionsPerClientMax: 3, report: ({ message }) => reports.push(message) });
  const sockets = [knock(served.port), knock(served.port), knock(served.port)];
  try {
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    const fourth = knock(served.port);
    await eventually("the fourth is out", () => fourth.ended());
    assert.ok(sockets.every((socket) => !socket.ended()));
    assert.match(reports.join(), /there are 3 from the same address/);
    sockets[0]?.destroy();
    await eventually("there is room again", async () => {
      const connection = await linkTo([served.address])
        .connect(NODE, nodeEnd(), noop)
        .catch(() => undefined);
      connection?.close();
      return connection !== undefined;
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await served.close();
  }
});

test("who connects and says nothing is out after the time for a handshake", limit, async () => {
  const served = await serve(acceptor().accept, { handshakeTimeoutMs: 200 });
  try {
    const socket = knock(served.port);
    await eventually("it is out", () => socket.ended(), 2_000);
  } finally {
    await served.close();
  }
});

test("who begins to speak HTTP/2 and never opens a stream is out in the end", { timeout: 40_000 }, async () => {
  const served = await serve(acceptor().accept);
  try {
    const [half, whole] = [knock(served.port), knock(served.port)];
    half.write("PRI");
    whole.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0)]));
    await eventually("both are out", () => half.ended() && whole.ended(), 25_000);
  } finally {
    await served.close();
  }
});

/** A stream that has said hello. */
async function greeted(address: string, method: typeof CONTROL, hello: object) {
  const client = new Client(address, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  const heard: Frame[] = [];
  let ended = false;
  stream.on("data", (received: Frame) => heard.push(received));
  stream.on("error", () => (ended = true)).on("end", () => (ended = true));
  stream.write(frame(KIND.hello, { body: pack({ Version: 1, ...hello }) }));
  await eventually("the welcome", () => heard.some(({ kind }) => kind === KIND.welcome));
  return { stream, heard, ended: () => ended, close: () => client.close() };
}

test("parts of messages that never become whole are gathered up to a limit, however many there are", limit, async () => {
  const served = await serve(acceptor().accept);
  try {
    const { stream, ended, close } = await greeted(served.address, CONTROL, { ID: NODE.ID, SecretID: "s" });
    for (let call = 1; call <= 1_100; call++) stream.write(frame(KIND.call, { call, method: "heartbeat", more: true }));
    await eventually("it is broken off", ended);
    close();
  } finally {
    await served.close();
  }
});

test("values without credit are not kept: who sends them is broken off", limit, async () => {
  const reading = Promise.withResolvers<void>();
  const served = await serve(acceptor().accept, { peer: peerEnd({ holdsNode: () => reading.promise.then(() => true) }) });
  try {
    const { stream, ended, close } = await greeted(served.address, CALLS, {});
    stream.write(frame(KIND.call, { call: 1, method: "holdsNode", body: pack(["x"]) }));
    for (let at = 0; at < 12; at++) stream.write(frame(KIND.item, { call: 1, body: pack(new Uint8Array(60_000)) }));
    await eventually("it is broken off", ended);
    close();
  } finally {
    reading.resolve();
    await served.close();
  }
});

test("calls beyond those that may run at once are refused, the others are answered", limit, async () => {
  const held = Promise.withResolvers<void>();
  let asked = 0;
  const peer = peerEnd({ holdsNode: () => (asked++, held.promise.then(() => true)) });
  const served = await serve(acceptor().accept, { peer });
  try {
    const { stream, heard, close } = await greeted(served.address, CALLS, {});
    for (let call = 1; call <= 4_200; call++) stream.write(frame(KIND.call, { call, method: "holdsNode", body: pack(["x"]) }));
    const faults = () => heard.filter(({ kind }) => kind === KIND.fault);
    await eventually("the refusals", () => faults().length === 104);
    assert.equal(unpackFault(faults()[0]?.body as Uint8Array).code, "LINK_BUSY");
    held.resolve();
    await eventually("the answers", () => heard.filter(({ kind }) => kind === KIND.answer).length === 4_096);
    assert.equal(asked, 4_096);
    close();
  } finally {
    held.resolve();
    await served.close();
  }
});

test("a node that takes nothing is held back and then let go; others are told on", limit, async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  try {
    const slow = await greeted(served.address, CONTROL, { ID: NODE.ID, SecretID: "s" });
    slow.stream.pause();
    const end = servers.end();
    const other = nodeEnd();
    const connection = await linkTo([served.address]).connect({ ...NODE, SecretID: "t" }, other, noop);
    const allocation = { ID: "a", Description: "x".repeat(1_000_000) } as never;
    for (let at = 1; at <= 20; at++) end.allocationsChanged({ ClusterId: "c", Index: at, Complete: true, Changed: [allocation], Gone: [] });
    servers.end().allocationsChanged({ ClusterId: "c", Index: 1, Complete: true, Changed: [], Gone: [] });
    await eventually("the other has heard", () => other.heard.length === 1);
    slow.close();
    connection.close();
  } finally {
    await served.close();
  }
});

test("before there is a cluster nodes are refused, servers are answered; then both", limit, async () => {
  const servers = acceptor();
  let leading = false;
  const served = await serve(() => (leading ? servers.accept : undefined), { peer: peerEnd({ holdsNode: async () => false }) });
  try {
    await assert.rejects(linkTo([served.address]).connect(NODE, nodeEnd(), noop), /no cluster leader yet/);
    (await greeted(served.address, CALLS, {})).close();
    leading = true;
    (await linkTo([served.address]).connect(NODE, nodeEnd(), noop)).close();
  } finally {
    await served.close();
  }
});
