/**
 * A server among others: Consul (ours, or theirs), who belongs to us, the key, the shared log, and the cluster on it.
 *
 * The API answers from the start; the cluster says "No cluster leader" until enough servers have come together.
 */
import { join } from "node:path";
import { readServerId, startSharedCluster, type SharedCluster } from "#cluster";
import {
  claimKey,
  consulSharedLog,
  endPrivateConsul,
  externalMembership,
  privateConsul,
  privateMembership,
  startJoining,
  type PrivateConsul,
  type ServerSelf,
} from "#integrations/consul";
import { openSnapshotStore, startPulse } from "#integrations/host";
import type { LinkTls, NetworkPeers } from "#integrations/link";
import type { Introduction, IntroductionAnswer, Membership, SharedLog } from "#ports";
import { messageOf, VERSION, type NamedError } from "#std";
import type { AgentCluster, ClusterNeeds } from "./cluster-contract.ts";
import { foundersMeet, obtainClusterKey, readClusterKey } from "./cluster-key.ts";
import type { Config } from "./config/mod.ts";
import type { AgentConsul } from "./consul.ts";
import { answerIntroduction, hostOf } from "./introduction.ts";
import { openPeers } from "./link.ts";
import { openLocalLog, SNAPSHOTS } from "./local-log.ts";
import { reporter } from "./log.ts";
import { makerDisk } from "./maker-disk.ts";
import { createMeeting } from "./meeting.ts";
import type { Parts } from "./parts.ts";
import { releaseParts } from "./release.ts";

/** Consul's KV below which everything of a region lies. */
export const prefixOf = ({ region }: Config): string => `drover/${region}`;
/** Which server makes the cluster's key. */
export const keyMakerOf = (config: Config): string => `${prefixOf(config)}/key-maker`;

