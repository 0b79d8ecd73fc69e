/** Private Consuls on machines of their own: they come together, outlive what started them, and heal (F25). */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { GossipKeys, JoinOutcome, ServerMember } from "#ports";
import { toolPath } from "../../scripts/tool-path.ts";
import { makeAuthority, type Authority } from "./parts/certificates.ts";
import { startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import type { PrivateConsulOrders } from "./parts/private-consul-process.ts";
import { eventually } from "./real-agent.ts";

const PROCESS = join(import.meta.dirname, "parts", "private-consul-process.ts");

const ALL = "s1.global alive, s2.global alive, s3.global alive";

class Server {
  readonly machine: ClusterMachine;
  readonly serverId = randomUUID();
  readonly #more: Partial<PrivateConsulOrders>;
  process: MachineProcess | undefined;

  constructor(machine: ClusterMachine, more: Partial<PrivateConsulOrders> = {}) {
    this.machine = machine;
    this.#more = more;
  }

  get directory(): string {
    return join(this.machine.folder, "data", "server", "consul");
  }

  /** Everything as it is now: addresses too. */
  start(retryJoin: readonly string[], more: Partial<PrivateConsulOrders> = {}): MachineProcess {
    const { name, address } = this.machine;
    const orders: PrivateConsulOrders = {
      directory: this.directory,
      binary: toolPath("consul"),
      searchPath: "",
      name,
      region: "global",
      bind: address,
      advertise: address,
      ports: { serf: 4648, rpc: 4649 },
      bootstrapExpect: 3,
      encrypt: "",
      serverId: this.serverId,
      rejoinAfterLeave: false,
      retryJoin,
      retryIntervalMs: 1000,
      version: "0.1.0",
      foreign: [],
      ...this.#more,
      ...more,
    };
    this.process = this.machine.start(process.execPath, [PROCESS, JSON.stringify(orders)]);
    return this.process;
  }

  async ask<T>(path: string): Promise<T> {
    const answer = await this.machine.request(path, { timeoutMs: 6000 });
    if (answer.status !== 200) throw new Error(`${this.machine.name} ${path}: ${answer.text}`);
    return answer.json<T>();
  }

  async tries(path: string): Promise<boolean> {
    return this.ask(path).then(
      () => true,
      () => false,
    );
  }

  statuses = async (): Promise<string> =>
    (await this.ask<ServerMember[]>("/members")).map(({ Name, Status }) => `${Name} ${Status}`).join(", ");
}

/** From the call to the first write that is there: milliseconds. */
async function writable(server: Server, what: string, limitMs = 30_000): Promise<number> {
  const started = performance.now();
  await eventually(what, () => server.tries(`/put?key=k&value=${encodeURIComponent(what)}`), limitMs).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${server.process?.output()}\n${logOf(server).slice(-4000)}`);
  });
  return performance.now() - started;
}

function logOf(server: Server): string {
  const log = join(server.directory, "consul.log");
  return existsSync(log) ? readFileSync(log, "utf8") : "";
}

async function three(
  t: TestContext,
  more: Partial<PrivateConsulOrders> = {},
): Promise<{ world: ClusterWorld; servers: [Server, Server, Server] }> {
  const world = await startClusterWorld(t, { machines: 3 });
  const servers = world.machines.map((machine) => new Server(machine, more)) as [Server, Server, Server];
  const addresses = world.machines.map(({ address }) => address);
  for (const server of servers) server.start(addresses);
  await Promise.all(servers.map((server) => writable(server, "three come together")));
  for (const server of servers) await eventually(`${server.machine.name} to see all`, async () => (await server.statuses()) === ALL);
  return { world, servers };
}

test("three private Consuls come together, say who is there, outlive their Drovers, and heal when every address changes", async (t) => {
  const { world, servers } = await three(t);
  const [s1, s2, s3] = servers;

  await t.test("only gossip and RPC listen; the API is a socket for its owner alone", async () => {
    const listening = await s1.machine.host.must("ss", "-Hlntu");
    const ports = [...listening.matchAll(/:(\d+)\s+\S+:\*/g)].map(([, port]) => Number(port));
    assert.deepEqual([...new Set(ports)].filter((port) => [4648, 4649].includes(port)).toSorted(), [4648, 4649]);
    assert.deepEqual(
      [...listening.matchAll(/\S+:(8[0-9]{3})\s/g)].map(([, port]) => port),
      [],
    );
    assert.equal(statSync(join(s1.directory, "http.sock")).mode & 0o777, 0o600);
    assert.equal(statSync(s1.directory).mode & 0o777, 0o700);
  });

  await t.test("members carry ids, addresses and versions", async () => {
    // The catalog knows a moment later than gossip.
    const ask = (): Promise<ServerMember[]> => s1.ask<ServerMember[]>("/members");
    await eventually("versions of all", async () => (await ask()).every(({ Version }) => Version !== ""));
    const members = await ask();
    assert.deepEqual(
      members.map(({ ServerId, RpcAddress, HttpAddress, Version, Voter, Port }) => [
        ServerId,
        RpcAddress,
        HttpAddress,
        Version,
        Voter,
        Port,
      ]),
      servers.map(({ serverId, machine }) => [serverId, `${machine.address}:4647`, `${machine.address}:4646`, "0.1.0", true, 4648]),
    );
    assert.ok((await s1.ask<string[]>("/introduced")).every((address) => address.endsWith(":4647")));
    assert.ok(!(await s1.ask<string[]>("/introduced")).includes(`${s1.machine.address}:4647`), "a server is not introduced to itself");
  });

  await t.test("a Drover that is killed loses no Consul, and the next one adopts it; one that hangs is shown failed", async () => {
    const before = await s2.ask<number>("/pid");
    await s2.process?.kill9();
    await eventually("s2 to be shown failed", async () => (await s1.statuses()).includes("s2.global failed"), 10_000);
    s2.start([s1.machine.address]);
    await eventually("s2 to answer", () => s2.tries("/pid"));
    assert.equal(await s2.ask<number>("/pid"), before);
    await eventually("s2 to be alive again", async () => (await s1.statuses()).includes("s2.global alive"));
    s3.process?.stop();
    await eventually("s3, which hangs, to be shown failed", async () => (await s1.statuses()).includes("s3.global failed"), 10_000);
    s3.process?.cont();
    await eventually("s3 to be alive again", async () => (await s1.statuses()).includes("s3.global alive"));
  });

  await t.test("a Consul that dies is started again, and that is told", async () => {
    const before = await s3.ask<number>("/pid");
    process.kill(before, "SIGKILL");
    await eventually("another Consul", async () => (await s3.ask<number>("/pid")) !== before && (await s3.tries("/get?key=k")));
    assert.match(s3.process?.output() ?? "", /the private Consul \(process \d+\) has ended/);
    assert.match(s3.process?.output() ?? "", /the private Consul \(process \d+\) runs again/);
  });

  await t.test("power fails for the one whose Consul leads: the others write again within seconds", async () => {
    const leader = await s1.ask<string>("/leader");
    const gone = servers.find(({ machine }) => leader.startsWith(`${machine.address}:`)) as Server;
    const [left] = servers.filter((server) => server !== gone) as [Server, Server];
    await gone.machine.kill9();
    const took = await writable(left, "without the leader", 15_000);
    t.diagnostic(`machine of Consul's leader killed: writable after ${Math.round(took)} ms`);
    gone.start([left.machine.address]);
    await eventually("it to be back", async () => (await left.statuses()) === ALL);
  });

  await t.test("all addresses change: writable again within 30 s, with everything kept (F25)", async () => {
    await s1.ask("/put?key=kept&value=yes");
    await Promise.all(servers.map(({ machine }) => machine.kill9()));
    for (const { machine } of servers) await machine.readdress();
    const addresses = world.machines.map(({ address }) => address);
    for (const server of servers) server.start(addresses);
    const took = await writable(s1, "all at new addresses");
    t.diagnostic(`3 of 3 moved: writable after ${Math.round(took)} ms`);
    assert.equal((await s2.ask<unknown[]>("/get?key=kept")).length, 1);
    await eventually("members at their new addresses", async () =>
      (await s1.ask<ServerMember[]>("/members")).every(
        ({ RpcAddress, Status }, index) => Status === "alive" && RpcAddress === `${addresses[index]}:4647`,
      ),
    );
  });

  await t.test("one leaves for good: the others go on without it, and forget it when told to", async () => {
    await s3.ask("/leave");
    await eventually("s3 to have left", async () => (await s1.statuses()).includes("s3.global left"));
    await writable(s1, "without the one that left");
    await s1.ask("/force-leave?name=s3.global&prune");
    assert.ok(!(await s1.statuses()).includes("s3"));
    await s1.ask("/force-leave?name=nobody.global");
  });

  await t.test("quorum is lost: nobody is told a lie; one goes on after it was told so", async () => {
    await s2.machine.kill9();
    await eventually("no more writes", async () => !(await s1.tries("/put?key=k&value=2")));
    assert.match(await s1.statuses(), /s1.global alive/, "members are known without a leader");
    await s1.ask("/recover").catch(() => undefined);
    await writable(s1, "after recovery");
    assert.equal((await s1.ask<unknown[]>("/get?key=kept")).length, 1);
  });
  await world.remove();
});

