/** The room's parts, put together: what stands on every server. What only one does for all is in leading.ts. */
import assert from "node:assert/strict";
import type { AdmissionContext } from "#jobspec";
import type { Cluster, Leadership } from "#cluster";
import type { Clock, KeyEncryption, Link, Membership, Mesh, PeerEnd, Peers, Random } from "#ports";
import type { BackupPolicy } from "./backups/backups.ts";
import { DEFAULT_REJECTION_POLICY, type RejectionPolicy } from "./broker/rejections.ts";
import type { Report, ServerContext } from "./context.ts";
import type { Server } from "./contract.ts";
import { keyringClosed, nodeNotConnected, notLeading, peerNotLeading } from "./errors.ts";
import { type GeneratedIdentities, NO_GENERATED_IDENTITIES } from "./keyring/workload.ts";
import type { KeyringKeeper } from "./keyring/keeper.ts";
import { createKeyring, NO_KEYRING } from "./keyring/keyring.ts";
import { discoveryOf, jwksOf } from "./keyring/published.ts";
import { DEFAULT_KEYRING_POLICY, type KeyringPolicy } from "./keyring/schedule.ts";
import { createWrappings } from "./keyring/wrappings.ts";
import { type Leading, type LeadingParts, NOTHING_LED, startLeading } from "./leading.ts";
import { createAllocationUpdates } from "./nodes/allocation-updates.ts";
import { DEFAULT_HEARTBEAT_POLICY, type HeartbeatPolicy, heartbeatTtlMs } from "./nodes/heartbeats.ts";
import { createNodeIdentities, DEFAULT_INTRODUCTION_POLICY, type IntroductionPolicy } from "./nodes/identities.ts";
import { createRegistry } from "./nodes/registry.ts";
import { createSessions } from "./nodes/sessions.ts";
import { createSignsOfLife } from "./nodes/signs-of-life.ts";
import { DEFAULT_ACCESS_SETTINGS, startAccess, type AccessSettings } from "./access/start-access.ts";
import { createWorkloadRights } from "./access/workload-rights.ts";
import { openAccess } from "./open-access.ts";
import { createOthers } from "./others.ts";
import { collectGarbage } from "./operations/collect-garbage.ts";
import { failDeployment, pauseDeployment, promoteDeployment, setDeploymentHealth } from "./operations/deployments.ts";
import { deleteEvaluations } from "./operations/delete-evaluations.ts";
import { deleteService } from "./operations/delete-service.ts";
import { deregisterJob } from "./operations/deregister-job.ts";
import { dispatchJob } from "./operations/dispatch-job.ts";
import { forcePeriodic } from "./operations/force-periodic.ts";
import { deleteNamespace, upsertNamespace } from "./operations/namespaces.ts";
import { deleteNodePool, upsertNodePool } from "./operations/node-pools.ts";
import { scaleJob } from "./operations/scale-job.ts";
import { scaleStatus } from "./operations/scale-status.ts";
import { drainNode } from "./operations/drain-node.ts";
import { evaluateJob } from "./operations/evaluate-job.ts";
import { setJobStability, tagJobVersion, untagJobVersion } from "./operations/job-versions.ts";
import { evaluateNode, purgeNode, setNodeEligibility } from "./operations/nodes.ts";
import { planJob } from "./operations/plan-job.ts";
import { registerJob } from "./operations/register-job.ts";
import { revertJob } from "./operations/revert-job.ts";
import { rotateRootKey } from "./operations/rotate-root-key.ts";
import { autopilotConfiguration, setAutopilotConfiguration, type AutopilotStart } from "./operations/autopilot.ts";
import { setSchedulerConfiguration } from "./operations/scheduler-configuration.ts";
import { createIdentitySigner } from "./operations/sign-identities.ts";
import { stopAllocation } from "./operations/stop-allocation.ts";
import { validateJob } from "./operations/validate-job.ts";
import { verifyIdentity } from "./operations/verify-identity.ts";
import { DEFAULT_GARBAGE_POLICY, type GarbagePolicy } from "./reconcilers/garbage.ts";
import { ticksAfter } from "./reconcilers/periodic-rules.ts";
import { createJobSealer } from "./sealed/job-sealer.ts";
import { messageOf } from "#std";
import { createTimings } from "./timings.ts";
import { createRestartTurns } from "./turns/restart-turns.ts";
import { checkMesh } from "./mesh/check.ts";
import { gatherMesh } from "./mesh/gather.ts";
import { explain } from "./why/explain.ts";
import { createVariableReader } from "./variables/read-for-node.ts";
import { createSealer } from "./variables/sealer.ts";
import { createVariables } from "./variables/variables.ts";

