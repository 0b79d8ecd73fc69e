/**
 * A whole cluster in one process: real state, real scheduler, real server, memory log, nodes that are all protocol. Every run comes
 * from its seed. Close it when done: nothing of it outlives `close`.
 */
import type { Cluster } from "#cluster";
import { createMemoryLink, type MemoryLink } from "#integrations/memory";
import type { Change } from "#state";
import type { Random } from "#ports";
import { startServer, type RunningServer, type ServerOptions } from "#server";
import { createSimulatedClock, type SimulatedClock } from "./clock.ts";
import { startSimulatedCluster } from "./cluster.ts";
import { nodeOf, type NodeShape } from "./fixtures.ts";
import { createSimulatedNode, type SimulatedNode, type SimulatedNodeOptions } from "./node.ts";
import { createSeededRandom } from "./random.ts";

export interface World {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly server: RunningServer;
  readonly link: MemoryLink;
  readonly nodes: readonly SimulatedNode[];
  /** What the server told its log at level error. */
  readonly errors: readonly unknown[];
  addNode(shape: NodeShape, more?: Partial<SimulatedNodeOptions>): Promise<SimulatedNode>;
  /** The server process ends (its state is what was committed) and another starts. Nodes reconnect by themselves. */
  restartServer(): Promise<void>;
  close(): Promise<void>;
}

export async function startWorld(options: { readonly seed: number; readonly onChange?: (change: Change) => void; readonly server?: Partial<ServerOptions> }): Promise<World> {
  const clock = createSimulatedClock();
  const random = createSeededRandom(options.seed);
  const cluster = await startSimulatedCluster(clock, random);
  const errors: unknown[] = [];
  const nodes: SimulatedNode[] = [];
  const start = () =>
    startServer({
      cluster, clock, random,
      admission: { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 },
      report: (entry) => void (entry.level === "error" && errors.push(entry)),
      ...options.server,
    });
  let server = await start();
  // The link outlives servers, as an address does.
  const link = createMemoryLink({ connect: (...call) => server.link.connect(...call) });
  const unsubscribe = options.onChange === undefined ? () => undefined : cluster.state.watch.subscribe(options.onChange);

  return {
    clock, random, cluster, link, nodes, errors,
    get server() {
      return server;
    },
    async addNode(shape, more = {}) {
      const node = createSimulatedNode({ node: nodeOf(random, shape), link, clock, ...more });
      nodes.push(node);
      await node.connect();
      return node;
    },
    async restartServer() {
      await server.close();
      server = await start();
    },
    async close() {
      unsubscribe();
      for (const node of nodes) node.vanish();
      await server.close();
      await cluster.close();
    },
  };
}