/** All of it or nothing. */
export async function openWithOthers(needs: ClusterNeeds): Promise<AgentCluster> {
  const opened = new AsyncDisposableStack();
  try {
    return await openParts(needs, opened);
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

async function openParts({ parts, tls, consul }: ClusterNeeds, opened: AsyncDisposableStack): Promise<AgentCluster> {
  const { config, clock, random, log } = parts;
  const disk = makerDisk(config.server.dataDirectory);
  const stopping = new AbortController();
  const local = await openLocalLog(parts, disk);
  opened.defer(() => local.close());
  const serverId = await readServerId(disk, random);
  const self: ServerSelf = {
    name: config.name,
    region: config.region,
    datacenter: config.datacenter,
    serverId,
    rpcAddress: config.advertise.rpc,
    httpAddress: config.advertise.http,
    serfPort: config.ports.serf,
    version: VERSION.drover,
  };
  const peers = await openPeers({ tls, clock, random });
  opened.defer(() => peers.close());
  // One that cannot be read is told of later.
  const isNew = await readClusterKey(disk).then(
    (key) => key === undefined,
    () => false,
  );
  const beside = consul === undefined ? await openPrivateConsul(parts, serverId, tls, isNew) : undefined;
  if (beside !== undefined) opened.defer(() => beside.close());
  // Of a time before consul { }: nobody would end it any more.
  else await endPrivateConsul(join(config.server.dataDirectory, "consul"), clock);
  // A Consul on another machine asks us where the others do.
  const { pulseWorker } = releaseParts();
  const pulse = await startPulse({
    host: consul === undefined || isLocal(consul.connection.address) ? "127.0.0.1" : hostOf(config.advertise.rpc),
    ...(pulseWorker === undefined ? {} : { workerUrl: pulseWorker }),
  });
  opened.defer(() => pulse.close());

  const introduction = (): Introduction => ({
    ServerId: serverId,
    Name: `${config.name}.${config.region}`,
    Region: config.region,
    ClusterId: cluster.clusterId,
    Version: VERSION.drover,
    RpcAddress: config.advertise.rpc,
  });
  // Who has left hears no more of a leader: no news to anybody.
  let left = false;
  const tell = reporter({ ...log, write: (level, ...words) => log.write(left && level === "WARN" ? "DEBUG" : level, ...words) }, "cluster");
  const report = (level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    tell({ level, message, fields });
  const endAgent = (error: NamedError): void => {
    report("error", error.message, { fix: error.fix });
    process.exitCode = 1;
    process.kill(process.pid, "SIGTERM");
  };
  const membership =
    beside === undefined
      ? externalMembership({ connection: (consul as AgentConsul).connection, self, pulseUrl: pulse.url, clock, report })
      : privateMembership({
          consul: beside,
          self,
          pulseUrl: pulse.url,
          introduce: async (rpcAddress) => void (await peers.at(rpcAddress).introduce(introduction())),
          clock,
          report,
        });
  opened.defer(() => membership.close());
  const connection = beside?.connection ?? (consul as AgentConsul).connection;

  const started = Promise.withResolvers<SharedCluster>();
  let awaited = "";
  const waits = (reason: string): void => void (awaited = reason);
  const openShared = async (): Promise<SharedLog> => {
    const { clusterId } = await started.promise;
    const { bootstrapExpect } = config.server;
    const introduce = () => introduceToAll(membership, peers, serverId, introduction());
    const meeting = { bootstrapExpect, introduce, clock, log, waits, signal: stopping.signal };
    const claim = (id: string | undefined) => claimKey(connection, keyMakerOf(config), id);
    const key = await obtainClusterKey({ ...meeting, disk, serverId, claim });
    const shared = consulSharedLog({
      connection,
      prefix: prefixOf(config),
      key,
      pulse: { id: serverId, http: pulse.url },
      clock,
      report: (message) => report("warn", message),
      ...(beside === undefined ? { dailyBytesMax: EXTERNAL_DAILY_BYTES } : {}),
    });
    if (bootstrapExpect > 0 && clusterId === "")
      await foundersMeet({ ...meeting, isThere: async () => (await shared.head()) !== null }).catch(async (thrown: unknown) => {
        await shared.close();
        throw thrown;
      });
    return shared;
  };
  const shared = openShared();
  // Whoever waits for it is told; nobody may have begun to by then.
  shared.catch(() => undefined);
  opened.defer(() => shared.then((each) => each.close()).catch(() => undefined));
  const starting = startSharedCluster({
    serverId,
    name: `${config.name}.${config.region}`,
    rpcAddress: config.advertise.rpc,
    httpAddress: config.advertise.http,
    bootstrap: config.server.bootstrapExpect > 0,
    log: local,
    snapshots: openSnapshotStore(join(config.server.dataDirectory, SNAPSHOTS)),
    disk,
    shared,
    awaited: () => awaited,
    peers,
    clock,
    random,
    report: tell,
    firstConfiguration: config.server.scheduler,
    ...(config.server.snapshotEveryEntries > 0 ? { snapshotEveryEntries: config.server.snapshotEveryEntries } : {}),
  });
  starting.then(started.resolve, started.reject);
  const cluster: SharedCluster = await starting;
  opened.defer(async () => {
    stopping.abort(new Error("the agent stops"));
    await cluster.close();
  });
  const meeting = createMeeting({
    membership,
    clock,
    join: beside && (() => startJoining({ ...config.server.join, membership, serverId, gaveUp: endAgent, clock, report })),
  });
  opened.defer(() => meeting.close());

  return {
    cluster,
    others: {
      peers,
      membership,
      peerEnd: (server, api) => ({
        introduce: (who) =>
          answerIntroduction(
            who,
            introduction(),
            () => readClusterKey(disk),
            () => membership.members(),
          ),
        propose: (command, requestId) => cluster.peer.propose(command, requestId),
        snapshot: (atLeastIndex) => cluster.peer.snapshot(atLeastIndex),
        beat: (nodes) => server.peer.beat(nodes),
        holdsNode: (id) => server.peer.holdsNode(id),
        keyEncryption: (keyId) => server.peer.keyEncryption(keyId),
        api: (incoming) => api.connect(incoming),
      }),
      begin: (served) => meeting.begin(served),
      async reload(renewed) {
        peers.reload(renewed);
        await beside?.reload();
      },
    },
    async close({ leaves }) {
      // Else it may join again those it has just left.
      meeting.close();
      left = leaves;
      if (leaves)
        await membership
          .leave()
          .catch((error: unknown) => log.write("WARN", "cluster", `the others could not be told: ${messageOf(error)}`));
      else if (beside !== undefined)
        log.write("INFO", "consul", "the private Consul of this server runs on, and keeps its vote; to end it, kill it", {
          directory: join(config.server.dataDirectory, "consul"),
          process: beside.pid,
        });
      await opened.disposeAsync();
    },
  };
}

/** On a Consul that others use too. */
const EXTERNAL_DAILY_BYTES = 2 * 1024 ** 3;

export function openPrivateConsul(
  { config, environment, clock, log }: Parts,
  serverId: string,
  tls: LinkTls | undefined,
  isNew = false,
): Promise<PrivateConsul> {
  const { server } = config;
  return privateConsul({
    directory: join(server.dataDirectory, "consul"),
    binary: server.consulPath,
    searchPath: environment["PATH"] ?? "",
    name: config.name,
    region: config.region,
    bind: config.bind.serf,
    advertise: hostOf(config.advertise.serf),
    ports: { serf: config.ports.serf, rpc: config.ports.serf + 1 },
    bootstrapExpect: server.bootstrapExpect,
    encrypt: server.join.encrypt.reveal(),
    isNew,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            caFile: config.tls.caFile,
            certFile: config.tls.certFile,
            keyFile: config.tls.keyFile,
            acceptPlain: config.tls.rpcUpgradeMode,
            verifyServerHostname: config.tls.verifyServerHostname,
            minVersion: config.tls.minVersion,
          },
        }),
    serverId,
    rejoinAfterLeave: server.join.rejoinAfterLeave,
    clock,
    report: (level, message, fields = {}) => log.write(level.toUpperCase() as "INFO" | "WARN" | "ERROR", "consul", message, fields),
  });
}

/** Every other server that answers. Those that refuse say why in the log of whoever waits. */
async function introduceToAll(
  membership: Membership,
  peers: NetworkPeers,
  serverId: string,
  introduction: Introduction,
): Promise<readonly IntroductionAnswer[]> {
  const others = (await membership.members()).filter((member) => member.ServerId !== serverId && member.RpcAddress !== "");
  const answers = await Promise.allSettled(others.map(({ RpcAddress }) => peers.at(RpcAddress).introduce(introduction)));
  const refusals = answers.flatMap((answer) => (answer.status === "rejected" ? [messageOf(answer.reason)] : []));
  const given = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  if (given.length === 0 && refusals.length > 0) throw new Error(refusals.join("; "));
  return given;
}

function isLocal(address: string): boolean {
  return address.startsWith("unix:") || /^https?:\/\/(127\.|localhost\b|\[::1\])/.test(address);
}