test("a Consul that hangs is ended and started again, by its Drover or the next one; one that hangs for less is let be", async (t) => {
  const world = await startClusterWorld(t, { machines: 1 });
  const server = new Server(world.machines[0] as ClusterMachine, { bootstrapExpect: 1, silentMs: 6_000 });
  server.start([]);
  await writable(server, "alone");
  await server.ask("/put?key=kept&value=yes");
  const first = await server.ask<number>("/pid");
  const consuls = async () => (await server.machine.pids()).filter(isConsul);

  await t.test("for less than the limit", async () => {
    process.kill(first, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    process.kill(first, "SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    assert.equal(await server.ask<number>("/pid"), first);
    assert.doesNotMatch(server.process?.output() ?? "", /answered nothing/);
  });

  await t.test("for longer", async () => {
    const stoppedAtMs = performance.now();
    process.kill(first, "SIGSTOP");
    let most = 0;
    await eventually("another Consul that answers", async () => {
      most = Math.max(most, (await consuls()).length);
      return (await server.ask<number>("/pid")) !== first && (await server.tries("/get?key=k"));
    });
    t.diagnostic(`hung for good: another one answers after ${Math.round(performance.now() - stoppedAtMs)} ms, at a limit of 6000`);
    assert.equal(most, 1);
    assert.match(server.process?.output() ?? "", new RegExp(`process ${first}\\) lives and has answered nothing for 6 s; it is ended`));
    assert.equal((await server.ask<unknown[]>("/get?key=kept")).length, 1);
  });

  await t.test("when its Drover is gone, the next one finds it", async () => {
    const second = await server.ask<number>("/pid");
    await server.process?.kill9();
    process.kill(second, "SIGSTOP");
    server.start([]);
    await eventually("it to answer again", () => server.tries("/get?key=k"), 60_000);
    assert.notEqual(await server.ask<number>("/pid"), second);
    assert.deepEqual((await consuls()).length, 1);
    assert.match(server.process?.output() ?? "", /does not answer; it is started anew/);
  });
  await world.remove();
});

test("with TLS and a key of gossip: certificates of servers are enough, ACLs deny everybody else, keys and tokens are rotated", async (t) => {
  const world = await startClusterWorld(t, { machines: 3 });
  const authority = makeAuthority(join(world.folder, "ca"));
  const encrypt = randomBytes(32).toString("base64");
  const servers = world.machines.map((machine) => new Server(machine, { encrypt, tls: certificateOf(authority, machine.name, "server") }));
  const [s1, s2, s3] = servers as [Server, Server, Server];
  const addresses = world.machines.map(({ address }) => address);
  s1.start(addresses);
  s2.start(addresses);
  // A node's certificate is of the same authority, and makes no server of it.
  s3.start(addresses, { tls: certificateOf(authority, "node", "client") });
  await eventually("s1 and s2 to know each other", async () => (await s1.statuses()).includes("s2.global alive"));
  await eventually("s3 in gossip", async () => (await s1.statuses()).includes("s3.global alive"));
  assert.equal(await s3.tries("/put?key=k&value=1"), false);
  await s3.machine.kill9();
  s3.start(addresses);
  await Promise.all(servers.map((server) => writable(server, "three with TLS come together")));

  const socket = join(s1.directory, "http.sock");
  const denied = await s1.machine.host.run("curl", ["-s", "--unix-socket", socket, "-X", "PUT", "-d", "1", "http://x/v1/kv/k"]);
  assert.match(denied.stdout, /Permission denied/);

  certificateOf(authority, "s1", "server");
  await s1.ask("/reload");
  await writable(s1, "with its new certificate");

  const next = randomBytes(32).toString("base64");
  await s1.ask(`/key?change=install&key=${encodeURIComponent(next)}`);
  await s1.ask(`/key?change=use&key=${encodeURIComponent(next)}`);
  const keys = await s1.ask<GossipKeys>("/keys");
  assert.equal(keys.Members, 3);
  assert.deepEqual(keys.PrimaryKeys, { [next]: 3 });
  assert.deepEqual(keys.Keys, { [encrypt]: 3, [next]: 3 });
  // Its configuration is rolled over: the token that goes with the new key is there already.
  await s2.process?.kill9();
  s2.start(addresses, { encrypt: next });
  await writable(s2, "on the new key");
  await s2.ask(`/key?change=remove&key=${encodeURIComponent(encrypt)}`);
  assert.deepEqual((await s2.ask<GossipKeys>("/keys")).Keys, { [next]: 3 });
  await world.remove();
});

test("what is wrong is said: no program, a port that is taken, a foreign cluster, gossip that is not encrypted", async (t) => {
  const world = await startClusterWorld(t, { machines: 2 });
  const [s1, s2] = world.machines.map((machine) => new Server(machine, { bootstrapExpect: 1 })) as [Server, Server];

  const missing = s1.start([], { binary: "", searchPath: "/nowhere" });
  assert.equal(await missing.ended, 1);
  assert.match(missing.output(), /CONSUL_BINARY_MISSING .*no program "consul" is on PATH.*consul \{ address \}/s);

  const holder = s1.machine.start(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(4649, "${s1.machine.address}", () => console.log("up"))`,
  ]);
  await eventually("the port to be taken", async () => holder.output().includes("up"));
  const clash = s1.start([]);
  assert.equal(await clash.ended, 1);
  assert.match(clash.output(), /CONSUL_PORT_TAKEN .*:4649 is taken/);
  await holder.end("SIGKILL");
  assert.deepEqual(await s1.machine.pids(), []);

  s1.start([]);
  await writable(s1, "alone");
  s2.start([s1.machine.address], { foreign: [`${s1.machine.address}:4647`] });
  await writable(s2, "alone too");
  await eventually("the refusal to be told", async () => /belongs to another cluster/.test(s2.process?.output() ?? ""));
  assert.equal(await s2.statuses(), "s2.global alive");
  const outcome = await s2.ask<JoinOutcome>(`/join?address=${s1.machine.address}&address=10.255.255.254:x`);
  assert.equal(outcome.Joined, 0);
  assert.equal(outcome.Problems.length, 2);
  await assert.rejects(s1.ask("/keys"), /gossip is not encrypted/);
  await world.remove();
});

function isConsul(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0agent\0-config-file=");
  } catch {
    return false;
  }
}

function certificateOf(authority: Authority, name: string, role: "server" | "client"): NonNullable<PrivateConsulOrders["tls"]> {
  const { certificate, key } = authority.issue(`${name}-${role}`, `DNS:${role}.global.nomad,DNS:localhost,IP:127.0.0.1`);
  return { caFile: authority.certificate, certFile: certificate, keyFile: key };
}
