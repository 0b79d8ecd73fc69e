import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { isTakenFrom, listeners, processOf, readListeners } from "../../../../integrations/cni/listeners.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const line = (address: string, state: string): string =>
  `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 10 0\n`;

test("listeners are read from the kernel's table, addresses of both families", () => {
  const read = (address: string, state = "0A") =>
    readListeners(HEAD + line(address, state)).map((each) => `${each.address} ${each.port} ${each.inode}`);
  assert.deepEqual(read("0100007F:1F90"), ["127.0.0.1 8080 4711"]);
  assert.deepEqual(read("00000000:0016"), ["0.0.0.0 22 4711"]);
  assert.deepEqual(read("00000000000000000000000000000000:0016"), [":: 22 4711"]);
  assert.deepEqual(read("0000000000000000FFFF00000200C0C0:0016"), ["192.192.0.2 22 4711"]);
  assert.deepEqual(read("B80D0120000000000000000001000000:0016"), ["2001:db8::1 22 4711"]);
  assert.deepEqual(read("0100007F:1F90", "01"), [], "a connection is no listener");
});

test("a published port takes what is sent to who listens at its address or at every one, and leaves the loopback alone", () => {
  const at = (address: string) => ({ address, port: 80, inode: "1" });
  const port = (hostIp: string, hostPort = 80) => ({ hostIp, hostPort });
  assert.ok(isTakenFrom(at("0.0.0.0"), port("10.0.0.5")));
  assert.ok(isTakenFrom(at("::"), port("10.0.0.5")));
  assert.ok(isTakenFrom(at("10.0.0.5"), port("10.0.0.5")));
  assert.ok(isTakenFrom(at("10.0.0.5"), port("")));
  assert.ok(!isTakenFrom(at("10.0.0.6"), port("10.0.0.5")));
  assert.ok(!isTakenFrom(at("127.0.0.1"), port("10.0.0.5")));
  assert.ok(!isTakenFrom(at("127.0.0.1"), port("")));
  assert.ok(!isTakenFrom(at("0.0.0.0"), port("10.0.0.5", 81)));
});

test("who listens is known by name", { skip: process.platform !== "linux" }, async (t) => {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const found = listeners().find((each) => each.port === port && each.address === "127.0.0.1");
  assert.ok(found);
  assert.match(processOf(found), new RegExp(`^process ".+" \\(${process.pid}\\)$`));
});
