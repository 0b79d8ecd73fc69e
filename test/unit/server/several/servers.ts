/**
 * Several servers over one book: each has a cluster of its own to look at, all are the same log and state, and the test says who leads and who
 * can be reached. What agreeing takes is tested with #cluster; here it is what servers make of it.
 */
import assert from "node:assert/strict";
import { startCluster, type Cluster, type Leadership, type ServerDescription } from "#cluster";
import {
  createMemoryDisk,
  createMemoryLink,
  createSeededRandom,
  memoryKeyEncryption,
  openMemoryLog,
  openMemorySnapshots,
  type MemoryKeyEncryption,
  type MemoryLink,
} from "#integrations/memory";
import type { Peer, Peers, Random } from "#ports";
import { startServer, type RunningServer, type ServerOptions } from "#server";
import { NamedError } from "#std";
import { createSimulatedClock, type SimulatedClock } from "../../../simulation/clock.ts";
import { nodeOf, type NodeShape } from "../../../simulation/fixtures.ts";
import { createSimulatedNode, type SimulatedNode } from "../../../simulation/node.ts";

export interface OneOfSeveral {
  readonly name: string;
  readonly address: string;
  readonly server: RunningServer;
  readonly cluster: Cluster;
  readonly link: MemoryLink;
  readonly keys: MemoryKeyEncryption;
  /** How often it was asked how nodes are. */
  readonly beats: number;
}

export interface Several {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly book: Cluster;
  readonly servers: readonly OneOfSeveral[];
  readonly reports: readonly { readonly level: string; readonly message: string }[];
  /** Whoever leads ends first; undefined: nobody does then. */
  lead(name: string | undefined): Promise<void>;
  /** From now on nobody reaches this server, and it reaches nobody. */
  cut(name: string, cut: boolean): void;
  addNode(shape: NodeShape, on: string): Promise<SimulatedNode>;
  close(): Promise<void>;
}

interface Standing {
  readonly name: string;
  begin: Parameters<Cluster["whenLeading"]>[0] | undefined;
  end: (() => Promise<void>) | undefined;
  lost: AbortController;
}

export async function several(
  names: readonly string[],
  play: (world: Several) => Promise<void>,
  options: Partial<ServerOptions> & { readonly keyed?: boolean } = {},
): Promise<void> {
  const world = await open(names, options);
  try {
    await play(world);
  } finally {
    await world.close();
  }
}

async function open(
  names: readonly string[],
  { keyed = false, ...options }: Partial<ServerOptions> & { readonly keyed?: boolean },
): Promise<Several> {
  const clock = createSimulatedClock();
  const random = createSeededRandom(7);
  const disk = createMemoryDisk();
  const book = await startCluster({ log: openMemoryLog(disk), snapshots: openMemorySnapshots(disk), clock, random });
  const servers: (OneOfSeveral & { beats: number })[] = [];
  const standings = new Map<string, Standing>();
  const away = new Set<string>();
  const nodes: SimulatedNode[] = [];
  const reports: { readonly level: string; readonly message: string }[] = [];
  const addressOf = (name: string) => `${name}:4647`;
  let leader: string | undefined;
  let epoch = 0;

  function described(name: string): ServerDescription {
    const RpcAddress = addressOf(name);
    return {
      ServerId: name,
      Name: name,
      RpcAddress,
      HttpAddress: "",
      Leader: name === leader,
      Version: "",
      FeatureLevel: 1,
      SyncedIndex: 0,
      Time: 0,
    };
  }

  function clusterOf(name: string): Cluster {
    const standing: Standing = { name, begin: undefined, end: undefined, lost: new AbortController() };
    standings.set(name, standing);
    return {
      clusterId: book.clusterId,
      serverId: name,
      state: book.state,
      propose: (command, requestId) => (away.has(name) ? Promise.reject(noLeader()) : book.propose(command, requestId)),
      read: () => (away.has(name) ? Promise.reject(noLeader()) : book.read()),
      get leads() {
        return leader === name;
      },
      get leaderAddress() {
        return leader === undefined ? "" : addressOf(leader);
      },
      leader: undefined,
      lastContactMs: () => 0,
      whenLeading: async (begin) => {
        standing.begin = begin;
        return () => undefined;
      },
      transferLeadership: () => Promise.reject(noLeader()),
      compact: () => book.compact(),
      readSnapshot: (index) => book.readSnapshot(index),
      restore: (chunks) => book.restore(chunks),
      servers: async () => names.map(described),
      forgetServer: async () => undefined,
      close: async () => undefined,
    };
  }

  function peersOf(from: string): Peers {
    const reach = (address: string): OneOfSeveral & { beats: number } => {
      const found = servers.find((each) => each.address === address);
      if (found === undefined || away.has(from) || away.has(found.name)) throw new NamedError("PEER_UNREACHABLE", `nobody at "${address}"`);
      return found;
    };
    return {
      at: (address) =>
        ({
          beat: async (ids) => {
            const to = reach(address);
            to.beats++;
            return to.server.peer.beat(ids);
          },
          holdsNode: async (id) => reach(address).server.peer.holdsNode(id),
          keyEncryption: async (id) => reach(address).server.peer.keyEncryption(id),
        }) as Partial<Peer> as Peer,
      close: () => undefined,
    };
  }

  async function resign(): Promise<void> {
    const standing = leader === undefined ? undefined : standings.get(leader);
    leader = undefined;
    if (standing === undefined) return;
    standing.lost.abort(new Error("lost"));
    await standing.end?.();
    standing.end = undefined;
  }

  for (const name of names) {
    const cluster = clusterOf(name);
    const keys = memoryKeyEncryption();
    const server = await startServer({
      cluster,
      clock,
      random,
      admission: { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 },
      peers: peersOf(name),
      report: ({ level, message }) => reports.push({ level, message }),
      ...(keyed ? { keyEncryption: keys, keyring: { algorithm: "EdDSA" } } : {}),
      ...options,
    });
    const link = createMemoryLink({ connect: (...call) => server.link.connect(...call) });
    servers.push({ name, address: addressOf(name), server, cluster, link, keys, beats: 0 });
  }

  return {
    clock,
    random,
    book,
    servers,
    reports,
    async lead(name) {
      await resign();
      if (name === undefined) return;
      const standing = standings.get(name);
      assert(standing?.begin !== undefined);
      leader = name;
      standing.lost = new AbortController();
      const { lost } = standing;
      const of = servers.find((each) => each.name === name)?.cluster as Cluster;
      const fenced: Cluster = Object.defineProperty(Object.create(of) as Cluster, "propose", {
        value: (...call: Parameters<Cluster["propose"]>) =>
          lost.signal.aborted ? Promise.reject(new NamedError("CLUSTER_NOT_LEADING", "fenced")) : book.propose(...call),
      });
      const leadership: Leadership = { epoch: ++epoch, cluster: fenced, lost: lost.signal };
      standing.end = await standing.begin(leadership);
    },
    cut(name, cut) {
      if (cut) away.add(name);
      else away.delete(name);
    },
    async addNode(shape, on) {
      const { link } = servers.find(({ name }) => name === on) as OneOfSeveral;
      const node = createSimulatedNode({ node: nodeOf(random, shape), link, clock });
      nodes.push(node);
      const connecting = node.connect();
      await clock.advance(50);
      await connecting;
      return node;
    },
    async close() {
      for (const node of nodes) node.vanish();
      await resign();
      for (const { server } of servers) await server.close();
      await book.close();
    },
  };
}

function noLeader(): NamedError {
  return new NamedError("CLUSTER_NO_LEADER", "No cluster leader", { statusCode: 500 });
}
