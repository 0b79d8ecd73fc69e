/** Who is let in where TLS is on, what the others are told, and what happens when certificates are replaced. */
import assert from "node:assert/strict";
import { connect as connectTls } from "node:tls";
import { after, before, test } from "node:test";
import { expiryWarnings, type LinkTls, type ServedLink } from "#integrations/link";
import type { NodeId } from "#model";
import { NamedError } from "#std";
import { openHouse, type House } from "./house.ts";
import { acceptor, linkTo, NODE, nodeEnd, serve } from "./parts.ts";
import { peerEnd, peersOf } from "./servers.ts";

const noop = () => undefined;
const limit = { timeout: 20_000 };

let house: House;
let server: LinkTls;
let client: LinkTls;
before(() => {
  house = openHouse();
  for (const name of ["house", "stranger", "next"]) house.authority(name);
  server = house.issue("house", "server.global.nomad");
  client = house.issue("house", "client.global.nomad");
});
after(() => house.remove());

interface World {
  readonly address: string;
  readonly reports: string[];
  readonly fixes: string[];
  readonly servers: ReturnType<typeof acceptor>;
  readonly reload: ServedLink["reload"];
}

async function serving(tls: LinkTls | undefined, run: (world: World) => Promise<void>, upgradeMode = false): Promise<void> {
  const servers = acceptor();
  const reports: string[] = [];
  const fixes: string[] = [];
  const served = await serve(servers.accept, {
    ...(tls === undefined ? {} : { tls }),
    upgradeMode,
    peer: peerEnd({ holdsNode: async () => true }),
    report: ({ message, fields }) => void (reports.push(message), fixes.push(String(fields["fix"] ?? ""))),
  });
  try {
    await run({ address: served.address, reports, fixes, servers, reload: (...by) => served.reload(...by) });
  } finally {
    await served.close();
  }
}

const connecting = (address: string, tls?: LinkTls) => linkTo([address], tls === undefined ? {} : { tls }).connect(NODE, nodeEnd(), noop);

async function asking(address: string, tls?: LinkTls): Promise<boolean> {
  const peers = peersOf(tls === undefined ? {} : { tls });
  try {
    return await peers.at(address).holdsNode("x" as NodeId);
  } finally {
    peers.close();
  }
}

async function refusal(of: Promise<unknown>): Promise<string> {
  const thrown = await of.then(
    () => assert.fail("it was let in"),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof NamedError);
  assert.ok(thrown.fix !== undefined && thrown.fix !== "", thrown.message);
  return `${thrown.code} ${thrown.message}`;
}

test("nodes and servers with the house's certificates are let in; the second connection and tunnels too", limit, async () => {
  await serving(server, async ({ address, servers }) => {
    const connection = await linkTo([address], { tls: client }).connect(
      NODE,
      nodeEnd({ hostUsage: async () => ({ Uptime: 1 }) as never }),
      noop,
    );
    assert.deepEqual(await servers.end().services.hostUsage(), { Uptime: 1 });
    connection.close();
    (await connecting(address, server)).close();
    assert.equal(await asking(address, server), true);
  });
});

test("who may not come in is told why, and so is the log with how to mend it", limit, async () => {
  const cases: readonly (readonly [string, LinkTls, RegExp])[] = [
    ["wrong CA", { ...house.issue("stranger", "client.global.nomad"), ca: server.ca }, /not signed by the CA of this cluster/],
    ["expired", house.issue("house", "client.global.nomad", { past: true }), /certificate has expired/],
    ["other region", house.issue("house", "client.eu.nomad"), /is for client\.eu\.nomad, wanted is /],
    ["other role", house.issue("house", "cli.global.nomad"), /is for cli\.global\.nomad, wanted is /],
    ["no role", house.issue("house", "somebody.example"), /is for no name of servers or nodes/],
  ];
  for (const [what, tls, words] of cases)
    await serving(server, async ({ address, reports, fixes, servers }) => {
      assert.match(await refusal(connecting(address, tls)), words, what);
      assert.match(await refusal(asking(address, tls)), words, what);
      assert.ok(
        reports.some((each) => words.test(each)),
        `${what}: ${reports.join()}`,
      );
      assert.ok(fixes.every((each) => each.length > 10));
      assert.equal(servers.connected, 0);
    });
});

test("a node's certificate does not make a server", limit, async () => {
  await serving(server, async ({ address }) => {
    assert.match(
      await refusal(asking(address, client)),
      /PEER_UNREACHABLE .*is for client\.global\.nomad, wanted is server\.global\.nomad/,
    );
  });
});

test(
  "names are not demanded where verify_server_hostname is off, but what they say is believed; a server's always are",
  limit,
  async () => {
    const loose = { ...server, verifyServerHostname: false };
    await serving(loose, async ({ address }) => {
      (await connecting(address, house.issue("house", "somebody.example", { verify: false }))).close();
      assert.match(await refusal(connecting(address, house.issue("house", "client.eu.nomad", { verify: false }))), /client\.eu\.nomad/);
      assert.match(await refusal(asking(address, house.issue("house", "somebody.example", { verify: false }))), /no name of servers/);
    });
  },
);

