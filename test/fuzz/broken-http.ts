/** Bytes that are HTTP, but not quite: what no library would send. */
import { connect } from "node:net";
import type { Chance } from "./seeded.ts";

const LINES = [
  "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n",
  "PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\nExpect: 100-continue\r\n",
  "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n",
  "GET http://evil.example/v1/jobs HTTP/1.1\r\nHost: evil.example\r\n",
  "GET * HTTP/1.1\r\nHost: localhost\r\n",
  "CONNECT localhost:4646 HTTP/1.1\r\nHost: localhost\r\n",
  "GET /v1/jobs HTTP/0.9\r\n",
  "GET /v1/jobs HTTP/1.1\r\n",
  "GET /v1/jobs HTTP/1.1\nHost: localhost\n",
  "GET /v1/jobs HTTP/1.1\r\nHost : localhost\r\n",
  "GET /v1/jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
  "GET /v1/jobs\x00 HTTP/1.1\r\nHost: localhost\r\n",
  "GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nX: \x00\x01\r\n",
  `GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n`,
  "GET /v1/client/allocation/a1/exec?task=t&command=%5B%22a%22%5D HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
  "GET /v1/client/allocation/a1/exec HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n",
  "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n",
  "\x16\x03\x01\x02\x00",
  "",
];
const TAILS = [
  "\r\n",
  "\r\n5\r\nhello\r\n0\r\n\r\n",
  "\r\nFFFFFFFFFFFFFFFFF\r\n",
  "\r\n5\r\nhel",
  "\r\n-1\r\n",
  "\r\n0\r\nTrailer: x\r\n\r\n",
  "\r\nhello",
  " folded\r\n\r\n",
  "",
];

/** Says it, sometimes cut, flipped or twice; waits for the end, but not for long. What was answered, if anything. */
export async function sayBroken(port: number, by: Chance): Promise<string> {
  const text = by.one(LINES) + by.one(TAILS);
  const bytes = Buffer.from(by.rarely(5) ? text + text : text, "latin1");
  for (let flips = by.rarely(3) ? by.below(6) : 0; flips > 0 && bytes.length > 0; flips--) bytes[by.below(bytes.length)] = by.below(256);
  const cut = by.rarely(6) ? bytes.subarray(0, by.below(bytes.length + 1)) : bytes;
  const rude = by.rarely(4);
  const { promise, resolve } = Promise.withResolvers<string>();
  let said = "";
  const socket = connect(port, "127.0.0.1");
  const late = setTimeout(() => socket.destroy(), 150);
  socket.setEncoding("latin1").on("data", (part: string) => (said += part));
  socket.on("error", () => undefined);
  socket.once("close", () => {
    clearTimeout(late);
    resolve(said);
  });
  socket.once("connect", () => {
    socket.write(cut);
    if (rude) socket.destroy();
    else socket.end();
  });
  return promise;
}
