/**
 * What is done on the files of a server that does not run: `operator raft recover`, `operator raft migrate-backend`, `operator snapshot state`.
 *
 * They are commands by their words, so the command line knows their flags and helps with them; but they open logs, read snapshots and start
 * Consul, which no command loads. main.ts hands this door to the command line, and it is opened when such a command runs.
 *
 *   configuration ──► own log opened (its lock: an agent that runs here refuses) ──► record changed │ shared log made anew from this disk
 */
import { join } from "node:path";
import { moveLog, readMakerRecord, readServerId, recoverShared } from "#cluster";
import { claimKey, consulSharedLog, endPrivateConsul, type ConsulConnection, type PrivateConsul } from "#integrations/consul";
import { createHostClock, createHostRandom, openSnapshotStore, openSqliteLog } from "#integrations/host";
import type { Log, SharedLog } from "#ports";
import { stateOfArchive } from "#server";
import { restoreState, type Snapshot } from "#state";
import { messageOf, NamedError } from "#std";
import { readClusterKey } from "./cluster-key.ts";
import { keyMakerOf, openPrivateConsul, prefixOf } from "./cluster-shared.ts";
import type { Config } from "./config/mod.ts";
import { openConsul } from "./consul.ts";
import { SNAPSHOTS } from "./local-log.ts";
import { createLog } from "./log.ts";
import { makerDisk } from "./maker-disk.ts";
import type { Parts } from "./parts.ts";
import { releaseParts } from "./release.ts";
import { readTls } from "./tls.ts";

/** A private Consul that has a majority answers within an election. */
const ANSWER_MS = 15_000;
const ELECTION_MS = 60_000;
const RETRY_MS = 500;

export interface Stopped {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What goes on, for people, a line each. */
  readonly tell: (line: string) => void;
}

/**
 * This server's disk becomes what the cluster goes on from. Where its private Consul has lost its majority, it goes on alone first. NamedErrors
 * LOG_LOCKED, LOG_MAKER_MISMATCH, CLUSTER_KEY_ABSENT, SHARED_LOG_UNREACHABLE, those of the private Consul.
 */
export async function recoverServer(stopped: Stopped): Promise<{ readonly clusterId: string; readonly lastIndex: number }> {
  const { config, tell } = stopped;
  requireServer(config);
  const parts = partsOf(stopped);
  const disk = makerDisk(config.server.dataDirectory);
  const record = await readMakerRecord(disk);
  if (record === undefined) throw nothingThere(config);
  if (record.maker !== "consul") {
    throw new NamedError("RECOVER_ALONE", "Cannot recover a cluster: this server stands alone, its own log is all there is", {
      statusCode: 400,
      fix: "Start it: it goes on from its disk by itself.",
    });
  }
  const log = await openOwnLog(parts);
  const opened = new AsyncDisposableStack();
  opened.defer(() => log.close());
  try {
    const key = await readClusterKey(disk);
    if (key === undefined) throw keyAbsent();
    const serverId = await readServerId(disk, parts.random);
    const { connection, beside } = await reachConsul(parts, serverId, opened);
    const open = () => openShared(parts, connection, key, serverId);
    await withMajority(stopped, { beside, serverId, open });
    const shared = open();
    opened.defer(() => shared.close());
    const snapshots = openSnapshotStore(join(config.server.dataDirectory, SNAPSHOTS));
    // In a Consul that has lost everything nobody has made the cluster's key: servers that come new must not make another.
    await claimKey(connection, keyMakerOf(config), serverId);
    const found = await recoverShared({ log, snapshots, disk, shared, clock: parts.clock });
    tell(`The shared log goes on after entry ${found.lastIndex} of this server`);
    return found;
  } finally {
    await opened.disposeAsync();
  }
}

/** What recovering here would go on from: which server's disk holds most is seen by asking each. NamedErrors LOG_LOCKED, LOG_MAKER_ABSENT. */
export async function lookAtServer(stopped: Stopped): Promise<{ readonly clusterId: string; readonly lastIndex: number }> {
  const { config } = stopped;
  requireServer(config);
  const parts = partsOf(stopped);
  if ((await readMakerRecord(makerDisk(config.server.dataDirectory))) === undefined) throw nothingThere(config);
  const log = await openOwnLog(parts);
  const { clusterId, lastIndex } = log;
  await log.close();
  return { clusterId, lastIndex };
}

/** The log is ordered by another maker from the next start on. NamedErrors LOG_LOCKED, LOG_MAKER_ABSENT. */
export async function migrateBackend(stopped: Stopped, to: "consul" | "sqlite"): Promise<"moved" | "there already"> {
  const { config, tell } = stopped;
  requireServer(config);
  const parts = partsOf(stopped);
  const disk = makerDisk(config.server.dataDirectory);
  if ((await readMakerRecord(disk)) === undefined) throw nothingThere(config);
  // Held while the record changes: no agent starts meanwhile.
  const log = await openOwnLog(parts);
  try {
    const moved = await moveLog(disk, to);
    if (moved === "moved" && to === "sqlite" && config.consul === null) {
      await endPrivateConsul(join(config.server.dataDirectory, "consul"), parts.clock);
      tell("The private Consul of this server has been ended");
    }
    return moved;
  } finally {
    await log.close();
  }
}

/** Everything an archive holds, by table, as JSON can say it. NamedErrors SNAPSHOT_INVALID, STATE_SNAPSHOT_UNREADABLE. */
export async function stateInArchive(archive: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const { unframed } = await import("#cluster");
  const bytes = await stateOfArchive(archive);
  const { chunks } = await unframed(only(bytes));
  const state = await restoreState(chunks, { clock: createHostClock() });
  return tablesOf(state.snapshot());
}

