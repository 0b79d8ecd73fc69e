/** The room's parts, put together. Reads like a parts list; everything with behaviour has its own file. */
import { createPlanApplier } from "#plan";
import type { AdmissionContext } from "#jobspec";
import type { Cluster } from "#cluster";
import type { NodeId } from "#model";
import type { Clock, KeyEncryption, Link, Mesh, Random } from "#ports";
import { openAccess } from "./open-access.ts";
import { createBroker, type Broker } from "./broker/broker.ts";
import { createRejections, DEFAULT_REJECTION_POLICY, type RejectionPolicy } from "./broker/rejections.ts";
import { createTurns } from "./broker/turns.ts";
import { PASS_CHANGES_MAX, work } from "./broker/worker.ts";
import type { Report, ServerContext } from "./context.ts";
import type { Server } from "./contract.ts";
import { keyringClosed } from "./errors.ts";
import { type GeneratedIdentities, NO_GENERATED_IDENTITIES } from "./keyring/claims.ts";
import { createKeyring, type Keyring } from "./keyring/keyring.ts";
import { discoveryOf, jwksOf } from "./keyring/published.ts";
import { createResealer } from "./keyring/reseal.ts";
import { DEFAULT_KEYRING_POLICY, type KeyringPolicy } from "./keyring/schedule.ts";
import { createAllocationUpdates } from "./nodes/allocation-updates.ts";
import { createHeartbeats, DEFAULT_HEARTBEAT_POLICY, type HeartbeatPolicy } from "./nodes/heartbeats.ts";
import { createRegistry } from "./nodes/registry.ts";
import { createSessions } from "./nodes/sessions.ts";
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
import { setSchedulerConfiguration } from "./operations/scheduler-configuration.ts";
import { createIdentitySigner } from "./operations/sign-identities.ts";
import { stopAllocation } from "./operations/stop-allocation.ts";
import { validateJob } from "./operations/validate-job.ts";
import { verifyIdentity } from "./operations/verify-identity.ts";
import { createGarbageCollector, DEFAULT_GARBAGE_POLICY, type GarbagePolicy } from "./reconcilers/garbage.ts";
import { createDeploymentWatcher } from "./reconcilers/deployments/watcher.ts";
import { createDrainer } from "./reconcilers/drains/drainer.ts";
import { createDisconnectedNodes } from "./reconcilers/lost-nodes-disconnected.ts";
import { markNodesLost } from "./reconcilers/lost-nodes.ts";
import { createPeriodicLauncher } from "./reconcilers/periodic.ts";
import { ticksAfter } from "./reconcilers/periodic-rules.ts";
import { createStaleEvaluations } from "./reconcilers/stale-evaluations.ts";
import { createJobSealer } from "./sealed/job-sealer.ts";
import { createTimings } from "./timings.ts";
import { createRestartTurns } from "./turns/restart-turns.ts";
import { checkMesh } from "./mesh/check.ts";
import { gatherMesh } from "./mesh/gather.ts";
import { explain } from "./why/explain.ts";
import { createPlanRefusals } from "./why/plan-refusals.ts";
import { createVariableLocks } from "./variables/locks.ts";
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
}

/** The Server of contract.ts, and the door nodes come in by. */
export interface RunningServer extends Server {
  readonly link: Link;
}

/** Enough for the log's group commit to have something to group; passes of large plans take turns anyway. */
const WORKERS_DEFAULT = 4;

/** All of it or nothing: when a part cannot start, those before it end, so that no half server goes on acting (F5). */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const started = new AsyncDisposableStack();
  try {
    return assemble(options, started);
  } catch (thrown) {
    await started.disposeAsync();
    throw thrown;
  }
}