test("a node is not taken in by who is no server: a node's certificate, another CA, another region, an expired one", limit, async () => {
  const cases: readonly (readonly [LinkTls, RegExp])[] = [
    [client, /is for client\.global\.nomad, wanted is server\.global\.nomad/],
    [house.issue("stranger", "server.global.nomad"), /not signed by the CA/],
    [house.issue("house", "server.eu.nomad"), /is for server\.eu\.nomad/],
    [house.issue("house", "server.global.nomad", { past: true }), /certificate has expired/],
  ];
  for (const [tls, words] of cases)
    await serving(tls, async ({ address, servers }) => {
      assert.match(await refusal(connecting(address, client)), words);
      assert.equal(servers.connected, 0);
    });
});

test("without TLS on a port that demands it, and with TLS on one that has none: both are told", limit, async () => {
  await serving(server, async ({ address, reports }) => {
    assert.match(await refusal(connecting(address)), /speaks without TLS, and this server demands it/);
    assert.match(await refusal(asking(address)), /speaks without TLS/);
    assert.ok(reports.some((each) => /without TLS/.test(each)));
  });
  await serving(undefined, async ({ address, reports }) => {
    assert.match(await refusal(connecting(address, client)), /does not speak TLS there/);
    assert.ok(reports.some((each) => /speaks TLS, and this server does not/.test(each)));
  });
});

test("who shows no certificate is told that it needs one", limit, async () => {
  await serving(server, async ({ address, reports }) => {
    const [host = "", port = ""] = address.split(":");
    const socket = connectTls({ host, port: Number(port), ca: server.ca, servername: "server.global.nomad", ALPNProtocols: ["h2"] });
    socket.on("error", noop).resume();
    await new Promise((resolve) => socket.once("close", resolve));
    assert.ok(
      reports.some((each) => /it shows no certificate/.test(each)),
      reports.join(),
    );
  });
});

test("while a cluster is changed over both are let in, a bad certificate is not", limit, async () => {
  await serving(
    server,
    async ({ address }) => {
      (await connecting(address)).close();
      (await connecting(address, client)).close();
      assert.deepEqual([await asking(address), await asking(address, server)], [true, true]);
      assert.match(await refusal(asking(address, client)), /wanted is server/);
    },
    true,
  );
});

test("a new CA comes in while everybody goes on: old and new together, then the new alone", limit, async () => {
  const both = Buffer.concat([server.ca, house.authority("next")]);
  const nextServer = house.issue("next", "server.global.nomad");
  const nextClient = house.issue("next", "client.global.nomad");
  await serving(server, async ({ address, reload }) => {
    const standing = await connecting(address, client);
    assert.match(await refusal(connecting(address, { ...nextClient, ca: both })), /not signed by the CA/);
    reload({ ...server, ca: both });
    (await connecting(address, { ...nextClient, ca: both })).close();
    const node = linkTo([address], { tls: { ...client, ca: both } });
    (await node.connect(NODE, nodeEnd(), noop)).close();
    reload({ ...nextServer, ca: both });
    (await node.connect(NODE, nodeEnd(), noop)).close();
    node.reload({ ...nextClient, ca: both });
    reload(nextServer);
    (await node.connect(NODE, nodeEnd(), noop)).close();
    assert.match(await refusal(connecting(address, { ...client, ca: both })), /not signed by the CA/);
    assert.equal((await standing.heartbeat()).HeartbeatTtlMs, 10_000);
    assert.throws(() => reload({ ...nextServer, key: client.key }), { code: "LINK_TLS_INVALID" });
    (await connecting(address, nextClient)).close();
    standing.close();
  });
});

test("TLS is turned on and off while everybody goes on", limit, async () => {
  await serving(undefined, async ({ address, reload }) => {
    const node = linkTo([address]);
    const standing = await node.connect(NODE, nodeEnd(), noop);
    reload(server, true);
    (await connecting(address)).close();
    (await connecting(address, client)).close();
    reload(server, false);
    assert.match(await refusal(connecting(address)), /speaks without TLS/);
    const peers = peersOf({ tls: server });
    assert.equal(await peers.at(address).holdsNode("x" as NodeId), true);
    reload(undefined);
    assert.match(await refusal(connecting(address, client)), /does not speak TLS there/);
    assert.equal(await peers.at(address).holdsNode("x" as NodeId), true);
    peers.close();
    assert.equal((await standing.heartbeat()).HeartbeatTtlMs, 10_000);
    node.reload(client);
    node.reload(undefined);
    (await node.connect(NODE, nodeEnd(), noop)).close();
    standing.close();
  });
});

test("what expires within thirty days is said, and what has expired", () => {
  const nowMs = Date.now();
  assert.match(expiryWarnings(server, nowMs).join("\n"), /cert_file \}.*server\.global\.nomad.* expires in [12] days[^]*CA of .*CN=house/);
  assert.match(expiryWarnings(server, nowMs + 5 * 86_400_000).join("\n"), /has expired/);
  assert.deepEqual(expiryWarnings(server, nowMs - 40 * 86_400_000), []);
  assert.equal(expiryWarnings({ ca: Buffer.concat([server.ca, client.ca]), cert: Buffer.from("nothing") }, nowMs).length, 2);
});
