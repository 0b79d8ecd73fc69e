/**
 * Several servers in one process: the real cluster room over the memory shared log, memory peers and a simulated clock. Servers are killed and
 * started again on their disks; roads to the shared log and between servers are cut.
 */
import { type Leadership, type SharedCluster, type SharedClusterLimits, startSharedCluster } from "#cluster";
import {
  createMemoryDisk,
  createMemoryPeerNetwork,
  createMemorySharedWorld,
  createSeededRandom,
  memorySharedLog,
  openMemoryLog,
  openMemorySnapshots,
  type MemoryDisk,
  type MemoryPeerNetwork,
  type MemorySharedWorld,
} from "#integrations/memory";
import type { Clock, Log, Random, SharedLog, SnapshotStore } from "#ports";
import type { Command } from "#state";
import { createSimulatedClock, type SimulatedClock } from "./clock.ts";

export interface SimulatedServer {
  readonly name: string;
  readonly disk: MemoryDisk;
  readonly files: Map<string, string>;
  /** undefined: it is down. */
  cluster: SharedCluster | undefined;
  shared: SharedLog | undefined;
  /** Set while its process may do anything; a killed one's disk takes nothing more. */
  life: { alive: boolean };
  /** What it told its log. */
  readonly told: string[];
  skewMs: number;
  /** Of the program it is started with next; undefined: this one's. */
  featureLevel?: number;
  /** Of the leader's work that is under way here. */
  work: Leadership | undefined;
}

export interface ClusterWorld {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly shared: MemorySharedWorld;
  readonly peers: MemoryPeerNetwork;
  readonly servers: readonly SimulatedServer[];
  start(server: SimulatedServer, as?: { readonly bootstrap?: boolean }): Promise<SharedCluster>;
  /** At once: what was durable is what there is. */
  kill(server: SimulatedServer): void;
  stop(server: SimulatedServer): Promise<void>;
  running(): readonly SimulatedServer[];
  /** Whose work is under way. */
  leaders(): readonly SimulatedServer[];
  until(what: string, holds: () => boolean, limitMs?: number): Promise<void>;
  close(): Promise<void>;
}

export interface ClusterWorldOptions {
  readonly seed: number;
  readonly servers: number;
  readonly snapshotEveryEntries?: number;
  readonly limits?: Partial<SharedClusterLimits>;
  readonly freeze?: boolean;
  /** Runs when work begins on a leader; rejecting refuses it. */
  readonly onBegin?: (server: SimulatedServer, leadership: Leadership) => Promise<void>;
  readonly onEnd?: (server: SimulatedServer) => void;
}

