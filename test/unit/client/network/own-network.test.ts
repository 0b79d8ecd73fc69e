import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Value } from "typebox/value";
import { clientKillPoints, networkFingerprint } from "#client";
import { memoryNetworks, type MemoryNetworks } from "#integrations/memory";
import type { Allocation, AllocationId } from "#model";
import type { NetworkHold, NetworkHolder } from "#ports";
import { NamedError } from "#std";
import { Network } from "../../../../src/model/network.ts";
import { aPort, aService } from "../registration/nouns.ts";
import { allocationId, anAllocation, createStage, SECOND, type Stage } from "../stage.ts";

const A = allocationId("a") as AllocationId;
const B = allocationId("b") as AllocationId;

/** In bridge mode: "http" is led from the host's 20001 to 8080 inside. */
function bridged(letter: string, shape: Parameters<typeof anAllocation>[1] = {}, network: Partial<Network> = {}): Allocation {
  const Networks = [{ ...(Value.Create(Network) as Network), Mode: "bridge", ...network }];
  const made = anAllocation(letter, { ...shape, group: { Networks, ...shape.group } });
  const Ports = letter === "a" ? [aPort("http", 20_001, 8080)] : [aPort("http", 20_002, 8080)];
  return { ...made, AllocatedResources: { ...made.AllocatedResources, Shared: { ...made.AllocatedResources.Shared, Ports } } };
}

const stop = (stage: Stage, id: string) => stage.server.put({ ...(stage.server.allocations.get(id) as Allocation), DesiredStatus: "stop" });
const started = (stage: Stage, id: string) => stage.machine.processes.get(id)?.start;

/** Holds that end when the test says so. */
function holders(): NetworkHolder & { readonly held: Map<string, NetworkHold>; end(id: string): void } {
  const held = new Map<string, NetworkHold>();
  const losses = new Map<string, () => void>();
  let pid = 100;
  return {
    held,
    end: (id) => {
      held.delete(id);
      losses.get(id)?.();
    },
    hold: ({ allocationId: id }) => {
      const hold = held.get(id) ?? { pid: pid++, reference: `hold-${pid}` };
      held.set(id, hold);
      return Promise.resolve(hold);
    },
    find: (id) => Promise.resolve(held.get(id)),
    release: (id) => Promise.resolve(void held.delete(id)),
    list: () => Promise.resolve([...held.keys()]),
    lost: (id, signal) =>
      new Promise((resolve) => {
        losses.set(id, resolve);
        signal.addEventListener("abort", () => resolve());
      }),
  };
}

