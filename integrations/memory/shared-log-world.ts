/**
 * What several servers share in a simulation: one log, one lock, and the road to it, on which anything may go wrong when it is told to.
 *
 *   request ──deliver──► it happens here ──answer──► who asked
 *              hold: late; throw: it never came     hold: late; throw: the answer is lost
 *
 * A request that is held happens whenever it is let go, also after who sent it gave up: that is how a deposed leader's append comes late.
 */
import { type Clock, type ServerReport, type SharedBatch, type SharedHead, type SharedLeader, SUCCESSOR_MS } from "#ports";

export type MemorySharedKind =
  | "append"
  | "cut"
  | "head"
  | "create"
  | "replace"
  | "follow"
  | "acquire"
  | "session"
  | "release"
  | "report"
  | "reports";

export interface MemorySharedRequest {
  /** Of the handle that asks. */
  readonly server: string;
  readonly kind: MemorySharedKind;
  /** Of an append: its first index. */
  readonly index?: number;
}

export interface MemorySharedSession {
  readonly server: string;
  alive: boolean;
}

export interface MemoryStoredHead extends SharedHead {
  /** Random: of what wrote the head last. */
  readonly WriteId: string;
}

/** Everything that stands there; to keep and to put back. */
export interface MemorySharedContent {
  readonly head: MemoryStoredHead | null;
  readonly batches: ReadonlyMap<number, SharedBatch>;
  readonly reports: ReadonlyMap<string, ServerReport>;
}

export interface MemorySharedWorld {
  readonly clock: Clock;
  /** Set by tests. Undefined: everything comes through at once. */
  deliver: ((request: MemorySharedRequest) => Promise<void>) | undefined;
  answer: ((request: MemorySharedRequest) => Promise<void>) | undefined;
  readonly content: MemorySharedContent;
  /** Counts changes of the head; what compare-and-set compares. */
  readonly version: number;
  /** Who holds the lock, in truth. */
  readonly holder: { readonly session: MemorySharedSession; readonly leader: SharedLeader } | undefined;
  /** While nobody holds it: the server that is to take it, and until when the others wait for it. */
  readonly handover: { readonly successorId: string; readonly untilMs: number } | undefined;
  /** The session of whoever leads is ended, as when its health check failed. */
  endTenure(): void;
  /** Nothing gets through to or from these handles while it is so; their sessions live until endTenure. */
  setReachable(server: string, reachable: boolean): void;
  isReachable(server: string): boolean;
  /** The process is gone: its handles never do anything again, its session ends. A new handle of that name is another process. */
  crash(server: string): void;
  /** Everything is lost, sessions too. */
  wipe(): void;
  /** Puts back what `content` was; sessions end. */
  restore(content: MemorySharedContent): void;
  readonly inside: MemorySharedInside;
}

/** For handles only: what a request does when it has come. */
export interface MemorySharedInside {
  /** Nothing happens unless the session holds the lock (undefined: not asked) and the head is still this version. */
  write(session: MemorySharedSession | undefined, version: number, head: MemoryStoredHead, batch?: SharedBatch): boolean;
  replace(head: MemoryStoredHead): void;
  /** false: another holds it, or is waited for. */
  acquire(session: MemorySharedSession, leader: SharedLeader): boolean;
  /** `successorId`: for that server to take the lock, if the session held it. */
  end(session: MemorySharedSession, successorId?: string): void;
  setReport(report: ServerReport): void;
  deleteReport(serverId: string): void;
  /** `onCrash` when the process of that name is gone, `onChange` after anything changed. Returns how to leave. */
  join(server: string, onChange: () => void, onCrash: () => void): () => void;
}

/** Sends `act` on the world's road. Rejects when it or its answer is lost or too late; it may happen all the same. */
export type MemorySend = <T>(
  kind: MemorySharedKind,
  act: () => T,
  options?: { readonly index?: number; readonly withinMs?: number },
) => Promise<T>;

export function createMemorySharedWorld({ clock }: { readonly clock: Clock }): MemorySharedWorld {
  let head: MemoryStoredHead | null = null;
  let version = 0;
  let batches = new Map<number, SharedBatch>();
  let reports = new Map<string, ServerReport>();
  let holder: { session: MemorySharedSession; leader: SharedLeader } | undefined;
  let handover: { successorId: string; untilMs: number } | undefined;
  const unreachable = new Set<string>();
  const handles = new Set<{ server: string; onChange: () => void; onCrash: () => void }>();

  const changed = (): void => [...handles].forEach(({ onChange }) => onChange());
  const end = (session: MemorySharedSession, successorId?: string): void => {
    session.alive = false;
    if (holder?.session === session) {
      holder = undefined;
      handover = successorId === undefined ? undefined : { successorId, untilMs: clock.nowMs() + SUCCESSOR_MS };
    }
    changed();
  };
  const setHead = (next: MemoryStoredHead | null): void => {
    head = next;
    version++;
    for (const [first, { Entries }] of batches) if (next === null || first + Entries.length <= next.Floor) batches.delete(first);
  };
  const put = (content: MemorySharedContent): void => {
    batches = new Map(content.batches);
    reports = new Map(content.reports);
    setHead(content.head);
    handover = undefined;
    if (holder !== undefined) end(holder.session);
    changed();
  };

  const inside: MemorySharedInside = {
    write(session, expected, next, batch) {
      if (session !== undefined && holder?.session !== session) return false;
      if (expected !== version) return false;
      if (batch !== undefined) batches.set(batch.FirstIndex, batch);
      setHead(next);
      changed();
      return true;
    },
    replace(next) {
      batches = new Map();
      setHead(next);
      changed();
    },
    acquire(session, leader) {
      if (!session.alive || (holder !== undefined && holder.session !== session)) return false;
      if (handover !== undefined && handover.successorId !== leader.ServerId && clock.nowMs() < handover.untilMs) return false;
      holder = { session, leader };
      handover = undefined;
      changed();
      return true;
    },
    end,
    setReport: (report) => void reports.set(report.ServerId, structuredClone(report)),
    deleteReport: (serverId) => void reports.delete(serverId),
    join(server, onChange, onCrash) {
      const handle = { server, onChange, onCrash };
      handles.add(handle);
      return () => void handles.delete(handle);
    },
  };

  return {
    clock,
    deliver: undefined,
    answer: undefined,
    get content() {
      return { head, batches: new Map(batches), reports: new Map(reports) };
    },
    get version() {
      return version;
    },
    get holder() {
      return holder;
    },
    get handover() {
      return handover;
    },
    endTenure() {
      if (holder !== undefined) end(holder.session);
    },
    setReachable(server, reachable) {
      if (reachable) unreachable.delete(server);
      else unreachable.add(server);
      changed();
    },
    isReachable: (server) => !unreachable.has(server),
    crash(server) {
      for (const handle of handles) {
        if (handle.server !== server) continue;
        handles.delete(handle);
        handle.onCrash();
      }
      if (holder?.session.server === server) end(holder.session);
    },
    wipe: () => put({ head: null, batches: new Map(), reports: new Map() }),
    restore: put,
    inside,
  };
}
