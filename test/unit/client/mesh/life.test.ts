/** Tasks of a group with a sidecar, from registration to their end, with time as an argument. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { Value } from "typebox/value";
import {
  createMemoryCatalog,
  createMemoryMesh,
  createMemoryProxies,
  createMemoryTokenExchange,
  WELL_PROXY,
  type MemoryCatalog,
  type MemoryMesh,
  type MemoryProxies,
} from "#integrations/memory";
import type { Allocation, Connect, Proxy, Task } from "#model";
import { Connect as ConnectSchema, Proxy as ProxySchema, SidecarService, TransparentProxy } from "../../../../src/model/service.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { anIdentity } from "../identity/nouns.ts";
import { aPort, aService } from "../registration/nouns.ts";
import { allocationId, anAllocation, createStage, SECOND, type Agent, type Stage } from "../stage.ts";

interface World {
  readonly stage: Stage;
  readonly catalog: MemoryCatalog;
  readonly proxies: MemoryProxies;
  readonly mesh: MemoryMesh;
  start(): Promise<Agent>;
}

function world(): World {
  const stage = createStage();
  const catalog = createMemoryCatalog();
  const proxies = createMemoryProxies();
  const mesh = createMemoryMesh();
  mesh.at = {
    host: "127.0.0.1",
    port: 8502,
    tls: false,
    ca: "",
    serverName: "",
    datacenter: "dc1",
    nodeName: "here",
  };
  const start = () => stage.agent({ catalogs: [catalog.as("here")], proxies, mesh });
  return { stage, catalog, proxies, mesh, start };
}

const SIDECAR: Connect = {
  ...(Value.Create(Type.Object(ConnectSchema.properties)) as Connect),
  SidecarService: Value.Create(Type.Object(SidecarService.properties)) as SidecarService,
};
const PROXY: Partial<Task> = { Name: "connect-proxy-web", Kind: "connect-proxy:web", Lifecycle: { Hook: "prestart", Sidecar: true } };

function meshed(letter: string, more: readonly Partial<Task>[] = []): Allocation {
  const allocation = anAllocation(letter, {
    tasks: [PROXY, { Name: "main" }, ...more],
    group: { Services: [aService({ Provider: "consul", PortLabel: "9001", Connect: SIDECAR })] },
  });
  const Shared = { DiskMB: 1, Networks: [], Ports: [aPort("connect-proxy-web", 21_001)] };
  return { ...allocation, AllocatedResources: { ...allocation.AllocatedResources, Shared } } as Allocation;
}

const began = (stage: Stage, letter: string, task: string): boolean =>
  stage.machine.everStarted.some((id) => id.startsWith(`${allocationId(letter)}.${task}.`));
const restarts = (stage: Stage, letter: string, task: string): number =>
  stage.machine.everStarted.filter((id) => id.startsWith(`${allocationId(letter)}.${task}.`)).length;
const messages = (stage: Stage, letter: string, task: string): string =>
  JSON.stringify(stage.told(allocationId(letter))?.TaskStates?.[task]?.Events ?? []);

test("a proxy begins when its service is registered, the task when the proxy is ready; both say what they wait for", async () => {
  const { stage, catalog, proxies, start } = world();
  catalog.away = true;
  proxies.otherwise = undefined;
  await start();
  stage.server.put(
    meshed("a", [
      { Name: "before", Lifecycle: { Hook: "prestart", Sidecar: false } },
      { Name: "logs", Lifecycle: { Hook: "prestart", Sidecar: true } },
    ]),
  );
  await stage.clock.advance(10 * SECOND);
  assert.equal(began(stage, "a", "connect-proxy-web"), false);
  assert.equal(began(stage, "a", "logs"), true, "other sidecars do not wait");
  assert.match(messages(stage, "a", "connect-proxy-web"), /service \\"web\\" in Consul.*nobody answers/);
  catalog.away = false;
  await stage.clock.advance(10 * SECOND);
  assert.equal(began(stage, "a", "connect-proxy-web"), true);
  assert.equal(began(stage, "a", "before"), false, "what runs before the main task uses the mesh, too");
  assert.match(messages(stage, "a", "before"), /waiting for proxy.*nobody listens/);
  proxies.otherwise = { ...WELL_PROXY, certificate: null };
  await stage.clock.advance(2 * SECOND);
  assert.equal(began(stage, "a", "before"), false);
  proxies.otherwise = WELL_PROXY;
  await stage.clock.advance(2 * SECOND);
  assert.equal(began(stage, "a", "before"), true);
});

test("a dozen sidecars at once and a slow Consul: none fails, each task begins (F34)", async () => {
  const { stage, catalog, start } = world();
  catalog.delay = () => stage.clock.sleep(2 * SECOND);
  await start();
  const letters = Array.from({ length: 12 }, (_, index) => String.fromCharCode(97 + index));
  stage.server.put(...letters.map((each) => meshed(each)));
  await stage.clock.advance(120 * SECOND);
  for (const each of letters) {
    assert.equal(began(stage, each, "main"), true, each);
    assert.deepEqual(
      Object.values(stage.told(allocationId(each))?.TaskStates ?? {}).map(({ Failed, Restarts }) => [Failed, Restarts]),
      [
        [false, 0],
        [false, 0],
      ],
    );
  }
});

test("what no waiting makes right fails the proxy at once, and says the key", async () => {
  const { stage, proxies, start } = world();
  proxies.refusal = 'proxy config "envoy_statsd_url": it is no URL';
  await start();
  stage.server.put(meshed("a"));
  await stage.clock.advance(30 * SECOND);
  assert.equal(stage.told(allocationId("a"))?.ClientStatus, "failed");
  assert.match(messages(stage, "a", "connect-proxy-web"), /envoy_statsd_url/);
  assert.equal(began(stage, "a", "main"), false);
});

test("the bootstrap is for the proxy alone, and names the service's proxy", async () => {
  const { stage, proxies, start } = world();
  await start();
  stage.server.put(meshed("a"));
  await stage.clock.advance(5 * SECOND);
  const path = [...stage.machine.owners.keys()].find((each) => each.endsWith("secrets/envoy_bootstrap.json")) ?? "";
  assert.match(stage.machine.owners.get(path) ?? "", /^600 /);
  const [request] = proxies.requests;
  assert.deepEqual(
    [request?.proxyId, request?.service, request?.kind, request?.grpc],
    [`_nomad-task-${allocationId("a")}-group-web-web-9001-sidecar-proxy`, "web", "connect-proxy", { host: "127.0.0.1", port: 8502 }],
  );
  assert.match(
    request?.admin.host ?? "",
    /^127\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\./,
    "on the machine's network each has an address of its own",
  );
});

test("a stale proxy is replaced and its task runs on; after the agent was away it is followed again", async () => {
  const { stage, proxies, start } = world();
  const agent = await start();
  stage.server.put(meshed("a"), meshed("b"));
  await stage.clock.advance(5 * SECOND);
  assert.ok(began(stage, "a", "main") && began(stage, "b", "main"));
  agent.kill();
  const again = await start();
  await stage.clock.advance(15 * SECOND);
  const mesh = await again.client.services.mesh(allocationId("a"));
  assert.equal(mesh.Proxies[0]?.Step, "ready");
  // b's proxy has its stream: Consul answers, it is a's own fault.
  proxies.standings.set(allocationId("a"), { ...WELL_PROXY, stream: { ...WELL_PROXY.stream, connected: false } });
  await stage.clock.advance(60 * SECOND);
  assert.equal(restarts(stage, "a", "connect-proxy-web"), 2);
  assert.equal(restarts(stage, "a", "main"), 1);
  assert.equal(restarts(stage, "b", "connect-proxy-web"), 1);
  assert.match(messages(stage, "a", "connect-proxy-web"), /no stream to Consul/);
});

test("a stop withdraws the service, lets others hear of it, turns connections away, and ends the proxy last", async () => {
  const { stage, catalog, proxies, start } = world();
  await start();
  stage.server.put(meshed("a"));
  await stage.clock.advance(5 * SECOND);
  const said: string[] = [];
  stage.machine.heard = (what, of) => {
    if (what === "stop") said.push(`${of.task} drained:${proxies.drained.length} services:${catalog.services.size}`);
  };
  const stoppedAt = stage.clock.nowMs();
  stage.server.put({ ...meshed("a"), DesiredStatus: "stop" } as Allocation);
  await stage.clock.advance(900);
  assert.deepEqual(said, [], "others' proxies are given the time to hear of it");
  await stage.clock.advance(20 * SECOND);
  assert.deepEqual(said, ["main drained:1 services:0", "connect-proxy-web drained:1 services:0"]);
  assert.ok(stoppedAt > 0);
});

test("nothing secret is written for a proxy whose end came while its configuration was made (F43)", async () => {
  const { stage, proxies, start } = world();
  const held = Promise.withResolvers<undefined>();
  proxies.binary = () => held.promise;
  await start();
  stage.server.put(meshed("a"));
  await stage.clock.advance(5 * SECOND);
  stage.server.put({ ...meshed("a"), DesiredStatus: "stop" } as Allocation);
  await stage.clock.advance(30 * SECOND);
  held.resolve(undefined);
  await stage.clock.advance(5 * SECOND);
  assert.deepEqual(
    [stage.machine.strays, [...stage.machine.written.keys()].filter((path) => path.endsWith("envoy_bootstrap.json"))],
    [[], []],
  );
});

test("after the agent was away a proxy is measured by what its service says, known later than it is followed", async () => {
  const { stage, catalog, proxies, start } = world();
  proxies.otherwise = { ...WELL_PROXY, certificate: null };
  const agent = await start();
  stage.server.put(transparent("a"));
  await stage.clock.advance(5 * SECOND);
  assert.equal(began(stage, "a", "connect-proxy-web"), true);
  agent.kill();
  catalog.away = true;
  // One of two: the one for what leaves is not up.
  proxies.otherwise = WELL_PROXY;
  const again = await start();
  await stage.clock.advance(5 * SECOND);
  assert.equal(began(stage, "a", "main"), false);
  const [report] = (await again.client.services.mesh(allocationId("a"))).Proxies;
  assert.deepEqual([report?.Step, report?.Problem], ["listener", "it has 1 of 2 listeners (public_listener)"]);
});

function transparent(letter: string): Allocation {
  const allocation = meshed(letter);
  const [group] = allocation.Job.TaskGroups;
  const [service] = group?.Services ?? [];
  assert.ok(group && service?.Connect?.SidecarService);
  const Proxy = { ...(Value.Create(ProxySchema) as Proxy), TransparentProxy: Value.Create(TransparentProxy) as TransparentProxy };
  const Connect = { ...service.Connect, SidecarService: { ...service.Connect.SidecarService, Proxy } };
  return { ...allocation, Job: { ...allocation.Job, TaskGroups: [{ ...group, Services: [{ ...service, Connect }] }] } };
}

test("when the service's token is replaced so is its bootstrap, also after the agent was away; the proxy runs on", async () => {
  const { stage, proxies, catalog, mesh } = world();
  const exchange = createMemoryTokenExchange({ clock: stage.clock, random: createSeededRandom(5) });
  const start = () => stage.agent({ catalogs: [catalog.as("here")], proxies, mesh, tokenExchange: exchange });
  const agent = await start();
  const made = meshed("a");
  const [group] = made.Job.TaskGroups;
  const Services =
    group?.Services.map((each) => ({ ...each, Identity: anIdentity({ Name: "consul-service_web", Audience: ["consul.io"] }) })) ?? [];
  stage.server.put({ ...made, Job: { ...made.Job, TaskGroups: [{ ...(group ?? assert.fail()), Services }] } });
  await stage.clock.advance(5 * SECOND);
  const written = (): string =>
    (JSON.parse([...stage.machine.written].find(([path]) => path.endsWith("envoy_bootstrap.json"))?.[1] ?? "{}") as { token: string })
      .token;
  const replaced = async (client: Agent): Promise<void> => {
    const before = written();
    assert.ok(exchange.tokens.has(before));
    exchange.forget(before);
    catalog.forgotten.add(before);
    catalog.wipe();
    await stage.clock.advance(120 * SECOND);
    assert.ok(!client.dead());
    assert.notEqual(written(), before);
    assert.ok(exchange.tokens.has(written()));
  };
  await replaced(agent);
  agent.kill();
  const again = await start();
  await stage.clock.advance(5 * SECOND);
  await replaced(again);
  assert.equal(restarts(stage, "a", "connect-proxy-web"), 1);
});

test("who is told not to wait stops at once", async () => {
  const { stage, proxies, start } = world();
  await start();
  stage.server.put(meshed("b"));
  await stage.clock.advance(5 * SECOND);
  let stopped = 0;
  stage.machine.heard = (what, { task }) => {
    if (what === "stop" && task === "main") stopped++;
  };
  const b = meshed("b");
  stage.server.put({ ...b, DesiredStatus: "stop", DesiredTransition: { ...b.DesiredTransition, NoShutdownDelay: true } } as Allocation);
  await stage.clock.advance(500);
  assert.equal(stopped, 1);
  assert.equal(proxies.drained.length, 0);
});

test("a task that ran here before begins again though its proxy does not come up; one that begins for the first time waits on", async () => {
  const { stage, proxies, start } = world();
  await start();
  stage.server.put(meshed("a"));
  await stage.clock.advance(5 * SECOND);
  proxies.otherwise = undefined;
  const main = stage.machine.everStarted.findLast((id) => id.includes(".main.")) ?? assert.fail();
  stage.machine.end(main, 1);
  stage.server.put(meshed("b"));
  await stage.clock.advance(90 * SECOND);
  assert.equal(restarts(stage, "a", "main"), 2);
  assert.equal(began(stage, "b", "main"), false);
});

test("a proxy that turns connections away for its allocation's end is not brought back while its task takes its time", async () => {
  const { stage, proxies, start } = world();
  await start();
  const made = anAllocation("a", {
    tasks: [PROXY, { Name: "main", KillTimeout: 60e9, Config: { stubborn: true } }],
    group: { Services: [aService({ Provider: "consul", PortLabel: "9001", Connect: SIDECAR })] },
  });
  const Shared = { DiskMB: 1, Networks: [], Ports: [aPort("connect-proxy-web", 21_001)] };
  const allocation = { ...made, AllocatedResources: { ...made.AllocatedResources, Shared } } as Allocation;
  stage.server.put(allocation);
  await stage.clock.advance(5 * SECOND);
  stage.server.put({ ...allocation, DesiredStatus: "stop" } as Allocation);
  await stage.clock.advance(3 * SECOND);
  assert.equal(proxies.drained.length, 1);
  proxies.otherwise = { ...WELL_PROXY, state: "DRAINING" };
  await stage.clock.advance(45 * SECOND);
  assert.deepEqual([restarts(stage, "a", "connect-proxy-web"), stage.reports.filter((each) => each.includes("stale"))], [1, []]);
});
