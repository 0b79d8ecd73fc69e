/**
 * Whatever comes in at the port, the server stands: bytes that are no HTTP/2, frames that are none, and messages that mean nothing, before and after a
 * hello, plain and under TLS. Seeded: FUZZ_SEED=… runs one again. test/fuzz/link.test.ts says the same to the whole program.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "#model";
import { eventually } from "../../../eventually.ts";
import { knockWith, sayGarbage } from "../../../fuzz/link-garbage.ts";
import { chance, SEED as seed } from "../../../fuzz/seeded.ts";
import { testScale } from "../../../scale.ts";
import { openHouse } from "./house.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";
import { peerEnd, peersOf } from "./servers.ts";

const noop = () => undefined;

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
