/** Whole servers that agree by a shared log, and the nodes they have: what a leader's end is to jobs and machines. Seeded: DROVER_SEED. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryLink } from "#integrations/memory";
import type { Link } from "#ports";
import { startServer, type RunningServer } from "#server";
import { testScale } from "../scale.ts";
import { type ClusterWorld, createClusterWorld, type SimulatedServer } from "./cluster-world.ts";
import { jobOf, nodeOf } from "./fixtures.ts";
import { createSimulatedNode, type SimulatedNode } from "./node.ts";

const ADMISSION = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

interface Herd {
  readonly world: ClusterWorld;
  readonly nodes: readonly SimulatedNode[];
  readonly errors: readonly unknown[];
  of(server: SimulatedServer): RunningServer;
  begin(server: SimulatedServer): Promise<void>;
  kill(server: SimulatedServer): void;
  leader(): SimulatedServer;
}

async function herd(
  seed: number,
  shape: { readonly servers: number; readonly nodes: number },
  play: (herd: Herd) => Promise<void>,
): Promise<void> {
  const world = createClusterWorld({ seed, servers: shape.servers });
  const { clock, random } = world;
  const running = new Map<SimulatedServer, RunningServer>();
  const nodes: SimulatedNode[] = [];
  const errors: unknown[] = [];
  // A node knows all servers and takes any.
  const anyServer: Link = {
    async connect(...call) {
      const all = [...running.values()];
      assert.ok(all.length > 0);
      return (all[random.integer(all.length)] as RunningServer).link.connect(...call);
    },
  };
  const link = createMemoryLink(anyServer);

  async function begin(server: SimulatedServer): Promise<void> {
    const cluster = await world.start(server);
    const address = `${server.name}:4647`;
    const one = await startServer({
      cluster,
      clock,
      random,
      admission: ADMISSION,
      peers: world.peers.peers(address),
      report: (entry) => void (entry.level === "error" && errors.push(entry)),
    });
    world.peers.serve(address, { ...cluster.peer, ...one.peer });
    running.set(server, one);
  }
  function kill(server: SimulatedServer): void {
    const one = running.get(server);
    running.delete(server);
    world.kill(server);
    // Nothing it still does reaches anybody: its connections are lost and its timers end.
    one?.close().catch(() => undefined);
  }
  const leader = () => {
    const [first] = world.leaders();
    assert.ok(first !== undefined);
    return first;
  };
  try {
    for (const server of world.servers) await begin(server);
    const belong = () => world.servers.every(({ cluster }) => cluster !== undefined && cluster.clusterId !== "" && cluster.state.index > 0);
    await world.until("one leads, all follow", () => world.leaders().length === 1 && belong());
    for (let n = 0; n < shape.nodes; n++) nodes.push(createSimulatedNode({ node: nodeOf(random, { name: `n${n}` }), link, clock }));
    const connecting = Promise.all(nodes.map((node) => node.connect()));
    let connected = false;
    connecting.finally(() => (connected = true)).catch(() => undefined);
    await world.until("all nodes are there", () => connected);
    await connecting;
    await play({ world, nodes, errors, of: (server) => running.get(server) as RunningServer, begin, kill, leader });
  } finally {
    for (const node of nodes) node.vanish();
    const closing = Promise.all([...running.values()].map((server) => server.close()));
    await clock.advance(1_000);
    await closing;
    await world.close();
  }
}

/** Asks, and lets time pass until it is answered. */
async function answered<T>(world: ClusterWorld, asking: Promise<T>): Promise<T> {
  let over = false;
  asking.finally(() => (over = true)).catch(() => undefined);
  await world.until("it is answered", () => over);
  return asking;
}

const seeds =
  process.env["DROVER_SEED"] === undefined
    ? Array.from({ length: 2 * testScale() }, (_, n) => n + 1)
    : [Number(process.env["DROVER_SEED"])];

