/** What nobody who speaks the link would say on it: bytes that are no HTTP/2, frames that are none, messages that mean nothing, before and after a hello. */
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { pack } from "../../integrations/link/body.ts";
import { encodeFrame, frame, KIND } from "../../integrations/link/frame.ts";
import { CALLS, CONTROL, NODE_API, SERVER_API, SERVICES } from "../../integrations/link/service.ts";
import type { Chance } from "./seeded.ts";

const noop = () => undefined;
export const FUZZ_NODE = { ID: "11111111-2222-4333-8444-555555555555", SecretID: "s" };

const METHODS = [
  "register",
  "heartbeat",
  "updateAllocations",
  "signIdentities",
  "services",
  "upsertServices",
  "readVariable",
  "takeTurn",
  "unseal",
  "verifyIdentity",
  "introduce",
  "propose",
  "snapshot",
  "holdsNode",
  "keyEncryption",
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
    () => ({ Version: 1, ...FUZZ_NODE }),
    () => ({ Version: 1, Ticket: "t" }),
    () => ({ Version: { toString: 1 } }),
    () => [[{ ID: 1 }], bytes(50)],
    () => [{ type: one(["job-register", "node-status", "leadership", "nothing", "__proto__"]), Job: { ID: "x" } }, "request"],
    () => [[{ ID: "x", Namespace: "default", ClientStatus: "running" }]],
    () => [{ ServerId: "x", Name: "y", Region: "global", ClusterId: "", Version: "0.1.0" }],
    () => "x".repeat(below(2_000)),
    () => [Array.from({ length: below(50) }, () => ({ a: { b: [] } }))],
  ])();
}

/** Sometimes what a well-behaved end would say, mostly a little off. */
export function anyFrame(by: Chance): Buffer {
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

/** One connection that does not speak it at all. */
export async function knockWith(port: number, { bytes, below, one }: Chance): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", noop).resume();
  // Asked for now: the far end may hang up while we still speak.
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
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
  const late = setTimeout(() => socket.destroy(), 200);
  await gone;
  clearTimeout(late);
}

/** On one connection, some streams; a hello that is good begins most of them. What was broken off is opened again. */
export async function sayGarbage(address: string, by: Chance, frames: number): Promise<void> {
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
    if (by.below(4) > 0) stream.write(encodeFrame(frame(KIND.hello, { body: pack({ Version: 1, ...FUZZ_NODE }) })));
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