/** `started` ends what was started, the last first. */
function assemble(options: ServerOptions, started: AsyncDisposableStack): RunningServer {
  const keep = <Part extends { close(): void }>(part: Part): Part => {
    started.defer(() => part.close());
    return part;
  };
  const { cluster, clock, random, admission } = options;
  const report: Report = options.report ?? (() => undefined);
  const context: ServerContext = { cluster, clock, random, admission, report, mesh: options.mesh };
  const heartbeatPolicy = { ...DEFAULT_HEARTBEAT_POLICY, ...options.heartbeats };
  const garbagePolicy = { ...DEFAULT_GARBAGE_POLICY, ...options.garbage };

  // Nodes: until when each is believed, what they report, what they are told.
  const heartbeats = keep(
    createHeartbeats({
      clock,
      random,
      policy: heartbeatPolicy,
      nodeCount: () => cluster.state.snapshot().nodeCount,
      onMissed: (ids) => void markNodesLost(context, ids, (id) => heartbeats.arm(id)),
    }),
  );
  const updates = keep(createAllocationUpdates(context));
  const keyringPolicy = { ...DEFAULT_KEYRING_POLICY, ...options.keyring };
  const keyring = options.keyEncryption === undefined ? NO_KEYRING : keep(createKeyring(context, options.keyEncryption, keyringPolicy));
  const identities = createIdentitySigner(context, {
    signing: keyring.signing,
    issuer: options.oidcIssuer ?? "",
    generated: { ...NO_GENERATED_IDENTITIES, ...options.generatedIdentities },
  });
  const sealed = createJobSealer(context, keyring);
  const registry = keep(createRegistry(context));
  const restarts = keep(createRestartTurns(context));
  const sealer = createSealer(keyring);
  const reader = keep(createVariableReader(context, sealer));
  const variables = createVariables(context, { sealer, reader, locks: keep(createVariableLocks(context)) });
  keep(createResealer(context, sealer));
  const sessions = keep(
    createSessions(context, {
      heartbeats,
      updates,
      registry,
      identities,
      turns: restarts,
      readVariable: variables.readVariable,
      unseal: sealed.unseal,
    }),
  );
  armKnownNodes(context, heartbeats.arm);

  // Evaluations: what waits, who works on it, what is laid to rest.
  const stale = keep(createStaleEvaluations(context, (): Broker => broker));
  const broker: Broker = keep(createBroker({ state: cluster.state, clock, onStale: stale.activate }));
  const timings = createTimings(clock);
  const applier = keep(createPlanApplier({ cluster, timed: timings.start }));
  const turns = createTurns(Math.floor(PASS_CHANGES_MAX / 4));
  const closing = new AbortController();
  const rejections = createRejections({ ...DEFAULT_REJECTION_POLICY, ...options.rejections });
  const refusals = createPlanRefusals();
  const parts = { context, broker, applier, turns, rejections, refusals, timings, closing: closing.signal };
  const workers = Array.from({ length: options.workers ?? WORKERS_DEFAULT }, () => work(parts));
  started.defer(async () => {
    closing.abort();
    broker.close();
    applier.close();
    await Promise.all(workers);
  });
  const garbage = keep(createGarbageCollector(context, garbagePolicy));

  // What goes on for a while: versions that come, nodes that empty.
  const deployments = keep(createDeploymentWatcher(context));
  const drainer = keep(createDrainer(context));
  const periodic = keep(createPeriodicLauncher(context));
  keep(createDisconnectedNodes(context));

  return {
    cluster,
    link: sessions.link,
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
    collectGarbage: () => collectGarbage(context, garbage, sessions),
    nodeServices: (id) => sessions.services(id),
    holdsNode: (id) => sessions.holds(id),
    whoHoldsNode: async (id) => {
      sessions.services(id);
      return "";
    },
    beat: async (ids) => Object.fromEntries(ids.map((id) => [id, heartbeats.arm(id)])),
    access: openAccess(),
    introduceNode: () => refuseKeys(),
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
    openidConfiguration: () => discoveryOf(options.oidcIssuer ?? ""),
    rotateRootKey: (how) => rotateRootKey(keyring, how),
    deleteRootKey: (id, force) => keyring.remove(id, force),
    variables,
    verifyIdentity: (token) => verifyIdentity(context, token),
    explainJob: (namespace, id) => explain(context, broker, refusals, namespace, id),
    checkMesh: async (source, destination, namespace) =>
      checkMesh(await gatherMesh(context, (id) => sessions.services(id), { source, destination, namespace }), namespace),
    timings: timings.read,
    statistics: () => ({
      ...broker.statistics(),
      "heartbeat.active": heartbeats.armed,
      "nodes.connected": sessions.connected,
      "nodes.draining": drainer.draining,
      "deployments.active": deployments.watched,
      "periodic.tracked": periodic.tracked,
      "plan.queue_depth": applier.waiting,
    }),
    close: () => started.disposeAsync(),
  };
}

const refuseKeys = () => Promise.reject(keyringClosed());
const NO_KEYRING: Keyring = { signing: refuseKeys, opened: refuseKeys, rotate: refuseKeys, remove: refuseKeys, close: () => undefined };

/** Nobody was listened to while no server ran: every node believed to be there has its full time from now (F4). */
function armKnownNodes(context: ServerContext, arm: (id: NodeId) => number): void {
  for (const node of context.cluster.state.snapshot().nodes()) if (node.Status !== "down") arm(node.ID);
}
