/** Tasks that speak for themselves in the mesh: what they are told of Consul, and the files of their certificate, with time as an argument. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { Value } from "typebox/value";
import { createMemoryMesh, createMemoryThings, createMemoryTokenExchange, memoryNetworks } from "#integrations/memory";
import type { Allocation, Connect, Service, Task } from "#model";
import type { Thing, Tunnels } from "#ports";
import { Network } from "../../../../src/model/network.ts";
import { Connect as ConnectSchema } from "../../../../src/model/service.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { anIdentity } from "../identity/nouns.ts";
import { aService } from "../registration/nouns.ts";
import { allocationId, anAllocation, createStage, SECOND, type Stage } from "../stage.ts";

const HOME = `/alloc/${allocationId("a")}/main`;
const ROOTS: Thing = { system: "consul", kind: "roots", name: "", options: {} };
const LEAF: Thing = { system: "consul", kind: "leaf", name: "ledger", options: {} };
const leaf = (number: number) => ({ SerialNumber: `0${number}`, CertPEM: `certificate ${number}\n`, PrivateKeyPEM: `key ${number}` });
const root = (name: string, Active: boolean) => ({ ID: name, RootCertPEM: `root ${name}\n\n`, Active });
const NATIVE: Connect = { ...(Value.Create(Type.Object(ConnectSchema.properties)) as Connect), Native: true };

function world() {
  const stage = createStage();
  const { clock } = stage;
  const things = createMemoryThings({ system: "consul", clock, random: createSeededRandom(3) });
  const exchange = createMemoryTokenExchange({ clock, random: createSeededRandom(4) });
  const mesh = createMemoryMesh();
  things.set(ROOTS, [root("old", false), root("new", true)]);
  things.set(LEAF, leaf(1));
  return {
    stage,
    clock,
    things,
    exchange,
    mesh,
    start: () => stage.agent({ thingSources: [things], tokenExchange: exchange, mesh, networks: memoryNetworks() }),
  };
}

function native(task: Partial<Task> = {}, service: Partial<Service> = {}, Networks: readonly Network[] = []): Allocation {
  return anAllocation("a", {
    tasks: [{ Kind: "connect-native:ledger", User: "web", ...task }],
    group: {
      Networks: [...Networks],
      Services: [aService({ Name: "ledger", Provider: "consul", PortLabel: "9001", Connect: NATIVE, ...service })],
    },
  });
}

const file = (stage: Stage, name: string): string | undefined => stage.machine.written.get(`${HOME}/secrets/${name}`);
const files = (stage: Stage) => ["cert.pem", "key.pem", "roots.pem"].map((name) => file(stage, `connect/${name}`));
const environment = (stage: Stage): Readonly<Record<string, string>> =>
  [...stage.machine.processes.values()].at(-1)?.start.environment ?? {};
const messages = (stage: Stage): string => JSON.stringify(stage.told(allocationId("a"))?.TaskStates?.["main"]?.Events ?? []);
const starts = (stage: Stage): number => stage.machine.everStarted.length;

test("it begins when its certificate lies there, for its user alone; the active root comes first", async () => {
  const { stage, clock, start } = world();
  await start();
  let before: (string | undefined)[] = [];
  stage.machine.heard = (what) => {
    if (what === "start") before = files(stage);
  };
  stage.server.put(native());
  await clock.advance(5 * SECOND);
  assert.deepEqual(before, ["certificate 1\n", "key 1\n", "root new\nroot old\n"]);
  assert.equal(stage.machine.owners.get(`${HOME}/secrets/connect/key.pem`), "600 web");
  assert.equal(environment(stage)["CONSUL_HTTP_ADDR"], "http://127.0.0.1:8500");
  assert.deepEqual(
    Object.keys(environment(stage)).filter((name) => name.startsWith("CONSUL_")),
    ["CONSUL_HTTP_ADDR"],
  );
});

test("a new certificate and a new root replace the files, the certificate last, and the task runs on", async () => {
  const { stage, clock, things, start } = world();
  await start();
  stage.server.put(native());
  await clock.advance(5 * SECOND);
  const { written } = stage.machine;
  const order: string[] = [];
  const set = written.set.bind(written);
  written.set = (path, text) => {
    order.push(path.slice(path.lastIndexOf("/") + 1));
    return set(path, text);
  };
  things.set(LEAF, leaf(2));
  await clock.advance(2 * SECOND);
  assert.deepEqual(
    [files(stage), order],
    [
      ["certificate 2\n", "key 2\n", "root new\nroot old\n"],
      ["roots.pem", "key.pem", "cert.pem"],
    ],
  );
  things.set(ROOTS, [root("new", false), root("third", true)]);
  await clock.advance(2 * SECOND);
  assert.equal(file(stage, "connect/roots.pem"), "root third\nroot new\n");
  assert.equal(starts(stage), 1);
});

test("Consul away takes nothing; one that begins meanwhile waits a while, says for what, and begins without", async () => {
  const { stage, clock, things, start } = world();
  things.reachable = false;
  await start();
  stage.server.put(native());
  await clock.advance(15 * SECOND);
  assert.equal(starts(stage), 0);
  assert.match(messages(stage), /Missing: connect\.caleaf\(ledger\), connect\.caroots.*does not answer/);
  await clock.advance(10 * SECOND);
  assert.equal(starts(stage), 1);
  assert.match(messages(stage), /Started without its certificate/);
  things.reachable = true;
  await clock.advance(40 * SECOND);
  assert.deepEqual(files(stage), ["certificate 1\n", "key 1\n", "root new\nroot old\n"], "they follow");
  things.reachable = false;
  await clock.advance(60 * SECOND);
  assert.equal(file(stage, "connect/cert.pem"), "certificate 1\n");
});

test("it is asked for with the service's token, which the task has too; a token Consul lost is replaced", async () => {
  const { stage, clock, things, exchange, start } = world();
  await start();
  things.allowed = (thing, token) => thing.kind !== "leaf" || /ledger/.test(JSON.stringify(exchange.tokens.get(token)));
  stage.server.put(native({}, { Identity: anIdentity({ Name: "consul-service_ledger", Audience: ["consul.io"] }) }));
  await clock.advance(5 * SECOND);
  const token = environment(stage)["CONSUL_HTTP_TOKEN"] ?? "";
  assert.ok(exchange.tokens.has(token));
  assert.equal(file(stage, "connect/cert.pem"), "certificate 1\n");
  assert.deepEqual(
    [
      ...new Set(
        things
          .log()
          .filter(({ key }) => key.includes("leaf"))
          .map((each) => each.token),
      ),
    ],
    [token],
  );
  things.tokens = new Set();
  exchange.made = ({ SecretID }) => things.tokens?.add(SecretID);
  exchange.forget();
  things.set(LEAF, leaf(2));
  await clock.advance(60 * SECOND);
  assert.equal(file(stage, "connect/cert.pem"), "certificate 2\n");
  assert.equal(starts(stage), 1);
});

test("an agent that comes back goes on where it was; when the task is over nothing is watched or written", async () => {
  const { stage, clock, things, start } = world();
  const agent = await start();
  stage.server.put(native());
  await clock.advance(5 * SECOND);
  agent.kill();
  things.set(LEAF, leaf(2));
  await start();
  await clock.advance(5 * SECOND);
  assert.equal(file(stage, "connect/cert.pem"), "certificate 2\n");
  assert.equal(starts(stage), 1);
  stage.server.put({ ...native(), DesiredStatus: "stop" } as Allocation);
  await clock.advance(60 * SECOND);
  things.set(LEAF, leaf(3));
  await clock.advance(60 * SECOND);
  assert.deepEqual([file(stage, "connect/cert.pem"), stage.machine.strays], ["certificate 2\n", []]);
  things.log();
  await clock.advance(120 * SECOND);
  assert.deepEqual(things.log(), []);
});

test("with TLS it is told what to trust and who it is; what its author says stands", async () => {
  const { stage, clock, mesh, start } = world();
  mesh.httpAddress = "https://10.0.0.7:8501";
  mesh.tls = { ca: "authority", certificate: "client", key: "client's key", verify: false };
  await start();
  stage.server.put(native({ Env: { CONSUL_HTTP_SSL_VERIFY: "true", CONSUL_CLIENT_KEY: "/own" } }));
  await clock.advance(5 * SECOND);
  const told = environment(stage);
  const names = [
    "CONSUL_HTTP_ADDR",
    "CONSUL_HTTP_SSL",
    "CONSUL_HTTP_SSL_VERIFY",
    "CONSUL_CACERT",
    "CONSUL_CLIENT_CERT",
    "CONSUL_CLIENT_KEY",
  ];
  assert.deepEqual(
    names.map((name) => told[name]),
    ["https://10.0.0.7:8501", "true", "true", `${HOME}/secrets/consul_ca.pem`, `${HOME}/secrets/consul_cert.pem`, "/own"],
  );
  assert.deepEqual(
    [file(stage, "consul_ca.pem"), file(stage, "consul_cert.pem"), file(stage, "consul_key.pem")],
    ["authority", "client", "client's key"],
  );
  assert.equal(stage.machine.owners.get(`${HOME}/secrets/consul_key.pem`), "600 web");
});

test("in a network of its own it asks through the allocation's socket, where the agent's name is told", async () => {
  const { stage, clock, mesh, start } = world();
  mesh.httpAddress = "https://[fd00::7]:8501";
  mesh.tls = { ca: "authority", certificate: "", key: "", verify: true };
  await start();
  stage.server.put(native({}, {}, [{ ...(Value.Create(Network) as Network), Mode: "bridge" }]));
  await clock.advance(5 * SECOND);
  const { CONSUL_HTTP_ADDR, CONSUL_TLS_SERVER_NAME, CONSUL_CLIENT_CERT } = environment(stage);
  assert.deepEqual(
    [CONSUL_HTTP_ADDR, CONSUL_TLS_SERVER_NAME, CONSUL_CLIENT_CERT],
    [`unix:///alloc/${allocationId("a")}/alloc/tmp/consul_http.sock`, "fd00::7", undefined],
  );
});

test("no key reaches the servers, a report or the agent's memory in the open", async () => {
  const { stage, clock, mesh, start } = world();
  mesh.httpAddress = "https://10.0.0.7:8501";
  mesh.tls = { ca: "", certificate: "client", key: "client's key", verify: true };
  await start();
  stage.server.put(native());
  await clock.advance(5 * SECOND);
  const known = JSON.stringify([stage.server.updates, stage.reports, [...stage.memory.allocations.values()], [...stage.memory.facts]]);
  assert.doesNotMatch(known, /key 1|client's key/);
  assert.equal("CONSUL_CACERT" in environment(stage), false, "there is none to trust but those of the machine");
});

test("when it is over while others of its allocation run on, nobody looks or writes for it any more", async () => {
  const { stage, clock, things, start } = world();
  await start();
  const two = anAllocation("a", {
    tasks: [{ Kind: "connect-native:ledger", Lifecycle: { Hook: "poststart", Sidecar: false } }, { Name: "other" }],
    group: { Services: [aService({ Name: "ledger", Provider: "consul", PortLabel: "9001", Connect: NATIVE })] },
  });
  stage.server.put(two);
  await clock.advance(30 * SECOND);
  const ended = [...stage.machine.processes.values()].find(({ start: { id } }) => id.includes(".main."));
  assert.ok(ended !== undefined);
  stage.machine.end(ended.start.id, 0);
  await clock.advance(120 * SECOND);
  assert.equal(stage.told(allocationId("a"))?.TaskStates?.["main"]?.State, "dead");
  assert.equal(stage.told(allocationId("a"))?.ClientStatus, "running");
  things.log();
  things.set(LEAF, leaf(2));
  await clock.advance(120 * SECOND);
  assert.deepEqual([things.log(), file(stage, "connect/cert.pem")], [[], "certificate 1\n"]);
});

test("its socket to Consul is there from before its task to after it, and again when the agent comes back", async () => {
  const { stage, clock, things, mesh } = world();
  const open = new Set<string>();
  const tunnels: Tunnels = {
    open: (path) => {
      open.add(path);
      return Promise.resolve({ connections: 0, close: () => Promise.resolve(void open.delete(path)) });
    },
  };
  const networks = memoryNetworks();
  const start = () => stage.agent({ thingSources: [things], mesh, networks, tunnels });
  const agent = await start();
  const seen: number[] = [];
  stage.machine.heard = () => seen.push(open.size);
  const bridge = [{ ...(Value.Create(Network) as Network), Mode: "bridge" }];
  stage.server.put(native({}, {}, bridge));
  await clock.advance(5 * SECOND);
  agent.kill();
  open.clear();
  await start();
  await clock.advance(5 * SECOND);
  assert.deepEqual([...open], [`/alloc/${allocationId("a")}/alloc/tmp/consul_http.sock`]);
  stage.server.put({ ...native({}, {}, bridge), DesiredStatus: "stop" } as Allocation);
  await clock.advance(60 * SECOND);
  assert.deepEqual([seen, open.size], [[1, 1], 0]);
});