export interface ServerOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: AdmissionContext;
  /** For the operator's log. */
  readonly report?: Report;
  /** num_schedulers: evaluations in work at one time. */
  readonly workers?: number;
  readonly garbage?: Partial<GarbagePolicy>;
  readonly heartbeats?: Partial<HeartbeatPolicy>;
  /** plan_rejection_tracker: off unless enabled. */
  readonly rejections?: Partial<RejectionPolicy>;
  /** What seals the keyring. Absent (simulations): no keys are made, no identities signed. */
  readonly keyEncryption?: KeyEncryption;
  readonly keyring?: Partial<KeyringPolicy>;
  /** iss of identities, and what OIDC discovery answers. Absent or "": neither. */
  readonly oidcIssuer?: string;
  /** For workloads whose job says nothing. */
  readonly generatedIdentities?: Partial<GeneratedIdentities>;
  /** What governs the mesh (Consul): gateways' entries are written by it. Absent: they are not. */
  readonly mesh?: Mesh;
  /** The way to other servers. Absent: this one stands alone. */
  readonly peers?: Peers;
  /** Who belongs to the servers: the leader forgets those that failed for good. Only with `peers`. */
  readonly membership?: Membership;
  /** autopilot { … }: what a cluster begins with. */
  readonly autopilot?: AutopilotStart;
  /** failover_heartbeat_ttl: how long nodes are believed at least when another server has led until now. Only with `peers`. Default 5 minutes. */
  readonly failoverHeartbeatTtlMs?: number;
  /** client_introduction. Absent: nodes need none. */
  readonly introductions?: Partial<IntroductionPolicy>;
  /** Written by the server that leads. Absent: none. */
  readonly backups?: BackupPolicy;
  /** acl { enabled = true }. Absent: everybody may everything. */
  readonly access?: Partial<AccessSettings> & Pick<AccessSettings, "web">;
}

/** The Server of contract.ts, the door nodes come in by, and what other servers ask. */
export interface RunningServer extends Server {
  readonly link: Link;
  /** The same for the node in this process: it needs no introduction. */
  readonly ownLink: Link;
  readonly peer: Pick<PeerEnd, "beat" | "holdsNode" | "keyEncryption">;
}

/** Enough for the log's group commit to have something to group; passes of large plans take turns anyway. */
const WORKERS_DEFAULT = 4;
/** nomad.md §5.2 */
const FAILOVER_TTL_MS = 300_000;
/** A server that has not been sure to be up to date for so long has no nodes: what is new would not reach them. */
const OUT_OF_DATE_MS = 15_000;

/** All of it or nothing: when a part cannot start, those before it end, so that no half server goes on acting (F5). */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const started = new AsyncDisposableStack();
  try {
    return await assemble(options, started);
  } catch (thrown) {
    await started.disposeAsync();
    throw thrown;
  }
}

