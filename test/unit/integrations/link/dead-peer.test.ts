import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { eventually } from "../../../eventually.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";

/** A cable: what goes in comes out, until it is cut without either end being told. */
async function cable(to: number): Promise<{ readonly address: string; cut(): void; remove(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    remove() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("a peer that is gone without a word is noticed at both ends within ten seconds", { timeout: 30_000 }, async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  const between = await cable(served.port);
  try {
    const reasons: string[] = [];
    const connection = await linkTo([between.address]).connect(NODE, nodeEnd({ hostUsage: () => new Promise(() => undefined) }), (reason) =>
      reasons.push(reason),
    );
    await connection.heartbeat();
    const usage = assert.rejects(servers.end().services.hostUsage(), { code: "LINK_REFUSED" });
    const startedMs = performance.now();
    between.cut();
    const beat = assert.rejects(connection.heartbeat(), { code: "LINK_REFUSED" });
    await eventually("both ends notice", () => reasons.length === 1 && servers.closed.length === 1, 15_000);
    await Promise.all([usage, beat]);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 10_500, `it took ${Math.round(tookMs)} ms`);
  } finally {
    between.remove();
    await served.close();
  }
});
