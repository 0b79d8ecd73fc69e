/** Who asks says so in a header, once or twice. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { tokenOf } from "../../../src/api/server/token.ts";

test("a token sent twice, as the Java SDK does, is that token", async (context) => {
  const server = createServer((request, response) => response.end(`token=${tokenOf(request.headers)}.`));
  context.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const head = ["GET / HTTP/1.1", "Host: x", "X-Nomad-Token: one", "X-Nomad-Token: one", "Connection: close", "", ""];
  socket.end(head.join("\r\n"));
  let text = "";
  for await (const piece of socket.setEncoding("utf8")) text += piece;
  assert.match(text, /token=one\./);
});

test("the first of several tokens counts, an empty one gives way to Authorization, and no header is no token", () => {
  assert.equal(tokenOf({ "x-nomad-token": "a, b" }), "a");
  assert.equal(tokenOf({ "x-nomad-token": ["c", "d"] }), "c");
  assert.equal(tokenOf({ "x-nomad-token": "", authorization: "Bearer e" }), "e");
  assert.equal(tokenOf({ "x-nomad-token": " f " }), "f");
  assert.equal(tokenOf({}), "");
});
