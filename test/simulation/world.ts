/**
 * A whole cluster in one process: real state, cluster, scheduler, plan check and server over the memory log, and nodes that are all
 * protocol. Every run comes from its seed. Close it when done: nothing of it outlives `close`.
 */
import { startCluster, type Cluster } from "#cluster";
import {
  createMemoryLink,
  createSeededRandom,
  createMemoryDisk,
  openMemorySnapshots,
  openMemoryLog,
  type MemoryDisk,
  type MemoryLink,
} from "#integrations/memory";
import type { Change } from "#state";
import type { Random } from "#ports";
import { startServer, type RunningServer, type ServerOptions } from "#server";
import { createSimulatedClock, type SimulatedClock } from "./clock.ts";
import { nodeOf, type NodeShape } from "./fixtures.ts";
import { createSimulatedNode, type SimulatedNode, type SimulatedNodeOptions } from "./node.ts";

export interface World {
  readonly clock: SimulatedClock;
  readonly random: Random;
  /** Of the running server; another one after a restart. */
  readonly cluster: Cluster;
  readonly server: RunningServer;
  readonly link: MemoryLink;
  readonly disk: MemoryDisk;
  readonly nodes: readonly SimulatedNode[];
  /** What the server told its log at level error. */
  readonly errors: readonly unknown[];
  addNode(shape: NodeShape, more?: Partial<SimulatedNodeOptions>): Promise<SimulatedNode>;
  /** The server process is gone at once (what was durable is what there is) and another starts. Nodes reconnect by themselves. */
  restartServer(as?: { readonly address?: string }): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly seed: number;
  /** Called after every commit, whichever server made it. */
  readonly onChange?: (change: Change, cluster: Cluster) => void;
  readonly server?: Partial<ServerOptions>;
  readonly snapshotEveryEntries?: number;
  /** Default true: nothing that is stored can be changed (F23). It costs time. */
  readonly freeze?: boolean;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const clock = createSimulatedClock();
  const random = createSeededRandom(options.seed);
  const disk = createMemoryDisk();
  const errors: unknown[] = [];
  const nodes: SimulatedNode[] = [];

  async function start(as: { readonly address?: string } = {}): Promise<{ readonly cluster: Cluster; readonly server: RunningServer }> {
    const cluster = await startCluster({
      log: openMemoryLog(disk),
      snapshots: openMemorySnapshots(disk),
      clock,
      random,
      ...as,
      freeze: options.freeze ?? true,
      snapshotEveryEntries: options.snapshotEveryEntries ?? 200,
      warn: (message) => errors.push(message),
    });
    cluster.state.watch.subscribe((change) => options.onChange?.(change, cluster));
    const server = await startServer({
      cluster,
      clock,
      random,
      admission: { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 },
      report: (entry) => void (entry.level === "error" && errors.push(entry)),
      ...options.server,
    });
    return { cluster, server };
  }
  async function stop(): Promise<void> {
    await running.server.close();
    await running.cluster.close();
  }

  let running = await start();
  // The link outlives servers, as an address does.
  const link = createMemoryLink({ connect: (...call) => running.server.link.connect(...call) });

  return {
    clock,
    random,
    link,
    disk,
    nodes,
    errors,
    get cluster() {
      return running.cluster;
    },
    get server() {
      return running.server;
    },
    async addNode(shape, more = {}) {
      const node = createSimulatedNode({ node: nodeOf(random, shape), link, clock, ...more });
      nodes.push(node);
      await node.connect();
      return node;
    },
    async restartServer(as) {
      await stop();
      running = await start(as);
    },
    async close() {
      for (const node of nodes) node.vanish();
      await stop();
    },
  };
}
