/**
 * Restart turns: of allocations that share a secret, no more than the group's `update.max_parallel` are down at once for its sake, over all
 * nodes. decide.ts says who is next; here places are kept, grants written, and those who wait answered.
 *
 *   take ──► place in the group's queue ──► look ──► turn-take (in the log) ──► granted
 *              └── 19 s ──► not yet, why (the place is kept a minute)    ▲
 *                             changes of the group, deadlines ───────────┘
 *
 * Granted turns stand in the state: a server that takes over knows them. The queue is here alone: whoever waited asks again. A turn on its
 * way to the log counts as held; should two servers ever grant at once, the state refuses what is too much.
 */
import { type Allocation, type AllocationId, jobKey, type NodeId, terminal } from "#model";
import type { RestartTurn, Timer } from "#ports";
import { NamedError } from "#std";
import type { Change, Snapshot } from "#state";
import { commit, type ServerContext } from "../context.ts";
import { turnForeign } from "../errors.ts";
import { decideTurns, NOTHING_SEEN, type Seen } from "./decide.ts";
import { type GroupName, viewGroup } from "./group-view.ts";

export interface RestartTurns {
  /** Answers within 20 s. NamedError TURN_FOREIGN: not an allocation of this node. */
  take(nodeId: NodeId, allocationId: AllocationId): Promise<RestartTurn>;
  /** Resolves when committed. Unknown ones are fine; TURN_FOREIGN for another node's. */
  giveBack(nodeId: NodeId, allocationId: AllocationId): Promise<void>;
}

const ANSWER_MS = 19_000;
const PLACE_KEPT_MS = 60_000;
const GRANTED: RestartTurn = { Granted: true, Reason: "" };

interface Waiter {
  readonly resolve: (turn: RestartTurn) => void;
  readonly reject: (error: unknown) => void;
}
/** A place in a queue. */
interface Place {
  askedMs: number;
  readonly waiters: Set<Waiter>;
}
interface Group {
  readonly of: GroupName;
  /** In order. */
  readonly places: Map<AllocationId, Place>;
  /** Turns on their way to the log, and since when. */
  readonly taking: Map<AllocationId, { readonly sinceMs: number; readonly done: Promise<void> }>;
  seen: Seen;
  reason: string;
  timer: Timer | undefined;
}

