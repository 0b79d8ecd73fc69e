/**
 * Whatever comes in at the port, the server stands: bytes that are no HTTP/2, frames that are none, and messages that mean nothing, before and after a
 * hello. Seeded: SEED=… runs one again.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { pack } from "../../../../integrations/link/body.ts";
import { encodeFrame, frame, KIND } from "../../../../integrations/link/frame.ts";
import { CALLS, CONTROL, NODE_API, SERVER_API, SERVICES } from "../../../../integrations/link/service.ts";
import type { NodeId } from "#model";
import { eventually } from "../../../eventually.ts";
import { testScale } from "../../../scale.ts";
import { openHouse } from "./house.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";
import { peerEnd, peersOf } from "./servers.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const noop = () => undefined;

/** mulberry32 */
function chance(from: number) {
  let state = from;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(fraction() * count);
  const bytes = (most: number) => Uint8Array.from({ length: below(most) }, () => below(256));
  const one = <Value>(of: readonly Value[]): Value => of[below(of.length)] as Value;
  return { below, bytes, one };
}
type Chance = ReturnType<typeof chance>;

const METHODS = [
  "register",
  "heartbeat",
  "updateAllocations",
  "propose",
  "snapshot",
  "holdsNode",
  "beat",
  "constructor",
  "__proto__",
  "",
  "é".repeat(300),
];

function anyValue({ below, bytes, one }: Chance): unknown {
  return one([
    () => null,
    () => [],
    () => [null, {}, -1],
    () => ({ Version: 1, ID: NODE.ID, SecretID: "s" }),
    () => ({ Version: 1, Ticket: "t" }),
    () => ({ Version: { toString: 1 } }),
    () => [[{ ID: 1 }], bytes(50)],
    () => "x".repeat(below(2_000)),
    () => [Array.from({ length: below(50) }, () => ({ a: { b: [] } }))],
  ])();
}

/** Sometimes what a well-behaved end would say, mostly a little off. */
function anyFrame(by: Chance): Buffer {
  const { below, bytes, one } = by;
  const body = one([
    () => pack(anyValue(by)),
    () => bytes(200),
    () => new Uint8Array(below(3_000)).fill(0x91),
    () => Uint8Array.of(0xdd, 255, 255, 255, 255),
  ])();
  const made = encodeFrame(
    frame(below(15), { call: below(40), method: one(METHODS), body, more: below(6) === 0, credit: below(2) * below(2 ** 31) }),
  );
  for (let at = below(5) - 2; at > 0; at--) made[below(made.length)] = below(256);
  return below(20) === 0 ? made.subarray(0, below(made.length)) : made;
}

test(`garbage does not bring a server down, nor stay in it (seed ${seed})`, { timeout: 120_000 * testScale() }, async () => {
  const by = chance(seed);
  const house = openHouse();
  house.authority("house");
  const tls = house.issue("house", "server.global.nomad");
  house.remove();
  const peer = peerEnd({
    holdsNode: async () => true,
    propose: async () => ({ ok: true, index: 1 }),
    // eslint-disable-next-line require-yield
    snapshot: async function* () {
      yield Uint8Array.of(1);
    },
    api: (connection) => void connection.pipe(connection),
  });
  const plain = await serve(acceptor().accept, { peer, connectionsPerClientMax: 0 });
  const secured = await serve(acceptor().accept, { peer, tls, connectionsPerClientMax: 0, upgradeMode: true });
  const tcp = () => process.getActiveResourcesInfo().filter((each) => /^TCPSocketWrap$/.test(each)).length;
  try {
    for (let at = 0; at < 40 * testScale(); at++)
      await Promise.all(Array.from({ length: 5 }, () => knockWith(by.one([plain.port, secured.port]), by)));
    for (let at = 0; at < 100 * testScale(); at++) await sayGarbage(by.one([plain.address, secured.address]), by, 100);
    const connection = await linkTo([plain.address]).connect(NODE, nodeEnd(), noop);
    await connection.heartbeat();
    connection.close();
    for (const [address, peers] of [
      [plain.address, peersOf()],
      [secured.address, peersOf({ tls })],
    ] as const) {
      assert.equal(await peers.at(address).holdsNode("x" as NodeId), true);
      peers.close();
    }
    await eventually("no connection is left", () => tcp() === 0, 20_000);
  } finally {
    await plain.close();
    await secured.close();
  }
});

async function knockWith(port: number, { bytes, below, one }: Chance): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", noop).resume();
  const start = one([
    () => new Uint8Array(),
    () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    () => Uint8Array.of(0x16, 3, 1, 2, 0, 1),
  ])();
  socket.write(start);
  for (let at = below(3); at >= 0; at--) {
    socket.write(bytes(500));
    await turn();
  }
  if (below(2) === 0) socket.destroy();
  else socket.end();
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const late = setTimeout(() => socket.destroy(), 200);
  await gone;
  clearTimeout(late);
}

/** On one connection, some streams; a hello that is good begins most of them. What was broken off is opened again. */
async function sayGarbage(address: string, by: Chance, frames: number): Promise<void> {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const streams: ReturnType<typeof open>[] = [];
  const open = () => {
    const method = by.one([CONTROL, SERVICES, NODE_API, CALLS, SERVER_API]);
    const same = (bytes: Buffer) => bytes;
    const stream = client.makeBidiStreamRequest(method.path, same, same);
    let ended = false;
    stream
      .on("error", () => (ended = true))
      .on("end", () => (ended = true))
      .resume();
    if (by.below(4) > 0) stream.write(encodeFrame(frame(KIND.hello, { body: pack({ Version: 1, ID: NODE.ID, SecretID: "s" }) })));
    return { stream, ended: () => ended };
  };
  for (let at = 0; at < frames; at++) {
    const place = by.below(5);
    if (streams[place]?.ended() !== false) streams[place] = open();
    streams[place].stream.write(anyFrame(by));
    if (at % 5 === 0) await turn();
  }
  await turn();
  for (const each of streams) each?.stream.cancel();
  client.close();
}