describe("an allocation with a network of its own", () => {
  test("has it before its tasks, which join it and are told of it; it is gone after them", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    await stage.agent({ networks });
    const order: string[] = [];
    stage.machine.heard = (what) => order.push(`${what} ${networks.requests().has(A)}`);
    stage.server.put(bridged("a", {}, { Hostname: "web-${NOMAD_ALLOC_INDEX} ${NOBODY}" }));
    await stage.clock.advance(SECOND);
    const start = started(stage, `${A}.main.0`);
    assert.equal(start?.network?.namespacePath, `/run/netns/drover-0a0b0c0d-${A}`);
    assert.equal(start?.network?.hostname, "web-0-nobody");
    assert.deepEqual(start?.ports, [{ label: "http", hostIp: "192.0.2.5", hostPort: 20_001, to: 8080 }]);
    assert.equal(start?.owner?.jobId, "app");
    const told = Object.fromEntries(Object.entries(start?.environment ?? {}).filter(([name]) => name.endsWith("_http")));
    assert.deepEqual(told, {
      NOMAD_IP_http: "192.0.2.5",
      NOMAD_PORT_http: "8080",
      NOMAD_ADDR_http: "192.0.2.5:20001",
      NOMAD_HOST_IP_http: "192.0.2.5",
      NOMAD_HOST_PORT_http: "20001",
      NOMAD_HOST_ADDR_http: "192.0.2.5:20001",
      NOMAD_ALLOC_PORT_http: "8080",
      NOMAD_ALLOC_INTERFACE_http: "eth0",
      NOMAD_ALLOC_IP_http: "10.99.0.2",
      NOMAD_ALLOC_ADDR_http: "10.99.0.2:8080",
      NOMAD_IP_main_http: "192.0.2.5",
      NOMAD_PORT_main_http: "20001",
      NOMAD_ADDR_main_http: "192.0.2.5:20001",
    });
    assert.deepEqual(stage.told(A)?.NetworkStatus, { InterfaceName: "eth0", Address: "10.99.0.2", AddressIPv6: "", DNS: null });
    stop(stage, A);
    await stage.clock.advance(SECOND);
    assert.deepEqual(order, ["start true", "stop true"]);
    assert.deepEqual(await networks.list(), []);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
  });

  test("without one nothing is asked of networks", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    networks.failNext(new Error("nobody asked"));
    await stage.agent({ networks });
    stage.server.put(anAllocation("a"));
    await stage.clock.advance(SECOND);
    assert.equal(started(stage, `${A}.main.0`)?.network, undefined);
    assert.equal(stage.told(A)?.NetworkStatus, undefined);
  });

  test("what may go by is tried again, and told with its fix; what will not fails the allocation at once", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    await stage.agent({ networks });
    networks.failNext(new NamedError("NETWORK_PLUGIN_FAILED", "Cannot run plugin bridge: it said no", { fix: "Ask it again" }));
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "running");
    const event = stage.told(A)?.TaskStates["main"]?.Events.find(({ Type }) => Type === "Setup Failure");
    assert.equal(event?.DisplayMessage, "network: Cannot run plugin bridge: it said no. Ask it again; trying again");

    networks.failNext(
      new NamedError("NETWORK_PLUGIN_MISSING", "Cannot find plugin bridge", { fix: "apt install containernetworking-plugins" }),
    );
    stage.server.put(bridged("b"));
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(B)?.ClientStatus, "failed");
    assert.match(
      JSON.stringify(stage.told(B)?.TaskStates["main"]?.Events),
      /network: Cannot find plugin bridge\. apt install containernetworking-plugins/,
    );
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
  });

  test("nothing holds a network that could not be set up while it waits for the next try", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const holder = holders();
    await stage.agent({ networks, networkHolder: holder });
    networks.failNext(new NamedError("NETWORK_PLUGIN_FAILED", "Cannot run plugin bridge: it said no"));
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND / 10);
    assert.deepEqual(await holder.list(), []);
    await stage.clock.advance(SECOND);
    assert.deepEqual(await holder.list(), [A]);
  });

  test("an agent without networks, and a driver that joins none, say so and fail it", async () => {
    for (const [options, word] of [
      [{}, /this agent has no networks of its own/],
      [{ networks: memoryNetworks(), alone: true }, /driver \\"mock\\" cannot join one/],
    ] as const) {
      const stage = createStage();
      await stage.agent(options);
      stage.server.put(bridged("a"));
      await stage.clock.advance(SECOND);
      assert.equal(stage.told(A)?.ClientStatus, "failed");
      assert.match(JSON.stringify(stage.told(A)?.TaskStates["main"]?.Events), word);
    }
  });

  test("a stop while it is tried again ends the trying", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const always = { ...networks, setUp: () => Promise.reject(new Error("no")) };
    await stage.agent({ networks: always });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    stop(stage, A);
    await stage.clock.advance(SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.deepEqual(stage.machine.everStarted, []);
  });

  test("its services are known inside by address_mode alloc, and anew when the network is another (F32)", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const holder = holders();
    await stage.agent({ networks, networkHolder: holder });
    const Services = [aService({ AddressMode: "alloc" }), aService({ Name: "out", AddressMode: "auto" })];
    stage.server.put(bridged("a", { group: { Services } }));
    await stage.clock.advance(SECOND);
    const known = () => [...stage.server.services.values()].map((each) => `${each.ServiceName} ${each.Address}:${each.Port}`).toSorted();
    assert.deepEqual(known(), ["out 192.0.2.5:20001", "web 10.99.0.2:8080"]);
    // Another takes the address while ours is away.
    const setUp = networks.setUp.bind(networks);
    networks.setUp = async (request, signal) => {
      if (request.id === A && !networks.requests().has(B)) await setUp({ ...request, id: B, ports: [] }, signal);
      return setUp(request, signal);
    };
    holder.end(A);
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(known(), ["out 192.0.2.5:20001", "web 10.99.0.3:8080"]);
  });

  test("when what held it ends, every task is started anew on a new one, and nothing is left (F40)", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const holder = holders();
    await stage.agent({ networks, networkHolder: holder });
    stage.server.put(bridged("a", { tasks: [{}, { Name: "beside" }] }));
    await stage.clock.advance(SECOND);
    const before = started(stage, `${A}.main.0`)?.network?.holder;
    assert.equal(before, holder.held.get(A)?.reference);
    holder.end(A);
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual([...stage.machine.processes.keys()].toSorted(), [`${A}.beside.1`, `${A}.main.1`]);
    for (const task of ["main", "beside"]) {
      assert.equal(started(stage, `${A}.${task}.1`)?.network?.holder, holder.held.get(A)?.reference);
      assert.match(JSON.stringify(stage.told(A)?.TaskStates[task]?.Events), /Network lost: what mock held its network with has ended/);
    }
    assert.notEqual(holder.held.get(A)?.reference, before);
    assert.equal(networks.requests().get(A)?.holderPid, holder.held.get(A)?.pid);
    stop(stage, A);
    await stage.clock.advance(SECOND);
    assert.deepEqual([await networks.list(), await holder.list()], [[], []]);
  });

  test("that cannot be made again fails the allocation, so that it runs elsewhere", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const holder = holders();
    await stage.agent({ networks, networkHolder: holder });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    networks.setUp = () => Promise.reject(new NamedError("NETWORK_UNKNOWN", "Cannot find network"));
    holder.end(A);
    await stage.clock.advance(2 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
    assert.deepEqual([...stage.machine.processes.keys()], []);
    assert.deepEqual([await networks.list(), await holder.list()], [[], []]);
  });
});