/** `started` ends what was started, the last first. */
async function assemble(options: ServerOptions, started: AsyncDisposableStack): Promise<RunningServer> {
  const keep = <Part extends { close(): void }>(part: Part): Part => {
    started.defer(() => part.close());
    return part;
  };
  const { cluster, clock, random, admission, peers } = options;
  const report: Report = options.report ?? (() => undefined);
  const context: ServerContext = { cluster, clock, random, admission, report, mesh: options.mesh };
  const heartbeatPolicy = { ...DEFAULT_HEARTBEAT_POLICY, ...options.heartbeats };
  const others = peers === undefined ? undefined : createOthers(cluster, clock, peers);

  let leading: Leading | undefined;
  /** `what`: for people: "explain a job". */
  const led = (what: string): Leading => {
    if (leading === undefined) throw notLeading(what, cluster.leads ? "" : cluster.leaderAddress);
    return leading;
  };

  // Keys: opened here, looked after by who leads.
  const keyringPolicy = { ...DEFAULT_KEYRING_POLICY, ...options.keyring };
  const disk = options.keyEncryption;
  const wrappings = disk === undefined || others === undefined ? undefined : keep(createWrappings(context, disk, others));
  const encryption = wrappings?.encryption ?? disk;
  const openKeys = encryption === undefined ? undefined : keep(createKeyring(context, encryption));
  const keyring = openKeys ?? NO_KEYRING;
  const sealer = createSealer(keyring);
  const sealed = createJobSealer(context, keyring);
  const reader = keep(createVariableReader(context, sealer, options.access === undefined ? undefined : createWorkloadRights(cluster)));
  const variables = createVariables(context, {
    sealer,
    reader,
    locks: { renew: (place, lockId) => led("renew a lock").locks.renew(place, lockId) },
  });

  // Nodes: what they report, what they are told, who hears that they live.
  const updates = keep(createAllocationUpdates(context));
  const registry = keep(createRegistry(context));
  const restarts = keep(createRestartTurns(context));
  const issuer = options.oidcIssuer ?? "";
  const identities = createIdentitySigner(context, {
    signing: keyring.signing,
    issuer,
    generated: { ...NO_GENERATED_IDENTITIES, ...options.generatedIdentities },
  });
  const nodeIdentities = createNodeIdentities(
    context,
    keyring,
    { ...DEFAULT_INTRODUCTION_POLICY, enforcement: "none", ...options.introductions },
    issuer,
  );
  const signs = keep(
    createSignsOfLife(context, {
      leading: () => leading?.beat,
      others,
      usualTtlMs: () => heartbeatTtlMs(heartbeatPolicy, cluster.state.snapshot().nodeCount, random),
      onCutOff: (why) => sessions.endAll(why),
    }),
  );
  const sessions = keep(
    createSessions(context, {
      signs,
      nodeIdentities,
      closedDoor: () => (others === undefined ? undefined : (unready(cluster) ?? signs.cutOff)),
      silenceMs: others === undefined ? undefined : heartbeatPolicy.graceMs,
      updates,
      registry,
      identities,
      turns: restarts,
      readVariable: variables.readVariable,
      unseal: sealed.unseal,
    }),
  );

  const access =
    options.access === undefined
      ? openAccess()
      : await startAccess(context, { keys: openKeys, ...DEFAULT_ACCESS_SETTINGS, ...options.access }, (end) => started.defer(end));

  const timings = createTimings(clock);
  const parts: LeadingParts = {
    workers: options.workers ?? WORKERS_DEFAULT,
    garbage: { ...DEFAULT_GARBAGE_POLICY, ...options.garbage },
    heartbeats: heartbeatPolicy,
    failoverTtlMs: others === undefined ? 0 : (options.failoverHeartbeatTtlMs ?? FAILOVER_TTL_MS),
    rejections: { ...DEFAULT_REJECTION_POLICY, ...options.rejections },
    keys:
      openKeys === undefined || encryption === undefined
        ? undefined
        : { keyring: openKeys, encryption, policy: keyringPolicy, ...(wrappings === undefined ? {} : { spread: wrappings.spread }) },
    sealer,
    timings,
    backups: options.backups,
    membership: options.membership,
    autopilot: options.autopilot ?? {},
  };
  await lead(context, parts, started, others === undefined, (now) => {
    leading = now;
  });

  const peer: RunningServer["peer"] = {
    async beat(ids) {
      if (leading === undefined) throw peerNotLeading(cluster.leaderAddress);
      return leading.beat(ids);
    },
    holdsNode: async (id) => sessions.holds(id),
    keyEncryption: async (keyId) => (await disk?.wrapping(keyId)) ?? null,
  };

  return {
    cluster,
    link: sessions.link,
    ownLink: sessions.ownLink,
    registerJob: async (request) => registerJob(context, await sealed.seal(request)),
    planJob: async (request) => planJob(context, await sealed.seal(request)),
    validateJob: async (request) => validateJob(context, sealed.check(request)),
    deregisterJob: (namespace, id, how) => deregisterJob(context, namespace, id, how),
    evaluateJob: (namespace, id, how) => evaluateJob(context, namespace, id, how),
    stopAllocation: (id, how) => stopAllocation(context, id, how),
    evaluateNode: (id) => evaluateNode(context, id),
    setNodeEligibility: (id, eligibility) => setNodeEligibility(context, id, eligibility),
    purgeNode: (id) => purgeNode(context, id),
    setSchedulerConfiguration: (configuration, index) => setSchedulerConfiguration(context, configuration, index),
    autopilotConfiguration: () => autopilotConfiguration(cluster.state.snapshot(), parts.autopilot),
    setAutopilotConfiguration: (configuration, index) => setAutopilotConfiguration(context, configuration, index),
    serversStableSinceMs: () => led("tell how the servers are").servers.stableSinceMs(),
    collectGarbage: async () => collectGarbage(context, led("collect garbage").garbage, sessions),
    nodeServices: (id) => sessions.services(id),
    holdsNode: (id) => sessions.holds(id),
    async whoHoldsNode(id) {
      if (sessions.holds(id)) return "";
      const found = await others?.first(async (peer, address) => ((await peer.holdsNode(id)) ? address : undefined));
      if (found === undefined) throw nodeNotConnected(id);
      return found;
    },
    beat: peer.beat,
    peer,
    access,
    introduceNode: (request) => nodeIdentities.introduce(request),
    nodeIdentity: (id) => sessions.identity(id)?.claims ?? null,
    renewNodeIdentity: (id) => sessions.renewIdentity(id),
    revertJob: (namespace, id, version, how) => revertJob(context, namespace, id, version, how),
    setJobStability: (namespace, id, version, stable) => setJobStability(context, namespace, id, version, stable),
    tagJobVersion: (namespace, id, tag) => tagJobVersion(context, namespace, id, tag),
    untagJobVersion: (namespace, id, name) => untagJobVersion(context, namespace, id, name),
    promoteDeployment: (id, groups) => promoteDeployment(context, id, groups),
    pauseDeployment: (id, pause) => pauseDeployment(context, id, pause),
    failDeployment: (id) => failDeployment(context, id),
    setDeploymentHealth: (id, healthy, unhealthy) => setDeploymentHealth(context, id, healthy, unhealthy),
    dispatchJob: (namespace, id, request) => dispatchJob(context, namespace, id, request),
    forcePeriodic: (namespace, id) => forcePeriodic(context, namespace, id),
    scaleJob: (namespace, id, request) => scaleJob(context, namespace, id, request),
    scaleStatus: (namespace, id) => scaleStatus(cluster.state.snapshot(), namespace, id),
    nextLaunches: (job, count) => ticksAfter(job, clock.nowMs(), count),
    drainNode: (id, request) => drainNode(context, id, request),
    upsertNamespace: (record) => upsertNamespace(context, record),
    deleteNamespace: (name) => deleteNamespace(context, name),
    upsertNodePool: (pool) => upsertNodePool(context, pool),
    deleteNodePool: (name) => deleteNodePool(context, name),
    deleteEvaluations: (ids) => deleteEvaluations(context, ids),
    deleteService: (namespace, name, id) => deleteService(context, namespace, name, id),
    jwks: () => jwksOf(cluster.state.snapshot().rootKeys(), keyringPolicy.rotationMs),
    openidConfiguration: () => discoveryOf(issuer),
    rotateRootKey: async (how) => rotateRootKey(keeperOf(led("rotate the root key")), how),
    deleteRootKey: async (id, force) => keeperOf(led("remove a root key")).remove(id, force),
    variables,
    verifyIdentity: (token) => verifyIdentity(context, token),
    explainJob(namespace, id) {
      const { broker, refusals } = led("explain a job");
      return explain(context, broker, refusals, namespace, id);
    },
    checkMesh: async (source, destination, namespace) =>
      checkMesh(await gatherMesh(context, (id) => sessions.services(id), { source, destination, namespace }), namespace),
    timings: timings.read,
    statistics: () => ({
      ...(leading?.statistics() ?? NOTHING_LED),
      "nodes.connected": sessions.connected,
      "state.discarded": cluster.discards ?? 0,
    }),
    close: () => started.disposeAsync(),
  };
}

