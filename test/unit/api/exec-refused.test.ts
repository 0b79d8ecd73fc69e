import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { openExec } from "../../../src/api/client/exec.ts";
import type { Requester } from "../../../src/api/client/requester.ts";

async function* nothing(): AsyncGenerator<never> {}

test("A command that is refused before it begins says what it would take, as every other request does", async (t) => {
  const server = createServer();
  server.on("upgrade", (_request, socket) =>
    socket.end(
      "HTTP/1.1 403 Forbidden\r\nX-Drover-Error-Code: API_DENIED\r\nX-Drover-Error-Fix: It%20needs%20alloc-node-exec.\r\nContent-Length: 17\r\n\r\nPermission denied",
    ),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ask = { address: url, socketTarget: () => ({ url, headers: {} }) } as unknown as Requester;
  await assert.rejects(openExec(ask, {} as never, "/", {}, nothing()), {
    message: "Permission denied",
    code: "API_DENIED",
    statusCode: 403,
    fix: "It needs alloc-node-exec.",
  });
});
