/**
 * The server end of the link: the nodes that are connected, what they say, and what they are told.
 *
 *   connect ──► known secret? ──► register ──► Complete set of its allocations ──► changes, coalesced per tick
 *
 * What a node is told is pushed from state changes in O(changed): only writes by servers (AllocModifyIndex = the entry's index), only
 * to the node concerned. A node believes (ClusterId, Index), never Index alone (F1): both are on every message.
 *
 * A node's secret proves who it is; the first to register an id owns it. Secrets are compared in constant time and never logged.
 */
import { timingSafeEqual, createHash } from "node:crypto";
import type { Allocation, AllocationId, Node, NodeId } from "#model";
import type { Link, LinkConnection, NodeEnd, NodeServices, VariableAnswer, VariableQuestion } from "#ports";
import type { Change } from "#state";
import { commit, evaluationsForNode, type ServerContext } from "../context.ts";
import { linkRefused, linkUnsupported, nodeNotConnected } from "../errors.ts";
import { admitNode, nodeEvent, sameNode } from "./admit.ts";
import type { AllocationUpdates } from "./allocation-updates.ts";
import type { IdentitySigner } from "../operations/sign-identities.ts";
import { verifyIdentity } from "../operations/verify-identity.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { RestartTurns } from "../turns/restart-turns.ts";
import type { Registry } from "./registry.ts";

export interface Sessions {
  readonly link: Link;
  services(id: NodeId): NodeServices;
  holds(id: NodeId): boolean;
  /** All connected nodes' services. */
  everyServices(): readonly NodeServices[];
  readonly connected: number;
  close(): void;
}

interface Session {
  readonly id: NodeId;
  readonly secret: string;
  readonly end: NodeEnd;
  readonly closed: (reason: string) => void;
  /** The Complete set was sent: from now on changes are. */
  synced: boolean;
  changed: Map<AllocationId, Allocation>;
  gone: Set<AllocationId>;
  /** Ends what it follows of the registry. */
  unfollow: (() => void) | undefined;
  over: boolean;
}

export interface SessionParts {
  readonly heartbeats: Heartbeats;
  readonly updates: AllocationUpdates;
  readonly registry: Registry;
  readonly identities: IdentitySigner;
  /** A template's question for a variable. Absent: LINK_UNSUPPORTED. */
  readonly readVariable?: (nodeId: NodeId, question: VariableQuestion) => Promise<VariableAnswer>;
  /** Restart turns. Absent: LINK_UNSUPPORTED. */
  readonly turns?: RestartTurns;
  /** Values of `sensitive` variables. Absent: LINK_UNSUPPORTED. */
  readonly unseal?: (nodeId: NodeId, allocationId: AllocationId) => Promise<Readonly<Record<string, string>>>;
}