function keeperOf({ keeper }: Leading): KeyringKeeper {
  if (keeper === undefined) throw keyringClosed();
  return keeper;
}

/** Leads whenever the cluster has this server lead. A server that stands alone and cannot lead does not start. */
async function lead(
  context: ServerContext,
  parts: LeadingParts,
  started: AsyncDisposableStack,
  alone: boolean,
  become: (leading: Leading | undefined) => void,
): Promise<void> {
  const { cluster, report } = context;
  let current: Leading | undefined;
  let failed: { readonly reason: unknown } | undefined;
  const end = async (which: Leading): Promise<void> => {
    if (current === which) {
      current = undefined;
      become(undefined);
    }
    await which.close();
  };
  const begin = async (leadership: Leadership): Promise<() => Promise<void>> => {
    assert(current === undefined, "the one before has ended");
    const begun = await startLeading(context, leadership, parts).catch((thrown: unknown) => {
      failed ??= { reason: thrown };
      report({ level: "error", message: "cannot begin to lead", fields: { error: messageOf(thrown) } });
      throw thrown;
    });
    current = begun;
    become(begun);
    return () => end(begun);
  };
  const stop = await cluster.whenLeading(begin);
  started.defer(async () => {
    stop();
    if (current !== undefined) await end(current);
  });
  if (failed !== undefined && alone) throw failed.reason;
}

/** Why nodes had better be elsewhere: undefined: this server knows what there is to know. */
function unready(cluster: Cluster): string | undefined {
  if (cluster.clusterId === "") return "there is no cluster leader yet";
  const sinceMs = cluster.leads ? 0 : cluster.lastContactMs();
  return sinceMs <= OUT_OF_DATE_MS ? undefined : "this server has lost touch with the other servers";
}
