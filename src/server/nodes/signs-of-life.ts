/**
 * A node that is connected here gave a sign of life: the leader is to know, whose deadlines count (heartbeats.ts).
 *
 *   this server leads ──► armed at once
 *   another leads     ──► gathered for a moment ──► one question to the leader for all ──► its answers
 *                            └── it cannot be asked ──► the node is answered with the usual time; told again until it gets through
 *
 * A change of leaders is no node's concern: nobody is refused for it. A server that cannot reach a leader there is, or has lost touch with the
 * others, for CUT_OFF_MS, is no good to its nodes: `cutOff` says so, and they are sent to another one before the leader misses them.
 */
import type { Clock, Timer } from "#ports";
import type { NodeId } from "#model";
import { messageOf } from "#std";
import type { Others } from "../others.ts";
import type { ServerContext } from "../context.ts";

const GATHER_MS = 5;
const RETRY_MS = 1_000;
/** With the half to three quarters of a TTL that a node lets pass, less than the TTL and its grace. */
export const CUT_OFF_MS = 8_000;
/** Nodes are taken again after so long: only they show whether the leader can be reached again. */
const REST_MS = 5_000;

export interface SignsOfLife {
  /** The time within which the next is wanted. Rejects only where this server leads and cannot record that the node is back. */
  of(id: NodeId): Promise<number>;
  /** Why nodes had better go to another server; undefined: they need not. */
  readonly cutOff: string | undefined;
  close(): void;
}

export interface SignsParts {
  /** Undefined while this server does not lead. */
  readonly leading: () => ((ids: readonly NodeId[]) => Promise<Readonly<Record<NodeId, number>>>) | undefined;
  /** Undefined: there are no other servers. */
  readonly others: Others | undefined;
  readonly usualTtlMs: () => number;
  /** `cutOff` has become true. */
  readonly onCutOff: (why: string) => void;
}

interface Batch {
  readonly ids: Set<NodeId>;
  readonly answered: Promise<Readonly<Record<NodeId, number>>>;
  readonly answer: (ttlsMs: Readonly<Record<NodeId, number>>) => void;
}

export function createSignsOfLife({ cluster, clock, report }: ServerContext, parts: SignsParts): SignsOfLife {
  const { leading, others, usualTtlMs, onCutOff } = parts;
  let open: Batch | undefined;
  /** Not heard by a leader yet. */
  const untold = new Set<NodeId>();
  let gathering: Timer | undefined;
  let retrying: Timer | undefined;
  let closed = false;
  const isolation = createIsolation(clock);

  function gather(id: NodeId): Batch {
    if (open === undefined) {
      const { promise, resolve } = Promise.withResolvers<Readonly<Record<NodeId, number>>>();
      open = { ids: new Set(), answered: promise, answer: resolve };
      gathering = clock.after(GATHER_MS, () => void flush());
    }
    open.ids.add(id);
    return open;
  }

  async function flush(): Promise<void> {
    const batch = open;
    open = undefined;
    if (batch === undefined) return;
    for (const id of batch.ids) untold.add(id);
    batch.answer((await tell()) ?? {});
  }

  /** Everything untold; undefined: nobody heard it. */
  async function tell(): Promise<Readonly<Record<NodeId, number>> | undefined> {
    const ids = [...untold];
    const own = leading();
    const address = cluster.leaderAddress;
    try {
      if (own !== undefined) return heard(ids, await own(ids));
      if (others === undefined || address === "" || cluster.leads) throw new Error("no leader is known");
      return heard(ids, await others.ask(address, (peer) => peer.beat(ids)));
    } catch (thrown) {
      unheard(address, thrown);
      return undefined;
    }
  }

  function heard<Answers>(ids: readonly NodeId[], answers: Answers): Answers {
    for (const id of ids) untold.delete(id);
    isolation.mended();
    return answers;
  }

  function unheard(address: string, thrown: unknown): void {
    if (closed) return;
    report({
      level: "debug",
      message: "the leader did not hear of nodes",
      fields: { leader: address, nodes: untold.size, error: messageOf(thrown) },
    });
    const alone = address !== "" || cluster.lastContactMs() > CUT_OFF_MS;
    if (isolation.failed(alone ? `this server cannot reach the leader: ${messageOf(thrown)}` : undefined)) {
      untold.clear();
      onCutOff(isolation.why as string);
      return;
    }
    retrying?.cancel();
    retrying = clock.after(RETRY_MS, () => void (untold.size > 0 && tell()));
  }

  return {
    async of(id) {
      const own = leading();
      if (own !== undefined) return (await own([id]))[id] ?? usualTtlMs();
      return (await gather(id).answered)[id] ?? usualTtlMs();
    },
    get cutOff() {
      return isolation.why;
    },
    close() {
      closed = true;
      gathering?.cancel();
      retrying?.cancel();
      open?.answer({});
    },
  };
}

/** For how long in a row it has failed. */
function createIsolation(clock: Clock) {
  let sinceMs: number | undefined;
  let lastMs = -Infinity;
  let why: string | undefined;
  return {
    get why() {
      return clock.nowMs() - lastMs < REST_MS ? why : undefined;
    },
    /** true: it is too long from now on. `reason` undefined: it fails everywhere, elsewhere nobody would be better off. */
    failed(reason: string | undefined): boolean {
      const nowMs = clock.nowMs();
      // Long after the last one: nobody has tried meanwhile.
      if (reason === undefined || nowMs - lastMs > REST_MS) sinceMs = undefined;
      sinceMs ??= nowMs;
      lastMs = nowMs;
      if (reason === undefined || nowMs - sinceMs < CUT_OFF_MS) return false;
      sinceMs = undefined;
      why = reason;
      return true;
    },
    mended() {
      sinceMs = undefined;
      why = undefined;
    },
  };
}
