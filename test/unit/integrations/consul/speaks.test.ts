import assert from "node:assert/strict";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { speaks } from "../../../../integrations/consul/speaks.ts";

const ENDPOINT = { tls: false, ca: "", serverName: "", datacenter: "dc1", nodeName: "n", httpAddress: "" };
const never = () => new AbortController().signal;

async function listening(t: TestContext, server: Server): Promise<{ host: string; port: number }> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    for (const each of open) each.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

test("a server of HTTP/2 speaks", async (t) => {
  const at = await listening(t, createHttp2Server() as unknown as Server);
  assert.equal(await speaks({ ...ENDPOINT, ...at }, never()), true);
});

test("one that takes the connection and says nothing does not, and is given up when time is over", async (t) => {
  const taken = Promise.withResolvers<void>();
  const at = await listening(
    t,
    createServer(() => taken.resolve()),
  );
  const ended = new AbortController();
  const answer = speaks({ ...ENDPOINT, ...at }, ended.signal);
  await taken.promise;
  ended.abort();
  assert.equal(await answer, false);
});

test("one that hangs up, and nobody at all, do not", async (t) => {
  const rude = createServer((socket) => socket.destroy());
  const at = await listening(t, rude);
  assert.equal(await speaks({ ...ENDPOINT, ...at }, never()), false);
  await new Promise((resolve) => rude.close(resolve));
  assert.equal(await speaks({ ...ENDPOINT, ...at }, never()), false);
});

test("who asks when time is over already is told no", async () => {
  assert.equal(await speaks({ ...ENDPOINT, host: "127.0.0.1", port: 1 }, AbortSignal.abort()), false);
});
