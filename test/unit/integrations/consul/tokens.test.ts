/** Logins at a Consul that takes its time. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { consulConnection } from "../../../../integrations/consul/connection.ts";
import { consulTokens } from "../../../../integrations/consul/tokens.ts";

test("A login is waited for longer than other requests: one that is given up leaves a token that nobody knows", async (t) => {
  const timeoutMs = 100;
  const server = createServer((request, response) => {
    request.resume();
    setTimeout(() => response.end(JSON.stringify({ AccessorID: "a", SecretID: "s" })), 5 * timeoutMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = consulConnection({
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: "",
    auth: "",
    timeoutMs,
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
  });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  const tokens = consulTokens({ connection, methods: { service: "m", task: "m" } });
  const made = await tokens.exchange({ jwt: "j", kind: "task", description: {} });
  assert.deepEqual(made, { AccessorID: "a", SecretID: "s", expiresAtMs: null });
  await assert.rejects(tokens.known("s"), { code: "TOKEN_UNREACHABLE", message: /no answer within 100 ms/ });
});
