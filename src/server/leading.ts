/**
 * What one server does for all, while it leads: started in order with a cluster whose proposals are refused as soon as that is over, ended in
 * reverse. All of it or nothing: when a part cannot start, those before it end and the failure goes up, so that no half leader acts (F5).
 *
 *   plan applier ─► broker (reads back what waits), workers ─► deployments, drains, lost nodes ─► periodic ─► keyring ─► garbage, locks
 *     ─► every node that is known gets its time, and more after another server led (F4) ─► backups ─► the servers themselves
 *
 * Nothing that matters is kept here: the next one reads it from the state. nomad.md §7 "Leadership".
 */
import { createPlanApplier } from "#plan";
import type { Leadership } from "#cluster";
import type { NodeId } from "#model";
import type { KeyEncryption, Membership } from "#ports";
import { type BackupPolicy, createBackups } from "./backups/backups.ts";
import { createBroker, type Broker } from "./broker/broker.ts";
import { createRejections, type RejectionPolicy } from "./broker/rejections.ts";
import { createTurns } from "./broker/turns.ts";
import { PASS_CHANGES_MAX, work } from "./broker/worker.ts";
import type { ServerContext } from "./context.ts";
import { createKeyringKeeper, type KeyringKeeper } from "./keyring/keeper.ts";
import type { OpenKeys } from "./keyring/keyring.ts";
import { createResealer } from "./keyring/reseal.ts";
import type { KeyringPolicy } from "./keyring/schedule.ts";
import { createHeartbeats, type HeartbeatPolicy, type Heartbeats } from "./nodes/heartbeats.ts";
import { isLost, takeBack } from "./nodes/returned.ts";
import type { AutopilotStart } from "./operations/autopilot.ts";
import { createDeadServers, type DeadServers } from "./reconcilers/dead-servers.ts";
import { createDeploymentWatcher } from "./reconcilers/deployments/watcher.ts";
import { createDrainer } from "./reconcilers/drains/drainer.ts";
import { createGarbageCollector, type GarbageCollector, type GarbagePolicy } from "./reconcilers/garbage.ts";
import { createDisconnectedNodes } from "./reconcilers/lost-nodes-disconnected.ts";
import { markNodesLost } from "./reconcilers/lost-nodes.ts";
import { createPeriodicLauncher } from "./reconcilers/periodic.ts";
import { createScope, type Scope } from "./scope.ts";
import { createStaleEvaluations } from "./reconcilers/stale-evaluations.ts";
import type { Timings } from "./timings.ts";
import { createVariableLocks, type VariableLocks } from "./variables/locks.ts";
import type { Sealer } from "./variables/sealer.ts";
import { createPlanRefusals, type PlanRefusals } from "./why/plan-refusals.ts";

export interface LeadingParts {
  readonly workers: number;
  readonly garbage: GarbagePolicy;
  readonly heartbeats: HeartbeatPolicy;
  /** Of nodes that another server may have heard of until now. */
  readonly failoverTtlMs: number;
  readonly rejections: RejectionPolicy;
  /** Absent: no keystore, no keys. */
  readonly keys:
    | {
        readonly keyring: OpenKeys;
        readonly encryption: KeyEncryption;
        readonly policy: KeyringPolicy;
        readonly spread?: (keyId: string) => Promise<void>;
      }
    | undefined;
  readonly sealer: Sealer;
  readonly timings: Timings;
  readonly backups: BackupPolicy | undefined;
  /** undefined: this server stands alone. */
  readonly membership: Membership | undefined;
  readonly autopilot: AutopilotStart;
}

export interface Leading {
  readonly broker: Broker;
  readonly refusals: PlanRefusals;
  readonly garbage: GarbageCollector;
  readonly locks: VariableLocks;
  readonly keeper: KeyringKeeper | undefined;
  readonly servers: DeadServers;
  /** These nodes live: each gets its time, and those taken for lost are back. */
  beat(ids: readonly NodeId[]): Promise<Readonly<Record<NodeId, number>>>;
  statistics(): Readonly<Record<string, number>>;
  /** May be repeated. */
  close(): Promise<void>;
}

/** `server`: what the parts of this server share; its cluster is replaced by the fenced one, time and news are theirs until the end. */
export async function startLeading(server: ServerContext, leadership: Leadership, parts: LeadingParts): Promise<Leading> {
  const started = new AsyncDisposableStack();
  const scope = createScope(server.clock, leadership.cluster);
  started.defer(() => scope.close());
  try {
    return assemble(fenced(server, leadership, scope), leadership, parts, started);
  } catch (thrown) {
    await started.disposeAsync();
    throw thrown;
  }
}

