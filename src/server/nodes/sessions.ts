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
import type { HeartbeatAnswer, Link, LinkConnection, NodeEnd, NodeServices, Timer, VariableAnswer, VariableQuestion } from "#ports";
import type { Change } from "#state";
import { commit, evaluationsForNode, type ServerContext } from "../context.ts";
import { linkRefused, linkUnsupported, nodeNotConnected, serverNotReady } from "../errors.ts";
import { admitNode, sameNode } from "./admit.ts";
import type { AllocationUpdates } from "./allocation-updates.ts";
import type { IdentitySigner } from "../operations/sign-identities.ts";
import { verifyIdentity } from "../operations/verify-identity.ts";
import type { IssuedIdentity, NodeIdentities } from "./identities.ts";
import type { SignsOfLife } from "./signs-of-life.ts";
import type { RestartTurns } from "../turns/restart-turns.ts";
import type { Registry } from "./registry.ts";

export interface Sessions {
  readonly link: Link;
  /** For the node in this very process, which needs no introduction. */
  readonly ownLink: Link;
  services(id: NodeId): NodeServices;
  holds(id: NodeId): boolean;
  /** All connected nodes' services. */
  everyServices(): readonly NodeServices[];
  readonly connected: number;
  /** What was last issued to a node that is connected here; NODE_NOT_CONNECTED. undefined: nothing yet. */
  identity(id: NodeId): IssuedIdentity | undefined;
  /** It is given another identity with its next heartbeat. NODE_NOT_CONNECTED. */
  renewIdentity(id: NodeId): void;
  /** Everybody is sent away: to another server. */
  endAll(reason: string): void;
  close(): void;
}

const SWEEP_MS = 5_000;
/** Between its connection and its first word. */
const CONNECTED_MS = 30_000;

interface Session {
  readonly id: NodeId;
  readonly secret: string;
  /** It runs in this process. */
  readonly own: boolean;
  readonly end: NodeEnd;
  readonly closed: (reason: string) => void;
  /** The Complete set was sent: from now on changes are. */
  synced: boolean;
  changed: Map<AllocationId, Allocation>;
  gone: Set<AllocationId>;
  /** Ends what it follows of the registry. */
  unfollow: (() => void) | undefined;
  /** Until when the next word is expected. */
  silentAtMs: number;
  identity: IssuedIdentity | undefined;
  /** Somebody wants it to have another one. */
  renewal: boolean;
  over: boolean;
}

export interface SessionParts {
  readonly signs: SignsOfLife;
  readonly nodeIdentities: NodeIdentities;
  /** Why no node is taken now, and those that are here are sent to another server; undefined: all are welcome. */
  readonly closedDoor: () => string | undefined;
  /**
   * Where there are other servers: who says nothing for this long after its word was due has gone to another one, or nowhere, and its session
   * ends. undefined: never.
   */
  readonly silenceMs: number | undefined;
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

const INTRODUCE =
  'Make a token with "drover node intro create"; the node shows it as NOMAD_CLIENT_INTRO_TOKEN, or from intro_token.jwt in its state directory.';

export function createSessions(context: ServerContext, parts: SessionParts): Sessions {
  const { signs, nodeIdentities, updates, registry, identities, silenceMs } = parts;
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
    if (change.replaced === true) {
      // Nothing that was told may be believed to be known: everybody is told the whole.
      for (const session of sessions.values()) if (session.synced) push(session, true);
      return;
    }
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

  async function register(session: Session, described: Node, introductionToken: string): Promise<HeartbeatAnswer> {
    requireOpen(session);
    if (described.ID !== session.id || !sameSecret(described.SecretID, session.secret))
      throw linkRefused("register node: another node's id or secret");
    const stored = storedNode(context, session) ?? (await introduced(session, described, introductionToken));
    const admitted = admitNode(described, stored, clock.nowMs());
    if (stored === undefined || !sameNode(stored, admitted)) {
      const evaluations = evaluationsForNode(context, session.id, cluster.state.index, admitted.NodePool);
      await commit(context, { type: "node-register", Node: admitted, Evaluations: evaluations });
      requireOpen(session);
    }
    const ttlMs = await signs.of(session.id);
    requireOpen(session);
    if (!session.synced) {
      session.synced = true;
      push(session, true);
    }
    return answer(session, ttlMs, admitted);
  }

  /** A node this server does not know: it may be known to the others by now. undefined: nobody knows it, and it may come. */
  async function introduced(session: Session, described: Node, token: string): Promise<Node | undefined> {
    await cluster.read();
    const stored = storedNode(context, session);
    if (stored !== undefined) return stored;
    if (session.own) return undefined;
    const refusal = await nodeIdentities.refusal(described, token);
    if (refusal !== undefined) throw linkRefused(refusal, INTRODUCE);
    return undefined;
  }

  async function heartbeat(session: Session): Promise<HeartbeatAnswer> {
    requireOpen(session);
    const stored = storedNode(context, session);
    if (stored === undefined) throw linkRefused(`heartbeat of node "${session.id}": it is not registered`);
    return answer(session, await signs.of(session.id), stored);
  }

  async function answer(session: Session, ttlMs: number, node: Node): Promise<HeartbeatAnswer> {
    session.silentAtMs = clock.nowMs() + ttlMs + (silenceMs ?? 0);
    if (!session.renewal && !nodeIdentities.worn(session.identity)) return { HeartbeatTtlMs: ttlMs };
    const issued = await nodeIdentities.issue(node);
    if (issued === undefined) return { HeartbeatTtlMs: ttlMs };
    session.identity = issued;
    session.renewal = false;
    return { HeartbeatTtlMs: ttlMs, NodeIdentity: issued.token };
  }

  let sweeping: Timer | undefined;
  function sweep(): void {
    const nowMs = clock.nowMs();
    const why = parts.closedDoor();
    for (const session of sessions.values()) {
      if (why !== undefined) end(session, why);
      else if (session.silentAtMs <= nowMs) end(session, "it said nothing for too long");
    }
    sweeping = clock.after(SWEEP_MS, sweep);
  }
  if (silenceMs !== undefined) sweeping = clock.after(SWEEP_MS, sweep);

  function connected(id: NodeId): Session {
    const session = sessions.get(id);
    if (session === undefined) throw nodeNotConnected(id);
    return session;
  }

  const linkFor = (own: boolean): Link => ({
    async connect(node, nodeEnd, closed) {
      const why = parts.closedDoor();
      if (why !== undefined) throw serverNotReady(why);
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
        own,
        end: nodeEnd,
        closed,
        synced: false,
        changed: new Map(),
        gone: new Set(),
        unfollow: undefined,
        silentAtMs: clock.nowMs() + CONNECTED_MS,
        identity: undefined,
        renewal: false,
        over: false,
      };
      sessions.set(node.ID, session);
      const connection: LinkConnection = {
        register: (described, introductionToken = "") => register(session, described, introductionToken),
        heartbeat: () => heartbeat(session),
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
  });

  const unsubscribe = cluster.state.watch.subscribe(observe);
  return {
    link: linkFor(false),
    ownLink: linkFor(true),
    services: (id) => connected(id).end.services,
    holds: (id) => sessions.get(id)?.synced === true,
    everyServices: () => [...sessions.values()].map((session) => session.end.services),
    get connected() {
      return sessions.size;
    },
    identity: (id) => connected(id).identity,
    renewIdentity(id) {
      connected(id).renewal = true;
    },
    endAll(reason) {
      for (const session of sessions.values()) end(session, reason);
    },
    close() {
      unsubscribe();
      sweeping?.cancel();
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