for (const seed of seeds) {
  test(`leaders are killed one after the other: no node is down, nothing is placed twice, all servers know the same (seed ${seed})`, () =>
    herd(seed, { servers: 3, nodes: 60 }, async ({ world, errors, of, begin, kill, leader }) => {
      const [ask] = world.servers.filter((server) => server !== leader());
      await answered(world, of(ask as SimulatedServer).registerJob({ Job: jobOf({ id: "first", count: 30 }) }));
      const placed = (id: string) => [...(world.running()[0]?.cluster?.state.snapshot().allocationsByJob("default", id) ?? [])];
      await world.until("it runs", () => placed("first").filter(({ ClientStatus }) => ClientStatus === "running").length === 30);
      const before = placed("first").map(({ ID }) => ID);

      for (let round = 0; round < 3; round++) {
        const dead = leader();
        kill(dead);
        await world.until("another leads", () => world.leaders().some((server) => server !== dead));
        const [other] = world.running().filter((server) => server !== leader());
        await answered(world, of(other as SimulatedServer).registerJob({ Job: jobOf({ id: `round-${round}`, count: 5 }) }));
        await world.until(
          "new work runs",
          () => placed(`round-${round}`).filter(({ ClientStatus }) => ClientStatus === "running").length === 5,
        );
        await begin(dead);
        await world.clock.advance(60_000);
      }

      await world.until("all are up to date", () => new Set(world.servers.map(({ cluster }) => cluster?.state.index)).size === 1);
      const [state, ...others] = world.servers.map(({ cluster }) => cluster?.state);
      for (const other of others) assert.equal(other?.digest(), state?.digest());
      const nodes = [...(state?.snapshot().nodes() ?? [])];
      assert.equal(nodes.length, 60);
      assert.deepEqual([...new Set(nodes.map(({ Status }) => Status))], ["ready"]);
      for (const { Events } of nodes)
        assert.deepEqual(
          Events.map(({ Message }) => Message),
          ["Node registered"],
        );
      assert.deepEqual(
        placed("first")
          .map(({ ID }) => ID)
          .toSorted(),
        before.toSorted(),
        "nothing was replaced",
      );
      assert.deepEqual(errors, []);
    }));
}

test("a server that lags stops nothing, and its nodes go where news comes from (F1)", () =>
  herd(7, { servers: 3, nodes: 30 }, async ({ world, nodes, of, leader, errors }) => {
    const system = (id: string) => ({ Job: jobOf({ id, type: "system", count: 1, memoryMB: 10, cpu: 10 }) });
    const runningOf = (id: string) =>
      [...(leader().cluster?.state.snapshot().allocationsByJob("default", id) ?? [])].filter(
        ({ ClientStatus }) => ClientStatus === "running",
      ).length;
    await answered(world, of(leader()).registerJob(system("before")));
    await world.until("it runs everywhere", () => runningOf("before") === 30);
    const [lagging] = world.servers.filter((server) => server !== leader()) as [SimulatedServer];
    // It hears nothing any more, and is heard by its nodes and the other servers.
    world.shared.setReachable(lagging.name, false);
    await answered(world, of(leader()).registerJob(system("after")));
    // Some nodes come to it meanwhile, having seen more than it knows.
    await world.clock.advance(60_000);
    assert.equal(runningOf("after"), 30, "all nodes have heard");
    assert.ok((lagging.cluster?.state.index ?? 0) < (leader().cluster?.state.index ?? 0));
    assert.equal(runningOf("before"), 30);
    assert.equal(
      nodes.reduce((sum, { stopped }) => sum + stopped, 0),
      0,
    );
    assert.deepEqual([...new Set([...(leader().cluster?.state.snapshot().nodes() ?? [])].map(({ Status }) => Status))], ["ready"]);
    world.shared.setReachable(lagging.name, true);
    await world.until("it has caught up", () => lagging.cluster?.state.index === leader().cluster?.state.index);
    assert.deepEqual(errors, []);
  }));
