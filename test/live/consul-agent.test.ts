/** The agent itself in the real Consul: registered while it runs, described by what is beside it, found by nodes that know no server. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { consulCatalog, consulFingerprint, consulServers } from "#integrations/consul";
import { createHostClock, createHostRandom } from "#integrations/host";
import { Concealed } from "#std";
import type { ConsulConfig } from "../../src/agent/config/mod.ts";
import { agentServices, keepRegistered, type AgentPresence, type ConsulRegistration } from "../../src/agent/consul-registration.ts";
import { Surroundings } from "../../src/client/node/surroundings.ts";
import { eventually } from "../eventually.ts";
import { connectionTo } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";

const CONFIG: ConsulConfig = {
  address: "",
  token: new Concealed(""),
  auth: new Concealed(""),
  tls: { caFile: "", certFile: "", keyFile: "", verify: true },
  shareTls: true,
  timeoutMs: 5000,
  tags: ["west"],
  autoAdvertise: true,
  serverAutoJoin: true,
  clientAutoJoin: true,
  serverServiceName: "nomad",
  clientServiceName: "nomad-client",
  checksUseAdvertise: false,
  checkNames: {
    serverHttp: "Nomad Server HTTP Check",
    serverSerf: "Nomad Server Serf Check",
    serverRpc: "Nomad Server RPC Check",
    clientHttp: "Nomad Client HTTP Check",
  },
  serverFailures: { beforeCritical: 0, beforeWarning: 0 },
  clientFailures: { beforeCritical: 0, beforeWarning: 0 },
  serviceAuthMethod: "nomad-workloads",
  taskAuthMethod: "nomad-workloads",
  serviceIdentity: null,
  taskIdentity: null,
  grpcAddress: "",
  grpcCaFile: "",
};

/** An API that says it is well. */
async function listener(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => void response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function register(t: TestContext, consul: RealConsul, presence: () => AgentPresence): ConsulRegistration {
  const kept = keepRegistered({
    catalog: consulCatalog({ connection: connectionTo(consul, t), owner: presence().owner }),
    wanted: () => agentServices(CONFIG, presence()),
    clock: createHostClock({ keepAlive: true }),
    random: createHostRandom(),
    report: () => undefined,
  });
  t.after(() => kept.close());
  return kept;
}

interface Registered {
  readonly Service: { readonly ID: string; readonly Tags: string[]; readonly Address: string; readonly Port: number };
}

test("server and client are in the catalog while the agent runs; an address that moved leaves no ghost (F32), a stop leaves nothing", async (t) => {
  const consul = await startConsul({ owner: t });
  const [http, rpc] = [await listener(t), await listener(t)];
  let advertised = "192.0.2.1";
  const presence = (): AgentPresence => ({
    owner: "agent-1",
    httpsOnly: false,
    server: {
      http: { advertised: `${advertised}:4646`, bound: http },
      rpc: { advertised: `${advertised}:4647`, bound: rpc },
      serf: { advertised: `${advertised}:4648`, bound: "" },
    },
    client: { http: { advertised: `${advertised}:4646`, bound: http } },
  });
  const listed = async (name: string, query = ""): Promise<string[]> =>
    (await consul.get<Registered[]>(`/v1/health/service/${name}${query}`))
      .map(({ Service: { Tags, Address, Port } }) => `${Tags.join(",")} ${Address}:${Port}`)
      .toSorted();
  await consul.put("/v1/agent/service/register", {
    ID: "_nomad-server-of-somebody-else",
    Name: "nomad",
    Tags: ["http"],
    Address: "192.0.2.9",
    Port: 1,
  });
  const kept = register(t, consul, presence);
  const all = (host: string) => ["http 192.0.2.9:1", `http,west ${host}:4646`, `rpc,west ${host}:4647`, `serf,west ${host}:4648`];
  await eventually("everything to be registered and passing", async () => (await listed("nomad", "?passing")).length === 4);
  assert.deepEqual(await listed("nomad"), all("192.0.2.1"));
  assert.deepEqual(await listed("nomad-client"), ["http,west 192.0.2.1:4646"]);
  assert.deepEqual(await consulServers(connectionTo(consul, t), "nomad")(), ["192.0.2.1:4647"]);

  advertised = "192.0.2.2";
  kept.nudge();
  await eventually("the new address to be all there is", async () => (await listed("nomad")).every((each) => !each.includes("192.0.2.1:")));
  assert.deepEqual(await listed("nomad"), all("192.0.2.2"));

  await consul.wipe();
  kept.nudge();
  await eventually("it to be registered anew", async () => (await listed("nomad")).length === 3);
  // Killed, and started again with another address: no other life of the same agent is left beside it.
  advertised = "192.0.2.3";
  const next = register(t, consul, presence);
  await eventually("the next life to be all there is", async () => (await listed("nomad")).every((each) => each.includes("192.0.2.3:")));
  assert.equal((await listed("nomad")).length, 3);
  await next.close();
  assert.deepEqual([...(await listed("nomad")), ...(await listed("nomad-client"))], []);
});

test("a server whose checks fail is not handed to nodes; no server is an answer, no Consul an error", async (t) => {
  const consul = await startConsul({ owner: t });
  const servers = consulServers(connectionTo(consul, t), "nomad");
  assert.deepEqual(await servers(), []);
  const check = { CheckID: "c", TTL: "1h", Status: "critical" };
  await consul.put("/v1/agent/service/register", { ID: "a", Name: "nomad", Tags: ["rpc"], Address: "192.0.2.1", Port: 4647, Check: check });
  await consul.put("/v1/agent/service/register", { ID: "b", Name: "nomad", Tags: ["rpc"], Address: "2001:db8::1", Port: 4647 });
  await consul.put("/v1/agent/service/register", { ID: "c", Name: "nomad", Tags: ["http"], Address: "192.0.2.3", Port: 4646 });
  assert.deepEqual(await servers(), ["[2001:db8::1]:4647"]);
  await consul.put("/v1/agent/check/pass/c");
  assert.deepEqual(await servers(), ["192.0.2.1:4647", "[2001:db8::1]:4647"]);
  await consul.kill();
  await assert.rejects(servers(), { code: "CATALOG_UNREACHABLE" });
});

test("a Consul that starts after the node is found without a restart (F33)", async (t) => {
  const consul = await startConsul({ owner: t });
  await consul.stop();
  const source = consulFingerprint(connectionTo(consul, t));
  const surroundings = new Surroundings({ sources: [source], clock: createHostClock({ keepAlive: true }), intervalMs: 100 });
  t.after(() => surroundings.close());
  await surroundings.start();
  assert.deepEqual(surroundings.describe(), { attributes: {}, links: {} });
  const changed = new Promise<void>((resolve) => surroundings.follow(resolve));
  await consul.restart();
  await changed;
  const { attributes, links } = surroundings.describe();
  assert.equal(attributes["consul.version"], "1.21.0");
  assert.equal(attributes["consul.datacenter"], "dc1");
  assert.equal(attributes["consul.dns.port"], String(consul.dnsPort));
  assert.equal(attributes["consul.grpc"], String(consul.grpcPort));
  assert.equal(attributes["unique.consul.name"], "consul-server");
  assert.deepEqual(links, { consul: "dc1.consul-server" });
});