export function createRestartTurns(context: ServerContext): RestartTurns & { close(): void } {
  const { cluster, clock } = context;
  const groups = new Map<string, Group>();
  let dirty = new Set<Group>();
  let lookWaits = false;
  let closed = false;

  function mark(group: Group): void {
    dirty.add(group);
    if (lookWaits || closed) return;
    lookWaits = true;
    setImmediate(() => {
      lookWaits = false;
      const due = dirty;
      dirty = new Set();
      if (!closed) for (const each of due) look(each);
    });
  }

  function look(group: Group): void {
    const nowMs = clock.nowMs();
    const snapshot = cluster.state.snapshot();
    group.timer?.cancel();
    group.timer = undefined;
    leave(group, snapshot, nowMs);
    if (group.places.size === 0) {
      if (group.taking.size === 0) groups.delete(nameOf(group.of));
      return;
    }
    const view = viewGroup(snapshot, group.of, new Map([...group.taking].map(([id, { sinceMs }]) => [id, sinceMs])));
    if (view === undefined) return answerAll(group);
    // Who is between two questions keeps its place, but a turn is for who takes it.
    const asking = [...group.places].filter(([id, place]) => place.waiters.size > 0 && !group.taking.has(id)).map(([id]) => id);
    const decision = decideTurns(view, asking, group.seen, nowMs);
    group.seen = decision.seen;
    group.reason = decision.reason;
    if (decision.expired.length > 0) takeAway(decision.expired);
    for (const id of decision.grants) grant(group, id, view.max);
    const places = [...group.places.values()].filter(({ waiters }) => waiters.size === 0).map(({ askedMs }) => askedMs + PLACE_KEPT_MS);
    const atMs = Math.min(decision.lookAtMs ?? Infinity, ...places);
    if (atMs < Infinity) group.timer = clock.after(Math.max(1, atMs - nowMs), () => mark(group));
  }

  /** Places of those who do not need a turn any more, or do not ask any more. */
  function leave(group: Group, snapshot: Snapshot, nowMs: number): void {
    for (const [id, place] of group.places) {
      const allocation = snapshot.allocation(id);
      if (allocation === undefined || terminal(allocation)) {
        answer(place, GRANTED);
        group.places.delete(id);
      } else if (place.waiters.size === 0 && nowMs - place.askedMs >= PLACE_KEPT_MS) group.places.delete(id);
    }
  }

  /** Nothing limits them any more. */
  function answerAll(group: Group): void {
    for (const place of group.places.values()) answer(place, GRANTED);
    group.places.clear();
    mark(group);
  }

  function grant(group: Group, id: AllocationId, max: number): void {
    const done = commit(context, { type: "turn-take", AllocationID: id, Max: max }).then(
      () => {
        const place = group.places.get(id);
        group.places.delete(id);
        if (place !== undefined) answer(place, GRANTED);
      },
      (thrown: unknown) => {
        const refused = thrown instanceof NamedError && thrown.code === "COMMAND_REFUSED";
        // The state knows better: look again. Anything else is for who asked.
        if (!refused) for (const waiter of group.places.get(id)?.waiters ?? []) waiter.reject(thrown);
      },
    );
    const taken = done.then(() => {
      group.taking.delete(id);
      mark(group);
    });
    group.taking.set(id, { sinceMs: clock.nowMs(), done: taken });
  }

  function takeAway(ids: readonly AllocationId[]): void {
    context.report({
      level: "warn",
      message: "restart turns were held too long and are taken away",
      fields: { allocations: ids.join(" ") },
    });
    commit(context, { type: "turn-give", AllocationIDs: ids }).catch(() => undefined);
  }

  function observe(change: Change): void {
    if (groups.size === 0) return;
    for (const { Namespace, JobID, TaskGroup } of [...change.allocations, ...change.goneAllocations]) wake({ Namespace, JobID, TaskGroup });
    const { type } = change.command;
    if (change.replaced === true || type === "turn-give" || type === "node-status" || type === "node-purge")
      for (const group of groups.values()) mark(group);
    const jobs = [...change.jobs, ...change.goneJobs, ...change.deployments.map(({ Namespace, JobID }) => ({ Namespace, ID: JobID }))];
    for (const job of jobs) {
      const key = jobKey(job);
      for (const group of groups.values()) if (jobKey({ Namespace: group.of.Namespace, ID: group.of.JobID }) === key) mark(group);
    }
  }

  function wake(of: GroupName): void {
    const group = groups.get(nameOf(of));
    if (group !== undefined) mark(group);
  }

  function groupOf(allocation: Allocation): Group {
    const { Namespace, JobID, TaskGroup } = allocation;
    const of = { Namespace, JobID, TaskGroup };
    const known = groups.get(nameOf(of));
    if (known !== undefined) return known;
    const group: Group = { of, places: new Map(), taking: new Map(), seen: NOTHING_SEEN, reason: "", timer: undefined };
    groups.set(nameOf(of), group);
    return group;
  }

  function wait(group: Group, id: AllocationId): Promise<RestartTurn> {
    const place = group.places.get(id) ?? { askedMs: 0, waiters: new Set() };
    place.askedMs = clock.nowMs();
    group.places.set(id, place);
    return new Promise<RestartTurn>((resolve, reject) => {
      const finish = () => {
        timer.cancel();
        place.waiters.delete(waiter);
        place.askedMs = clock.nowMs();
      };
      const waiter: Waiter = {
        resolve: (turn) => (finish(), resolve(turn)),
        reject: (error) => (finish(), reject(error as Error)),
      };
      place.waiters.add(waiter);
      const timer = clock.after(ANSWER_MS, () => {
        waiter.resolve({ Granted: false, Reason: group.reason });
        mark(group);
      });
      mark(group);
    });
  }

  function own(nodeId: NodeId, id: AllocationId): Allocation | undefined {
    const allocation = cluster.state.snapshot().allocation(id);
    if (allocation !== undefined && allocation.NodeID !== nodeId) throw turnForeign(id, nodeId);
    return allocation;
  }

  const unsubscribe = cluster.state.watch.subscribe(observe);
  return {
    async take(nodeId, id) {
      const allocation = own(nodeId, id);
      if (allocation === undefined) throw turnForeign(id, nodeId);
      const snapshot = cluster.state.snapshot();
      // What ends anyway harms nobody by going down.
      if (terminal(allocation) || holds(snapshot, allocation)) return GRANTED;
      if (viewGroup(snapshot, allocation, new Map()) === undefined) return GRANTED;
      return wait(groupOf(allocation), id);
    },

    async giveBack(nodeId, id) {
      const allocation = own(nodeId, id);
      if (allocation === undefined) return;
      const group = groups.get(nameOf(allocation));
      const place = group?.places.get(id);
      if (group !== undefined && place !== undefined && !group.taking.has(id)) {
        answer(place, { Granted: false, Reason: "it was given back" });
        group.places.delete(id);
        mark(group);
      }
      await group?.taking.get(id)?.done;
      if (holds(cluster.state.snapshot(), allocation)) await commit(context, { type: "turn-give", AllocationIDs: [id] });
    },

    close() {
      closed = true;
      unsubscribe();
      const stopped = new NamedError("CLUSTER_CLOSED", "Cannot give restart turns: the server is shutting down", { statusCode: 503 });
      for (const group of groups.values()) {
        group.timer?.cancel();
        for (const place of group.places.values()) for (const waiter of place.waiters) waiter.reject(stopped);
      }
      groups.clear();
    },
  };
}

function answer(place: Place, turn: RestartTurn): void {
  // Who is answered leaves the set, which a loop over it allows.
  for (const waiter of place.waiters) waiter.resolve(turn);
}

function holds(snapshot: Snapshot, allocation: Allocation): boolean {
  for (const turn of snapshot.restartTurns(allocation)) if (turn.AllocationID === allocation.ID) return true;
  return false;
}

function nameOf({ Namespace, JobID, TaskGroup }: GroupName): string {
  return `${Namespace}\u0000${JobID}\u0000${TaskGroup}`;
}