describe("after the agent was away", () => {
  test("the network that stands is taken up: same process, no restart, nothing told twice", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    const before = stage.server.updates.length;
    first.kill();
    await stage.agent({ networks });
    await stage.clock.advance(SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    assert.equal(stage.server.updates.length, before);
    stage.machine.end(`${A}.main.0`, 1);
    await stage.clock.advance(20 * SECOND);
    assert.equal(started(stage, `${A}.main.1`)?.network?.namespacePath, `/run/netns/drover-0a0b0c0d-${A}`);
  });

  test("one that is gone though tasks live is made anew, and they are started in it", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    networks.reboot();
    await stage.agent({ networks });
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual([...stage.machine.processes.keys()], [`${A}.main.1`]);
    assert.deepEqual(await networks.list(), [A]);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("what was flushed and not mended at the start is mended for each that asks, its own alone: no task pays for it", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    for (const letter of ["a", "b"]) stage.server.put(bridged(letter));
    await stage.clock.advance(SECOND);
    first.kill();
    const asked: string[] = [];
    const settle = async () => {
      asked.push("settle");
      const mended = await networks.settle();
      // Flushed again, before anybody could look.
      for (const id of [A, B]) networks.lose(id);
      return mended;
    };
    const mend = (id: AllocationId) => {
      asked.push(id);
      return networks.mend(id);
    };
    await stage.agent({ networks: { ...networks, settle, mend } });
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(asked.toSorted(), [A, B, "settle"].toSorted());
    assert.deepEqual([...stage.machine.processes.keys()].toSorted(), [`${A}.main.0`, `${B}.main.0`]);
    for (const id of [A, B]) assert.equal(stage.told(id)?.ClientStatus, "running");
  });

  test("and the machine with it: tasks run again on a new network, never without (F36, F46)", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    first.kill();
    networks.reboot();
    stage.machine.reboot();
    stage.machine.heard = (what) => what === "start" && assert.ok(networks.requests().has(A), "no task begins without");
    await stage.agent({ networks });
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual([...stage.machine.processes.keys()], [`${A}.main.1`]);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });

  test("what cannot be looked at yet is looked at again; the task meanwhile runs on, and its services stay known as they are", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    stage.server.put(bridged("a", { group: { Services: [aService({ AddressMode: "alloc" })] } }));
    await stage.clock.advance(SECOND);
    const known = () => [...stage.server.services.values()].map((each) => `${each.Address}:${each.Port} ${each.CreateIndex}`);
    const [before] = known();
    assert.match(before ?? "", /^10\.99\.0\.2:8080/);
    first.kill();
    let blind = true;
    await stage.agent({ networks: { ...networks, find: (id) => (blind ? Promise.reject(new Error("EAGAIN")) : networks.find(id)) } });
    for (let seconds = 0; seconds < 25; seconds++) {
      blind &&= seconds < 5;
      await stage.clock.advance(SECOND);
      assert.deepEqual(known(), [before], `after ${seconds} s`);
    }
    assert.ok(!stage.events(A).includes("Task hook failed"));
    assert.deepEqual(stage.machine.everStarted, [`${A}.main.0`]);
    stage.machine.end(`${A}.main.0`, 1);
    await stage.clock.advance(20 * SECOND);
    assert.notEqual(started(stage, `${A}.main.1`), undefined);
  });

  test("a forgotten allocation's network goes unless the servers want it", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const holder = holders();
    const first = await stage.agent({ networks, networkHolder: holder });
    stage.server.put(bridged("a"), bridged("b"));
    await stage.clock.advance(SECOND);
    first.kill();
    stage.memory.allocations.clear();
    stage.memory.facts.clear();
    stage.server.allocations.delete(B);
    await stage.agent({ networks, networkHolder: holder });
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual([await networks.list(), await holder.list()], [[A], [A]]);
    assert.deepEqual([...stage.machine.processes.keys()], [`${A}.main.0`]);
  });

  test("a leftover goes though a driver that holds networks is not there, and would be waited for without end", async () => {
    const stage = createStage();
    const networks = memoryNetworks();
    const first = await stage.agent({ networks });
    stage.server.put(bridged("a"));
    await stage.clock.advance(SECOND);
    stop(stage, A);
    await stage.clock.advance(20 * SECOND);
    first.kill();
    // Killed in its last moment: the allocation is over, its network is not.
    const { signal } = new AbortController();
    const [mode, hostname, holderPid, dns, redirect] = ["bridge", "", 0, null, null] as const;
    await networks.setUp({ id: A, mode, hostname, ports: [], arguments: {}, holderPid, dns, redirect }, signal);
    // As docker's does while docker does not answer.
    const away = { ...holders(), list: () => Promise.reject(new Error("docker is away")), release: () => new Promise<void>(() => {}) };
    await stage.agent({ networks, networkHolder: away });
    stage.server.put(bridged("b"));
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(await networks.list(), [B]);
    assert.notEqual(started(stage, `${B}.main.0`), undefined);
  });

  test("killed at every point of a life, it ends with no network, no holder and no task", async () => {
    for (const dieAt of clientKillPoints().filter((each) => /network|services|process|directory/.test(each))) {
      const stage = createStage();
      const networks = memoryNetworks();
      const holder = holders();
      const live = { networks, networkHolder: holder };
      const first = await stage.agent({ ...live, dieAt });
      stage.server.put(bridged("a"));
      await stage.clock.advance(5 * SECOND);
      first.kill();
      const second = await stage.agent({ ...live, dieAt });
      await stage.clock.advance(5 * SECOND);
      stop(stage, A);
      await stage.clock.advance(5 * SECOND);
      stage.server.forget(A);
      await stage.clock.advance(5 * SECOND);
      second.kill();
      await stage.agent(live);
      await stage.clock.advance(30 * SECOND);
      assert.deepEqual([await networks.list(), await holder.list(), [...stage.machine.processes.keys()]], [[], [], []], dieAt);
    }
  });
});

test("the node says which networks it has", async () => {
  const stage = createStage();
  const networks: MemoryNetworks = memoryNetworks({ networks: ["storage"], attributes: { "plugins.cni.version.bridge": "1.1.1" } });
  const { client } = await stage.agent({ networks, fingerprintSources: [networkFingerprint(networks)] });
  assert.deepEqual(
    client.node().NodeResources.Networks.map((each) => each.Mode),
    ["bridge", "cni/storage"],
  );
  assert.equal(client.node().Attributes["plugins.cni.version.bridge"], "1.1.1");
});
