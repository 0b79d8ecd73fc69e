/** Names to answers, without a socket; then the bytes; then the whole server on a loopback port, asked by dig and by itself. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { decode, encode, RECURSION_DESIRED, type RecordType } from "dns-packet";
import { createHostRandom, hostDnsEndpoint } from "#integrations/host";
import type { ServiceRegistration } from "#model";
import { answerTo, type Zone } from "../../../../src/client/dns/answer.ts";
import { ServiceDirectory } from "../../../../src/client/dns/directory.ts";
import { addressLabel, wantedBy } from "../../../../src/client/dns/names.ts";
import { startDns, type DnsServerNeeds } from "../../../../src/client/dns/server.ts";
import { readQuestion, writeReply } from "../../../../src/client/dns/wire-form.ts";

const run = promisify(execFile);

function service(index: number, fields: Partial<ServiceRegistration> = {}): ServiceRegistration {
  return {
    ID: `id-${index}`,
    ServiceName: "web",
    Namespace: "default",
    NodeID: "node",
    Datacenter: "dc1",
    JobID: "job",
    AllocID: `alloc-${index}`,
    Tags: [],
    Address: `10.0.0.${index}`,
    Port: 8000 + index,
    CreateIndex: index,
    ModifyIndex: index,
    ...fields,
  } as ServiceRegistration;
}

function directoryOf(...services: readonly ServiceRegistration[]): ServiceDirectory {
  const directory = new ServiceDirectory();
  directory.accept({ ClusterId: "c", Index: 10, Complete: true, Changed: services, Gone: [] });
  return directory;
}

function zoneOf(...services: readonly ServiceRegistration[]): Zone {
  const directory = directoryOf(...services);
  return {
    domain: "drover",
    serial: 10,
    find: (namespace, name) => directory.find(namespace, name),
    chosen: (items, most) => items.slice(0, most),
    most: 512,
  };
}

const ask = (zone: Zone, type: RecordType, name: string) => answerTo({ type, name }, zone);

test("a service is found by its name, a tag, a namespace and as RFC 2782 writes it", () => {
  for (const [question, wanted] of [
    ["web.service.drover", { kind: "service", name: "web", tag: "", namespace: "default" }],
    ["WEB.Service.DROVER.", { kind: "service", name: "web", tag: "", namespace: "default" }],
    ["v2.web.service.drover", { kind: "service", name: "web", tag: "v2", namespace: "default" }],
    ["v1.2.web.service.drover", { kind: "service", name: "web", tag: "v1.2", namespace: "default" }],
    ["web.service.prod.drover", { kind: "service", name: "web", tag: "", namespace: "prod" }],
    ["_web._tcp.service.drover", { kind: "service", name: "web", tag: "", namespace: "default" }],
    ["_web._v2.service.drover", { kind: "service", name: "web", tag: "v2", namespace: "default" }],
    ["7f000001.addr.drover", { kind: "address", address: "127.0.0.1" }],
    ["drover", { kind: "apex" }],
    ["service.drover", { kind: "nothing" }],
    ["web.drover", { kind: "nothing" }],
    ["zz.addr.drover", { kind: "nothing" }],
    ["notdrover", { kind: "foreign" }],
    ["web.service.consul", { kind: "foreign" }],
  ] as const) {
    assert.deepEqual(wantedBy(question, "drover"), wanted, question);
  }
});

test("every address comes back from its name", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6().filter((each) => !each.includes(".")),
      ),
      (address) => {
        const wanted = wantedBy(`${addressLabel(address)}.addr.drover`, "drover");
        assert.ok(wanted.kind === "address");
        assert.equal(new URL(`http://${hosted(wanted.address)}`).host, new URL(`http://${hosted(address)}`).host);
      },
    ),
  );
  assert.equal(addressLabel("example.com"), undefined);
});
const hosted = (address: string) => (address.includes(":") ? `[${address}]` : address);

test("A and AAAA answer addresses, SRV ports and targets that are answered along", () => {
  const zone = zoneOf(service(1), service(2, { Address: "fd00::2" }), service(3, { Address: "10.0.0.1", Tags: ["V2"] }));
  assert.deepEqual(
    ask(zone, "A", "web.service.drover")?.answers.map((each) => (each as { data: unknown }).data),
    ["10.0.0.1"],
  );
  assert.deepEqual(
    ask(zone, "AAAA", "web.service.drover")?.answers.map((each) => (each as { data: unknown }).data),
    ["fd00::2"],
  );
  const records = ask(zone, "SRV", "web.service.drover");
  assert.deepEqual(
    records?.answers.map((each) => (each.type === "SRV" ? [each.data.port, each.data.target, each.ttl] : [])),
    [
      [8001, "0a000001.addr.drover", 0],
      [8002, "fd000000000000000000000000000002.addr.drover", 0],
      [8003, "0a000001.addr.drover", 0],
    ],
  );
  assert.equal(records?.additionals.length, 2);
  assert.equal(ask(zone, "SRV", "v2.web.service.drover")?.answers.length, 1);
  assert.deepEqual(ask(zone, "A", "0a000001.addr.drover")?.answers.length, 1);
});

test("what is not there is the domain's word, what has no such record is empty", () => {
  const zone = zoneOf(service(1), service(4, { ServiceName: "named", Address: "db.example.com" }));
  assert.equal(ask(zone, "A", "wbe.service.drover")?.code, "NXDOMAIN");
  assert.equal(ask(zone, "A", "wbe.service.drover")?.authorities[0]?.type, "SOA");
  assert.deepEqual([ask(zone, "AAAA", "web.service.drover")?.code, ask(zone, "AAAA", "web.service.drover")?.answers], ["NOERROR", []]);
  assert.equal(ask(zone, "A", "web.service.prod.drover")?.code, "NXDOMAIN");
  assert.deepEqual(ask(zone, "A", "named.service.drover")?.answers[0], {
    type: "CNAME",
    name: "named.service.drover",
    ttl: 0,
    data: "db.example.com",
  });
  assert.equal(ask(zone, "SOA", "drover")?.answers[0]?.type, "SOA");
  assert.equal(ask(zone, "A", "example.com"), undefined);
});

test("an older word never undoes a newer one, another cluster's whole one does (F1)", () => {
  const directory = directoryOf(service(1));
  directory.accept({ ClusterId: "c", Index: 9, Complete: false, Changed: [], Gone: ["id-1"] });
  directory.accept({ ClusterId: "c", Index: 9, Complete: true, Changed: [], Gone: [] });
  directory.accept({ ClusterId: "other", Index: 20, Complete: false, Changed: [], Gone: ["id-1"] });
  assert.equal(directory.size, 1);
  directory.accept({ ClusterId: "c", Index: 11, Complete: false, Changed: [service(1, { ServiceName: "shop" })], Gone: [] });
  assert.deepEqual([directory.find("default", "web").length, directory.find("default", "SHOP").length], [0, 1]);
  directory.accept({ ClusterId: "other", Index: 2, Complete: true, Changed: [service(2)], Gone: [] });
  assert.deepEqual([directory.find("default", "shop").length, directory.find("default", "web").length], [0, 1]);
});

test("no bytes make it throw, answer an answer, or send more than fits", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const asked = readQuestion(bytes);
      if (asked !== undefined && !("malformed" in asked)) assert.equal((bytes[2] as number) & 0x80, 0);
    }),
    { numRuns: 2_000 },
  );
  const many = zoneOf(...Array.from({ length: 400 }, (_, index) => service(index, { Address: `10.1.${index >> 8}.${index & 255}` })));
  for (const [transport, datagramBytes, limit] of [
    ["udp", undefined, 512],
    ["udp", 4096, 1232],
    ["tcp", undefined, 65_535],
  ] as const) {
    const question = { type: "SRV" as const, name: "web.service.drover" };
    const asked = { id: 9, question, recursion: true, datagramBytes };
    const bytes = writeReply(asked, answerTo(question, many) as NonNullable<ReturnType<typeof answerTo>>, transport);
    assert.ok(bytes.length <= limit, `${bytes.length} bytes over ${transport}`);
    const packet = decode(Buffer.from(bytes));
    assert.equal((packet as { flag_tc?: boolean }).flag_tc, transport === "udp");
    assert.ok((packet.answers?.length ?? 0) > 5);
    if (transport === "tcp") assert.equal(packet.answers?.length, 400);
  }
});

async function served(t: TestContext, more: Partial<DnsServerNeeds> = {}) {
  const directory = directoryOf(service(1), service(2), service(3));
  const server = await startDns({
    endpoint: hostDnsEndpoint(),
    directory,
    random: createHostRandom(),
    report: () => {},
    domain: "drover",
    address: { host: "127.0.0.1", port: 0 },
    consul: () => undefined,
    ...more,
  });
  t.after(() => server.close());
  return { server, directory };
}

const dig = async (port: number, ...words: readonly string[]) =>
  (await run("dig", ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=5", ...words])).stdout;

test("dig finds instances over UDP and TCP, and their changes at once", async (t) => {
  const { server, directory } = await served(t);
  for (const how of ["+notcp", "+tcp"]) {
    const addresses = (await dig(server.port, how, "+short", "web.service.drover")).trim().split("\n").sort();
    assert.deepEqual(addresses, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    const ports = (await dig(server.port, how, "+short", "web.service.drover", "SRV")).trim().split("\n").sort();
    assert.deepEqual(ports, ["1 1 8001 0a000001.addr.drover.", "1 1 8002 0a000002.addr.drover.", "1 1 8003 0a000003.addr.drover."]);
  }
  assert.match(await dig(server.port, "no.service.drover"), /status: NXDOMAIN[\s\S]*SOA/);
  assert.match(await dig(server.port, "web.service.drover", "AAAA"), /status: NOERROR[\s\S]*ANSWER: 0/);
  directory.accept({ ClusterId: "c", Index: 11, Complete: false, Changed: [], Gone: ["id-1"] });
  assert.equal((await dig(server.port, "+short", "web.service.drover")).trim().split("\n").length, 2);
});

test("who comes first is spread over all instances", async (t) => {
  const { server } = await served(t);
  const first = new Set<string>();
  for (let round = 0; round < 60 && first.size < 3; round++) {
    const reply = await hostDnsEndpoint().ask({ host: "127.0.0.1", port: server.port }, question("web.service.drover"), "udp", 5_000);
    const answer = decode(Buffer.from(reply)).answers?.[0];
    if (answer?.type === "A") first.add(answer.data);
  }
  assert.equal(first.size, 3);
});

const question = (name: string, id = 77) => encode({ type: "query", id, flags: RECURSION_DESIRED, questions: [{ type: "A", name }] });

test(".consul goes to Consul, the rest to the machine's nameservers, and nobody waits for ever", async (t) => {
  const consul = await served(t, { domain: "consul" });
  const machine = await served(t, { domain: "example" });
  const endpoint = hostDnsEndpoint();
  const { server } = await served(t, {
    endpoint: {
      ...endpoint,
      upstreams: async () => [
        { host: "127.0.0.1", port: 1 },
        { host: "127.0.0.1", port: machine.server.port },
      ],
    },
    consul: () => ({ host: "127.0.0.1", port: consul.server.port }),
  });
  assert.equal((await dig(server.port, "+short", "web.service.consul")).trim().split("\n").length, 3);
  assert.equal((await dig(server.port, "+short", "web.service.example")).trim().split("\n").length, 3);
  assert.deepEqual(server.counts, { own: 0, forwarded: 2, failed: 0 });
  const alone = await served(t, { endpoint: { ...endpoint, upstreams: async () => [] } });
  assert.match(await dig(alone.server.port, "web.service.consul"), /status: SERVFAIL/);
  assert.match(await dig(alone.server.port, "example.com"), /status: SERVFAIL/);
});

test("junk over a connection ends it and harms nobody else; a port in use is said to be", async (t) => {
  const { server } = await served(t);
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(Buffer.from([0, 3, 1, 2, 3])));
    socket.on("error", () => {});
    socket.once("close", () => resolve());
    socket.resume();
  });
  const datagram = createSocket("udp4");
  await new Promise<void>((resolve) => {
    datagram.send(Buffer.from("junk that is no question at all"), server.port, "127.0.0.1", () => resolve());
  });
  datagram.close();
  assert.match(await dig(server.port, "+short", "web.service.drover"), /10\.0\.0\./);
  await assert.rejects(
    hostDnsEndpoint().listen({ host: "127.0.0.1", port: server.port }, async () => undefined),
    {
      code: "DNS_ADDRESS_IN_USE",
    },
  );
});

test("hostile and strange questions are refused, and those who ask next are answered", async (t) => {
  const { server } = await served(t);
  const place = { host: "127.0.0.1", port: server.port };
  const code = async (bytes: Uint8Array) => ((await hostDnsEndpoint().ask(place, bytes, "udp", 5_000))[3] as number) & 0xf;
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(question("web.service.drover"));
    change(bytes);
    return bytes;
  };
  assert.equal(await code(changed((bytes) => bytes.writeUInt16BE(3, bytes.length - 2))), 5, "CHAOS is refused");
  assert.equal(await code(changed((bytes) => bytes.writeUInt16BE(999, bytes.length - 2))), 5, "so is a class nobody knows");
  assert.equal(await code(changed((bytes) => bytes.writeUInt16BE(255, bytes.length - 2))), 0, "any class is ours, too");
  assert.equal(await code(changed((bytes) => bytes.fill(0xff, 13, 16))), 1, "a name that is no text");
  assert.equal(await code(changed((bytes) => bytes.writeUInt16BE(2, 4))), 1, "two questions");
  assert.equal(readQuestion(changed((bytes) => bytes.writeUInt8(0x81, 2))), undefined, "an answer is not answered");
  const mixed = await hostDnsEndpoint().ask(place, question("wEb.SerVice.dRover"), "udp", 5_000);
  assert.equal(decode(Buffer.from(mixed)).questions?.[0]?.name, "wEb.SerVice.dRover", "0x20: the question comes back letter for letter");
});

test("what stands in the registry and cannot be said in DNS is left out, or a failure: never more than that", async (t) => {
  const { server, directory } = await served(t);
  const odd = ["a".repeat(80), "x..y", "fe80::1%eth0", `${"a".repeat(60)}.`.repeat(6), "a b", ""];
  directory.accept({
    ClusterId: "c",
    Index: 12,
    Complete: false,
    Gone: [],
    Changed: odd.map((Address, index) => service(20 + index, { ServiceName: "odd", Address, Port: 70_000 * (index % 2) })),
  });
  for (const type of ["A", "AAAA", "SRV", "ANY"])
    assert.match(await dig(server.port, "odd.service.drover", type), /NOERROR[\s\S]*ANSWER: 0/);
  assert.match(await dig(server.port, "+short", "web.service.drover"), /10\.0\.0\./);
});

test("10,000 instances: a datagram holds what fits and says that there are more, a connection 512, and no question costs much", async (t) => {
  const { server, directory } = await served(t);
  const many = Array.from({ length: 10_000 }, (_, index) =>
    service(index, { ID: `many-${index}`, ServiceName: "many", Address: `10.2.${index >> 8}.${index & 255}` }),
  );
  // All on one machine: one address, and nothing is missing.
  const crowd = Array.from({ length: 10_000 }, (_, index) =>
    service(index, { ID: `crowd-${index}`, ServiceName: "crowd", Address: "10.9.9.9" }),
  );
  directory.accept({ ClusterId: "c", Index: 12, Complete: false, Gone: [], Changed: [...many, ...crowd] });
  assert.match(await dig(server.port, "many.service.drover", "SRV", "+ignore"), /flags: qr aa tc/);
  assert.match(await dig(server.port, "many.service.drover", "SRV", "+tcp"), /ANSWER: 512/);
  assert.match(await dig(server.port, "crowd.service.drover", "A", "+ignore"), /flags: qr aa rd[\s\S]*ANSWER: 1,/);
  directory.accept({ ClusterId: "c", Index: 13, Complete: false, Gone: [...many, ...crowd].map((each) => each.ID), Changed: [] });
  assert.equal(directory.size, 3);
});

test("a nameserver no way leads to is passed over, and the agent lives on", async (t) => {
  const machine = await served(t, { domain: "example" });
  const { server } = await served(t, {
    endpoint: {
      ...hostDnsEndpoint(),
      upstreams: async () => [
        { host: "255.255.255.255", port: 53 },
        { host: "fe80::1%none", port: 53 },
        { host: "127.0.0.1", port: machine.server.port },
      ],
    },
  });
  assert.equal((await dig(server.port, "+short", "web.service.example")).trim().split("\n").length, 3);
});

test("a question that comes back to us goes round no further", async (t) => {
  let asked = 0;
  const endpoint = hostDnsEndpoint();
  const { server } = await served(t, {
    endpoint: {
      ...endpoint,
      upstreams: async () => [{ host: "127.0.0.1", port: server.port }],
      ask: (place, bytes, transport) => {
        asked++;
        return endpoint.ask(place, bytes, transport, 200);
      },
    },
  });
  assert.match(await dig(server.port, "example.com"), /SERVFAIL/);
  assert.equal(asked, 1);
});

test("who listens on all addresses asks none of the machine's own", async () => {
  const [own] = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const named = await hostDnsEndpoint().upstreams([]);
  const others = await hostDnsEndpoint().upstreams(["0.0.0.0", "127.0.0.1", "::1"]);
  assert.ok(own !== undefined && others.length <= named.length);
  for (const { host } of others) assert.ok(!host.startsWith("127.") && host !== own.address);
});

test("who asks over a connection without listening fills no memory; half a question is not waited for long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let answered = 0;
  const listener = await hostDnsEndpoint().listen({ host: "127.0.0.1", port: 0 }, async () => {
    answered++;
    return new Uint8Array(60_000);
  });
  t.after(() => listener.close());
  const greedy = connect(listener.port, "127.0.0.1");
  greedy.on("error", () => {});
  greedy.pause();
  const asked = Buffer.concat(Array.from({ length: 5_000 }, () => Buffer.from([0, 1, 7])));
  greedy.write(asked);
  const half = connect(listener.port, "127.0.0.1", () => half.write(Buffer.from([0])));
  half.on("error", () => {});
  const closed = new Promise<void>((resolve) => void half.once("close", () => resolve()));
  half.resume();
  const other = connect(listener.port, "127.0.0.1", () => other.write(Buffer.from([0, 1, 7])));
  await new Promise<void>((resolve) => void other.once("data", () => resolve()));
  // Nothing is read: the system's own buffers are full after some megabytes, and the asker is answered no more.
  for (let before = -1; before !== answered; await new Promise((resolve) => setImmediate(resolve))) {
    before = answered;
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(answered > 1 && answered < 2_000, `${answered} answers`);
  t.mock.timers.tick(10_001);
  await closed;
  greedy.destroy();
  other.destroy();
});
