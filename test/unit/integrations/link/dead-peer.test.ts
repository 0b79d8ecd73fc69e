import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../../eventually.ts";
import { cable } from "./cable.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";

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