export function createClusterWorld(options: ClusterWorldOptions): ClusterWorld {
  const clock = createSimulatedClock();
  const random = createSeededRandom(options.seed);
  const shared = createMemorySharedWorld({ clock });
  const peers = createMemoryPeerNetwork();
  const unserve = new Map<SimulatedServer, () => void>();
  const servers = Array.from({ length: options.servers }, (_, n): SimulatedServer => {
    const name = `s${n + 1}`;
    return {
      name,
      disk: createMemoryDisk(random.uuid()),
      files: new Map(),
      cluster: undefined,
      shared: undefined,
      life: { alive: false },
      told: [],
      skewMs: 0,
      work: undefined,
    };
  });

  async function start(server: SimulatedServer, { bootstrap = true }: { readonly bootstrap?: boolean } = {}): Promise<SharedCluster> {
    const life = { alive: true };
    server.life = life;
    const log = mortalLog(openMemoryLog(server.disk), life);
    const handle = memorySharedLog(shared, { server: server.name, id: () => random.uuid() });
    server.shared = handle;
    const cluster = await startSharedCluster({
      serverId: server.name,
      name: `${server.name}.global`,
      rpcAddress: `${server.name}:4647`,
      httpAddress: `${server.name}:4646`,
      bootstrap,
      log,
      snapshots: mortalSnapshots(openMemorySnapshots(server.disk), life),
      disk: {
        read: async (path) => server.files.get(path),
        write: async (path, text) => void (life.alive && server.files.set(path, text)),
      },
      shared: Promise.resolve(handle),
      peers: peers.peers(`${server.name}:4647`),
      clock: skewed(clock, server),
      random,
      freeze: options.freeze ?? true,
      ...(options.snapshotEveryEntries === undefined ? {} : { snapshotEveryEntries: options.snapshotEveryEntries }),
      report: ({ level, message }) => void server.told.push(`${level}: ${message}`),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(server.featureLevel === undefined ? {} : { featureLevel: server.featureLevel }),
    });
    server.cluster = cluster;
    unserve.set(server, peers.serve(`${server.name}:4647`, cluster.peer));
    await cluster.whenLeading(async (leadership) => {
      await options.onBegin?.(server, leadership);
      server.work = leadership;
      return async () => {
        server.work = undefined;
        options.onEnd?.(server);
      };
    });
    return cluster;
  }

  const down = (server: SimulatedServer): void => {
    server.life.alive = false;
    unserve.get(server)?.();
    server.cluster = undefined;
    server.shared = undefined;
    server.work = undefined;
  };
  const world: ClusterWorld = {
    clock,
    random,
    shared,
    peers,
    servers,
    start,
    kill(server) {
      shared.crash(server.name);
      down(server);
    },
    async stop(server) {
      const { cluster, shared: handle } = server;
      await cluster?.close();
      await handle?.close();
      down(server);
    },
    running: () => servers.filter(({ cluster }) => cluster !== undefined),
    leaders: () => servers.filter(({ work }) => work !== undefined && !work.lost.aborted),
    async until(what, holds, limitMs = 60_000) {
      for (let passedMs = 0; !holds(); passedMs += 50) {
        if (passedMs >= limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}\n${tellAll(servers)}`);
        await clock.advance(50);
      }
    },
    async close() {
      const closing = Promise.all(world.running().map((server) => world.stop(server)));
      // What is under way may need time to be given up.
      let closed = false;
      closing.finally(() => (closed = true)).catch(() => undefined);
      for (let n = 0; !closed && n < 200; n++) await clock.advance(100);
      await closing;
    },
  };
  return world;
}

export function tellAll(servers: readonly SimulatedServer[]): string {
  return servers
    .map(({ name, cluster, disk, told }) => {
      const standing =
        cluster === undefined
          ? "down"
          : `log ${cluster.state.logIndex}, ${cluster.leads ? "leads" : "follows"}, ${cluster.problem?.message ?? "well"}`;
      return `${name}: ${standing}, disk ${disk.firstIndex}..${disk.firstIndex + disk.entries.length - 1}\n    ${told.slice(-6).join("\n    ")}`;
    })
    .join("\n");
}

/** Promises of the dead are never kept. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

function mortalLog(log: Log, life: { readonly alive: boolean }): Log {
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!life.alive) return never();
    const result = await work();
    return life.alive ? result : never();
  };
  return {
    maker: log.maker,
    get clusterId() {
      return log.clusterId;
    },
    get firstIndex() {
      return log.firstIndex;
    },
    get lastIndex() {
      return log.lastIndex;
    },
    append: (entries) => ask(() => log.append(entries)),
    read: (from) => log.read(from),
    cut: (through) => ask(() => log.cut(through)),
    reset: (to) => ask(() => log.reset(to)),
    close: () => ask(() => log.close()),
  };
}

function mortalSnapshots(snapshots: SnapshotStore, life: { readonly alive: boolean }): SnapshotStore {
  return {
    list: () => snapshots.list(),
    open: (index) => snapshots.open(index),
    async save(index, chunks, keep) {
      const whole: Uint8Array[] = [];
      for await (const chunk of chunks) whole.push(chunk);
      if (!life.alive) return never();
      await snapshots.save(index, each(whole), keep);
    },
  };
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function skewed(clock: Clock, server: SimulatedServer): Clock {
  return {
    nowMs: () => clock.nowMs() + server.skewMs,
    nowNs: () => (clock.nowMs() + server.skewMs) * 1e6,
    after: (delayMs, task) => clock.after(delayMs, task),
    sleep: (delayMs) => clock.sleep(delayMs),
  };
}

export type { Command };