/** What is refused because somebody else leads now is nobody's error. */
function fenced(server: ServerContext, { lost }: Leadership, { clock, cluster }: Scope): ServerContext {
  return {
    ...server,
    clock,
    cluster,
    report: (entry) => server.report(lost.aborted && entry.level !== "debug" ? { ...entry, level: "debug" } : entry),
  };
}

function assemble(context: ServerContext, { lost }: Leadership, parts: LeadingParts, started: AsyncDisposableStack): Leading {
  const keep = <Part extends { close(): void }>(part: Part): Part => {
    started.defer(() => part.close());
    return part;
  };
  const { cluster, clock, random } = context;

  // Evaluations: what waits, who works on it, what is laid to rest.
  const applier = keep(createPlanApplier({ cluster, timed: parts.timings.start }));
  const stale = keep(createStaleEvaluations(context, (): Broker => broker));
  const broker: Broker = keep(createBroker({ state: cluster.state, clock, onStale: stale.activate }));
  const refusals = createPlanRefusals();
  const ending = new AbortController();
  const shared = { context, broker, applier, refusals, timings: parts.timings, closing: AbortSignal.any([ending.signal, lost]) };
  const turns = createTurns(Math.floor(PASS_CHANGES_MAX / 4));
  const rejections = createRejections(parts.rejections);
  const workers = Array.from({ length: parts.workers }, () => work({ ...shared, turns, rejections }));
  started.defer(async () => {
    ending.abort();
    broker.close();
    applier.close();
    await Promise.all(workers);
  });

  // What goes on for a while: versions that come, nodes that empty, times that come round.
  const deployments = keep(createDeploymentWatcher(context));
  const drainer = keep(createDrainer(context));
  keep(createDisconnectedNodes(context));
  const periodic = keep(createPeriodicLauncher(context));
  const keeper = parts.keys === undefined ? undefined : keep(createKeyringKeeper(context, parts.keys));
  keep(createResealer(context, parts.sealer));
  const garbage = keep(createGarbageCollector(context, parts.garbage));
  const locks = keep(createVariableLocks(context));

  const heartbeats = keep(
    createHeartbeats({
      clock,
      random,
      policy: parts.heartbeats,
      nodeCount: () => cluster.state.snapshot().nodeCount,
      onMissed: (ids) => void markNodesLost(context, ids, (id) => heartbeats.arm(id)),
    }),
  );
  armKnownNodes(context, heartbeats, parts.failoverTtlMs);
  if (parts.backups !== undefined) keep(createBackups(context, parts.backups));

  const servers = keep(createDeadServers(context, parts.membership, parts.autopilot));

  return {
    broker,
    refusals,
    garbage,
    locks,
    keeper,
    servers,
    beat: (ids) => beat(context, heartbeats, ids),
    statistics: () => ({
      ...broker.statistics(),
      "heartbeat.active": heartbeats.armed,
      "nodes.draining": drainer.draining,
      "deployments.active": deployments.watched,
      "periodic.tracked": periodic.tracked,
      "plan.queue_depth": applier.waiting,
    }),
    close: () => started.disposeAsync(),
  };
}

/** What is counted, where nobody counts: on a server that does not lead. */
export const NOTHING_LED: Readonly<Record<string, number>> = {
  "broker.total_ready": 0,
  "broker.total_unacked": 0,
  "broker.total_pending": 0,
  "broker.total_waiting": 0,
  "broker.total_failed": 0,
  "blocked_evals.total_blocked": 0,
  "blocked_evals.total_escaped": 0,
  "heartbeat.active": 0,
  "nodes.draining": 0,
  "deployments.active": 0,
  "periodic.tracked": 0,
  "plan.queue_depth": 0,
};

/** Nobody was listened to while no server led: every node believed to be there has its full time from now, and the time of a failover (F4). */
function armKnownNodes(context: ServerContext, heartbeats: Heartbeats, atLeastMs: number): void {
  for (const node of context.cluster.state.snapshot().nodes()) if (node.Status !== "down") heartbeats.arm(node.ID, atLeastMs);
}

async function beat(context: ServerContext, heartbeats: Heartbeats, ids: readonly NodeId[]): Promise<Readonly<Record<NodeId, number>>> {
  const snapshot = context.cluster.state.snapshot();
  const known = ids.flatMap((id) => snapshot.node(id) ?? []);
  const ttlsMs = Object.fromEntries(known.map(({ ID }) => [ID, heartbeats.arm(ID)])) as Record<NodeId, number>;
  const back = known.filter(isLost);
  if (back.length > 0) await takeBack(context, back);
  return ttlsMs;
}