/** Without what opens something: secrets of tokens, sealed values, wrapped keys. */
function tablesOf(snapshot: Snapshot): Readonly<Record<string, unknown>> {
  return {
    Index: snapshot.index,
    SchedulerConfiguration: snapshot.schedulerConfiguration(),
    AutopilotConfiguration: snapshot.autopilotConfiguration(),
    Namespaces: [...snapshot.namespaces()],
    NodePools: [...snapshot.nodePools()],
    Nodes: [...snapshot.nodes()].map(({ SecretID: _secret, ...node }) => node),
    Jobs: [...snapshot.namespaces()].flatMap(({ Name }) => [...snapshot.jobs(Name)]),
    Evaluations: [...snapshot.evaluations()],
    Allocations: [...snapshot.allocations()].map(({ Job: _job, ...allocation }) => allocation),
    Deployments: [...snapshot.deployments()],
    ACLPolicies: [...snapshot.aclPolicies()],
    ACLRoles: [...snapshot.aclRoles()],
  };
}

function requireServer(config: Config): void {
  if (config.server.enabled) return;
  throw new NamedError("SERVER_DISABLED", "Cannot work on a server: the configuration enables none", {
    statusCode: 400,
    fix: "Give the configuration the server is started with: -config=<path>.",
  });
}

function nothingThere(config: Config): NamedError {
  return new NamedError(
    "LOG_MAKER_ABSENT",
    `Cannot work on ${JSON.stringify(config.server.dataDirectory)}: no server has been started there`,
    {
      fix: "Give the configuration the server is started with: -config=<path>.",
    },
  );
}

function keyAbsent(): NamedError {
  return new NamedError(
    "CLUSTER_KEY_ABSENT",
    'Cannot recover a cluster: this server has no cluster key ("server/cluster-key" of its data directory)',
    {
      fix: "Recover on a server that has been part of the cluster, or copy that file from one.",
    },
  );
}

function partsOf({ config, environment, tell }: Stopped): Parts {
  const log = createLog({ level: "WARN", json: false, output: (line) => tell(line.trimEnd()), now: () => new Date() });
  return { config, environment, log, clock: createHostClock({ keepAlive: true }), random: createHostRandom() };
}

/** Whatever orders it; its lock keeps agents away. */
function openOwnLog({ config, random }: Parts): Promise<Log> {
  const workerUrl = releaseParts().sqliteLogWorker;
  return openSqliteLog({
    path: join(config.server.dataDirectory, "log.sqlite"),
    clusterId: random.uuid(),
    ...(workerUrl === undefined ? {} : { workerUrl }),
  });
}

async function reachConsul(
  parts: Parts,
  serverId: string,
  opened: AsyncDisposableStack,
): Promise<{ readonly connection: ConsulConnection; readonly beside: PrivateConsul | undefined }> {
  const { config } = parts;
  if (config.consul !== null) {
    const consul = openConsul(config.consul, config.client.template);
    opened.defer(() => consul.close());
    return { connection: consul.connection, beside: undefined };
  }
  const beside = await openPrivateConsul(parts, serverId, readTls(config).link);
  opened.defer(() => beside.close());
  return { connection: beside.connection, beside };
}

function openShared({ config, clock, log }: Parts, connection: ConsulConnection, key: Uint8Array, serverId: string): SharedLog {
  return consulSharedLog({
    connection,
    prefix: prefixOf(config),
    key,
    // It never leads from here: nobody asks.
    pulse: { id: serverId, http: "http://127.0.0.1:9" },
    clock,
    report: (message) => log.write("DEBUG", "cluster", message),
  });
}

interface Reaching {
  readonly beside: PrivateConsul | undefined;
  readonly serverId: string;
  readonly open: () => SharedLog;
}

/** A Consul of ours without a majority goes on with this server alone; the others join it again when they start. */
async function withMajority({ config, tell }: Stopped, { beside, serverId, open }: Reaching): Promise<void> {
  if (await answers(open, beside === undefined ? ELECTION_MS : ANSWER_MS)) return;
  if (beside === undefined) throw unreachable("Consul has no leader, or does not answer");
  tell("The private Consul has no majority: it goes on with this server alone");
  const host = config.advertise.serf.replace(/:\d+$/, "");
  await beside.recover([{ serverId, address: `${host}:${config.ports.serf + 1}` }]);
  if (!(await answers(open, ELECTION_MS))) throw unreachable("the private Consul elects no leader");
}

async function answers(open: () => SharedLog, withinMs: number): Promise<boolean> {
  const shared = open();
  const endMs = performance.now() + withinMs;
  try {
    while (performance.now() < endMs) {
      const over = Promise.withResolvers<false>();
      const timer = setTimeout(() => over.resolve(false), Math.max(1, endMs - performance.now()));
      const answered = await Promise.race([
        shared.head().then(
          () => true,
          () => false,
        ),
        over.promise,
      ]).finally(() => clearTimeout(timer));
      if (answered) return true;
      await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
    }
    return false;
  } finally {
    await shared.close().catch((error: unknown) => void messageOf(error));
  }
}

function unreachable(why: string): NamedError {
  return new NamedError("SHARED_LOG_UNREACHABLE", `Cannot reach the shared log: ${why}`, {
    statusCode: 503,
    fix: "Look after Consul first; nothing was changed.",
  });
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