export function createSessions(context: ServerContext, parts: SessionParts): Sessions {
  const { heartbeats, updates, registry, identities } = parts;
  const asked = { readVariable: unsupported("readVariable"), turns: NO_TURNS, unseal: unsupported("unseal"), ...parts };
  const { cluster, clock } = context;
  const sessions = new Map<NodeId, Session>();
  let dirty = new Set<Session>();
  let flushWaits = false;

  function push(session: Session, complete: boolean): void {
    const changed = complete ? [...cluster.state.snapshot().allocationsByNode(session.id)] : [...session.changed.values()];
    const gone = complete ? [] : [...session.gone];
    session.changed = new Map();
    session.gone = new Set();
    session.end.allocationsChanged({
      ClusterId: cluster.clusterId,
      Index: cluster.state.index,
      Complete: complete,
      Changed: changed,
      Gone: gone,
    });
  }

  function mark(session: Session): void {
    dirty.add(session);
    if (flushWaits) return;
    flushWaits = true;
    setImmediate(() => {
      flushWaits = false;
      const due = dirty;
      dirty = new Set();
      for (const each of due) if (!each.over) push(each, false);
    });
  }

  function observe(change: Change): void {
    if (sessions.size === 0) return;
    for (const allocation of change.allocations) {
      if (allocation.AllocModifyIndex !== change.index) continue;
      const session = sessions.get(allocation.NodeID);
      if (session === undefined || !session.synced) continue;
      session.changed.set(allocation.ID, allocation);
      mark(session);
    }
    for (const allocation of change.goneAllocations) {
      const session = sessions.get(allocation.NodeID);
      if (session === undefined || !session.synced) continue;
      session.changed.delete(allocation.ID);
      session.gone.add(allocation.ID);
      mark(session);
    }
  }

  function end(session: Session, reason: string): void {
    if (session.over) return;
    session.over = true;
    session.unfollow?.();
    if (sessions.get(session.id) === session) sessions.delete(session.id);
    session.closed(reason);
  }

  async function register(session: Session, described: Node): Promise<number> {
    requireOpen(session);
    if (described.ID !== session.id || !sameSecret(described.SecretID, session.secret))
      throw linkRefused("register node: another node's id or secret");
    const stored = storedNode(context, session);
    const admitted = admitNode(described, stored, clock.nowMs());
    if (stored === undefined || !sameNode(stored, admitted)) {
      const evaluations = evaluationsForNode(context, session.id, cluster.state.index, admitted.NodePool);
      await commit(context, { type: "node-register", Node: admitted, Evaluations: evaluations });
      requireOpen(session);
    }
    const ttlMs = heartbeats.arm(session.id);
    if (!session.synced) {
      session.synced = true;
      push(session, true);
    }
    return ttlMs;
  }

  async function heartbeat(session: Session): Promise<number> {
    requireOpen(session);
    const ttlMs = heartbeats.arm(session.id);
    const stored = storedNode(context, session);
    if (stored === undefined) throw linkRefused(`heartbeat of node "${session.id}": it is not registered`);
    if (stored.Status === "down" || stored.Status === "disconnected") {
      await commit(context, {
        type: "node-status",
        NodeIDs: [session.id],
        Status: Object.keys(stored.Drivers).length > 0 ? "ready" : "initializing",
        Event: nodeEvent("Node reregistered by heartbeat", "Cluster", clock.nowMs()),
        Evaluations: evaluationsForNode(context, session.id, stored.ModifyIndex),
      });
    }
    return ttlMs;
  }

  const link: Link = {
    async connect(node, nodeEnd, closed) {
      if (!cluster.leads) throw linkRefused("connect node: this server does not lead");
      const stored = cluster.state.snapshot().node(node.ID);
      if (stored !== undefined && !sameSecret(stored.SecretID, node.SecretID)) {
        throw linkRefused(`connect node "${node.ID}": the secret is not the one it was registered with`);
      }
      const old = sessions.get(node.ID);
      if (old !== undefined) {
        if (!sameSecret(old.secret, node.SecretID)) throw linkRefused(`connect node "${node.ID}": another node with this id is connected`);
        end(old, "replaced by a new connection of the same node");
      }
      const session: Session = {
        id: node.ID,
        secret: node.SecretID,
        end: nodeEnd,
        closed,
        synced: false,
        changed: new Map(),
        gone: new Set(),
        unfollow: undefined,
        over: false,
      };
      sessions.set(node.ID, session);
      const connection: LinkConnection = {
        register: async (described) => ({ HeartbeatTtlMs: await register(session, described) }),
        heartbeat: async () => ({ HeartbeatTtlMs: await heartbeat(session) }),
        async updateAllocations(reported) {
          requireOpen(session);
          await updates.add(session.id, reported);
        },
        async signIdentities(requests) {
          requireRegistered(session);
          return identities.sign(session.id, requests);
        },
        async services() {
          requireRegistered(session);
          return registry.of(session.id);
        },
        async upsertServices(services) {
          requireRegistered(session);
          await registry.upsert(session.id, services);
        },
        async deleteServices(ids) {
          requireRegistered(session);
          await registry.delete(session.id, ids);
        },
        async followServices() {
          requireRegistered(session);
          session.unfollow?.();
          session.unfollow = registry.follow(session.end);
        },
        async readVariable(question) {
          requireRegistered(session);
          return asked.readVariable(session.id, question);
        },
        async takeTurn(allocationId) {
          requireRegistered(session);
          return asked.turns.take(session.id, allocationId);
        },
        async giveTurnBack(allocationId) {
          requireRegistered(session);
          await asked.turns.giveBack(session.id, allocationId);
        },
        async unseal(allocationId) {
          requireRegistered(session);
          return asked.unseal(session.id, allocationId);
        },
        async verifyIdentity(token) {
          requireRegistered(session);
          return (await verifyIdentity(context, token)) !== undefined;
        },
        close: () => end(session, "closed by the node"),
      };
      return connection;
    },
  };

  const unsubscribe = cluster.state.watch.subscribe(observe);
  return {
    link,
    services(id) {
      const session = sessions.get(id);
      if (session === undefined) throw nodeNotConnected(id);
      return session.end.services;
    },
    holds: (id) => sessions.get(id)?.synced === true,
    everyServices: () => [...sessions.values()].map((session) => session.end.services),
    get connected() {
      return sessions.size;
    },
    close() {
      unsubscribe();
      for (const session of sessions.values()) end(session, "the server stops");
    },
  };
}

/** A part that this server was started without (tests): said, and nobody waits for it. */
function unsupported(call: string): () => Promise<never> {
  return () => Promise.reject(linkUnsupported(call));
}
const NO_TURNS: RestartTurns = { take: unsupported("takeTurn"), giveBack: unsupported("giveTurnBack") };

function requireOpen(session: Session): void {
  if (session.over) throw linkRefused(`node "${session.id}": the connection is closed`);
}

/** Until it has registered, a session has only said whose id it would like to be. */
function requireRegistered(session: Session): void {
  requireOpen(session);
  if (!session.synced) throw linkRefused(`node "${session.id}": it has not registered on this connection`);
}

function storedNode(context: ServerContext, session: Session): Node | undefined {
  const stored = context.cluster.state.snapshot().node(session.id);
  if (stored !== undefined && !sameSecret(stored.SecretID, session.secret)) {
    throw linkRefused(`node "${session.id}": the secret is not the one it was registered with`);
  }
  return stored;
}

function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}
