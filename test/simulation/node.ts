/**
 * A node that is all protocol and no machine: registers, takes its allocations over the link, "runs" them, and says so in batches, as
 * the real one does. What its tasks do is decided by the test: they run until told otherwise.
 *
 *   connect ─► register ─► Complete set ─► changes ─► pending → running (acknowledged in batches) ─► stopped when told: complete
 *                 │
 *                 └─ heartbeat within every TTL, reconnects when the link is lost
 */
import type { Allocation, AllocationClientUpdate, AllocationHealth, AllocationId, ClientStatus, Node, NodeId, TaskState } from "#model";
import { behaviourOf } from "./fixtures.ts";
import type { AllocationsChanged, Clock, Link, LinkConnection, NodeServices, Timer } from "#ports";

export interface SimulatedNodeOptions {
  readonly node: Node;
  readonly link: Link;
  readonly clock: Clock;
  /** How long updates are gathered; at most 200 ms as the real node. */
  readonly batchMs?: number;
  /** How long a task takes to start, and to stop. */
  readonly startMs?: number;
  readonly stopMs?: number;
}

export interface SimulatedNode {
  readonly id: NodeId;
  /** What it believes to be its allocations, and what became of each. */
  readonly allocations: ReadonlyMap<AllocationId, { readonly allocation: Allocation; readonly status: ClientStatus }>;
  connect(): Promise<void>;
  /** The allocation's tasks end by themselves. */
  finish(id: AllocationId, status: "complete" | "failed"): void;
  /** Cut off: says and hears nothing more until `connect`. Its tasks go on. */
  vanish(): void;
  /** Power off: as `vanish`, and nothing runs any more. */
  crash(): void;
  readonly stopped: number;
}

const RECONNECT_MS = 1_000;

interface Held {
  allocation: Allocation;
  status: ClientStatus;
  health: AllocationHealth | null;
  /** The deployment it is judged for; "": for the group it moved with (a drain waits for its verdict). */
  judged: string | undefined;
  startedMs: number;
  finishedMs: number;
}

/** How long a task lives that does not live well. */
const LIFE_MS = 3_000;

export function createSimulatedNode(options: SimulatedNodeOptions): SimulatedNode {
  const { node, link, clock } = options;
  const batchMs = options.batchMs ?? 100;
  const startMs = options.startMs ?? 0;
  const stopMs = options.stopMs ?? 0;
  const held = new Map<AllocationId, Held>();
  const unsaid = new Set<AllocationId>();
  let connection: LinkConnection | undefined;
  let seen: { readonly clusterId: string; readonly index: number } | undefined;
  let sayTimer: Timer | undefined;
  let beatTimer: Timer | undefined;
  let reconnectTimer: Timer | undefined;
  /** Raised when it vanishes: what was started before then must not speak after. */
  let life = 0;
  let stopped = 0;

  function become(id: AllocationId, status: ClientStatus): void {
    const entry = held.get(id);
    if (entry === undefined || entry.status === status || over(entry.status)) return;
    entry.status = status;
    if (status === "running") entry.startedMs = clock.nowMs();
    else if (over(status)) entry.finishedMs = clock.nowMs();
    if (status === "failed" && entry.judged !== undefined && entry.health === null) {
      entry.health = { Healthy: false, Timestamp: new Date(clock.nowMs()).toISOString() };
    }
    unsaid.add(id);
    sayTimer ??= clock.after(batchMs, say);
  }

  function say(): void {
    sayTimer = undefined;
    const open = connection;
    if (open === undefined || unsaid.size === 0) return;
    const updates = [...unsaid].flatMap((id) => updateOf(held.get(id)));
    unsaid.clear();
    open.updateAllocations(updates).catch(() => {
      for (const update of updates) unsaid.add(update.ID);
      if (connection === open) sayTimer ??= clock.after(batchMs, say);
    });
  }

  function start(entry: Held): void {
    const { ID } = entry.allocation;
    // Told to stop before it began.
    if (held.get(ID) !== entry || entry.allocation.DesiredStatus !== "run") return;
    become(ID, "running");
    judge(entry);
    const behaviour = behaviourOf(entry.allocation.Job);
    if (behaviour === "fails") clock.after(LIFE_MS, () => held.get(ID) === entry && become(ID, "failed"));
    if (behaviour === "ends") clock.after(LIFE_MS, () => held.get(ID) === entry && become(ID, "complete"));
    const maxRunNs = entry.allocation.Job.TaskGroups.find(({ Name }) => Name === entry.allocation.TaskGroup)?.MaxRunDuration ?? 0;
    if (maxRunNs > 0) clock.after(maxRunNs / 1e6, () => held.get(ID) === entry && become(ID, "complete"));
  }

  /** As a node does for allocations of a deployment: one verdict each, and a new one for each deployment it takes part in. */
  function judge(entry: Held): void {
    const { ID, DeploymentID, Job, TaskGroup } = entry.allocation;
    if (entry.judged === DeploymentID || (DeploymentID === "" && Job.Type !== "service")) return;
    entry.judged = DeploymentID;
    entry.health = null;
    const group = Job.TaskGroups.find((each) => each.Name === TaskGroup);
    const update = DeploymentID === "" ? group?.Migrate : group?.Update;
    if (update?.HealthCheck === "manual") return;
    const healthy = behaviourOf(Job) !== "unhealthy";
    const afterNs = (healthy ? update?.MinHealthyTime : update?.HealthyDeadline) ?? 10e9;
    clock.after(afterNs / 1e6, () => {
      if (held.get(ID) !== entry || entry.judged !== DeploymentID || entry.status !== "running") return;
      entry.health = { Healthy: healthy, Timestamp: new Date(clock.nowMs()).toISOString() };
      unsaid.add(ID);
      sayTimer ??= clock.after(batchMs, say);
    });
  }

  function take(allocation: Allocation): void {
    const known = held.get(allocation.ID);
    if (known === undefined) {
      if (over(allocation.ClientStatus)) return;
      const entry: Held = { allocation, status: "pending", health: null, judged: undefined, startedMs: 0, finishedMs: 0 };
      held.set(allocation.ID, entry);
      if (allocation.DesiredStatus === "run") clock.after(startMs, () => start(entry));
    } else {
      known.allocation = allocation;
      if (known.status === "running") judge(known);
    }
    if (allocation.DesiredStatus !== "run") {
      clock.after(stopMs, () => {
        if (!over(held.get(allocation.ID)?.status ?? "complete")) stopped++;
        become(allocation.ID, "complete");
      });
    }
  }

  function hear(change: AllocationsChanged): void {
    // Neither a foreign cluster's word nor an old one's counts (F1).
    if (seen !== undefined && (change.ClusterId !== seen.clusterId || change.Index < seen.index)) return;
    seen = { clusterId: change.ClusterId, index: change.Index };
    for (const allocation of change.Changed) take(allocation);
    for (const id of change.Gone) held.delete(id);
    if (!change.Complete) return;
    const named = new Set(change.Changed.map((allocation) => allocation.ID));
    for (const id of held.keys()) if (!named.has(id)) held.delete(id);
  }

  function beat(afterMs: number, ofLife: number): void {
    beatTimer = clock.after(afterMs, () => {
      connection?.heartbeat().then(
        ({ HeartbeatTtlMs }) => ofLife === life && beat(HeartbeatTtlMs / 2, ofLife),
        () => undefined,
      );
    });
  }

  /** Goes on trying when it is not let in; rejects all the same. */
  async function connect(): Promise<void> {
    const ofLife = life;
    try {
      await join(ofLife);
    } catch (thrown) {
      if (ofLife === life) {
        const open = connection;
        disconnect();
        open?.close();
        reconnectTimer = clock.after(RECONNECT_MS, reconnect);
      }
      throw thrown;
    }
  }

  async function join(ofLife: number): Promise<void> {
    const opened = await link.connect(
      node,
      { allocationsChanged: (change) => ofLife === life && hear(change), servicesChanged: () => undefined, services: NO_SERVICES },
      () => {
        if (ofLife !== life) return;
        disconnect();
        reconnectTimer = clock.after(RECONNECT_MS, reconnect);
      },
    );
    if (ofLife !== life) return opened.close();
    connection = opened;
    const { HeartbeatTtlMs } = await opened.register(node);
    if (ofLife !== life) return;
    beat(HeartbeatTtlMs / 2, ofLife);
    // Whatever was said last may not have arrived.
    for (const [id, entry] of held) if (entry.status !== "pending") unsaid.add(id);
    if (unsaid.size > 0) sayTimer ??= clock.after(batchMs, say);
  }

  function reconnect(): void {
    connect().catch(() => undefined);
  }

  function disconnect(): void {
    life++;
    connection = undefined;
    for (const timer of [sayTimer, beatTimer, reconnectTimer]) timer?.cancel();
    sayTimer = beatTimer = reconnectTimer = undefined;
  }

  return {
    id: node.ID,
    allocations: held,
    connect,
    finish: (id, status) => become(id, status),
    vanish() {
      const open = connection;
      disconnect();
      open?.close();
    },
    crash() {
      const open = connection;
      disconnect();
      open?.close();
      held.clear();
      unsaid.clear();
      seen = undefined;
    },
    get stopped() {
      return stopped;
    },
  };
}

function over(status: ClientStatus): boolean {
  return status === "complete" || status === "failed" || status === "lost";
}

function updateOf(entry: Held | undefined): AllocationClientUpdate[] {
  if (entry === undefined) return [];
  const { allocation, status } = entry;
  const state = taskState(entry);
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  const states = (group?.Tasks ?? []).map((task) => [task.Name, state] as const);
  return [
    {
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      ClientStatus: status,
      ClientDescription: DESCRIPTIONS[status] ?? "",
      TaskStates: Object.fromEntries(states),
      DeploymentStatus: entry.health,
    },
  ];
}

const DESCRIPTIONS: Partial<Record<ClientStatus, string>> = {
  running: "Tasks are running",
  complete: "All tasks have completed",
  failed: "Failed tasks",
};

/** As lean as a task's first report can be, with the three events every real one has. */
function taskState({ status, startedMs, finishedMs }: Held): TaskState {
  const rfc3339 = (atMs: number) => new Date(atMs).toISOString();
  const at = (Type: string, Message: string) => ({
    Type,
    Time: startedMs * 1e6,
    Message,
    DisplayMessage: Message,
    Details: {},
    FailsTask: false,
  });
  const started = [
    at("Received", "Task received by client"),
    at("Task Setup", "Building Task Directory"),
    at("Started", "Task started by client"),
  ];
  const ended = status === "complete" || status === "failed";
  return {
    State: ended ? "dead" : "running",
    Failed: status === "failed",
    Restarts: 0,
    LastRestart: null,
    StartedAt: rfc3339(startedMs),
    FinishedAt: ended ? rfc3339(finishedMs) : null,
    Events: ended ? [...started, { ...at("Terminated", "Exit Code: 0"), ExitCode: status === "failed" ? 1 : 0 }] : started,
  };
}

const refuse = (): never => {
  throw new Error("a simulated node has no machine");
};
const NO_SERVICES: NodeServices = {
  listFiles: refuse,
  statFile: refuse,
  readFile: refuse,
  readLogs: refuse,
  allocationUsage: refuse,
  hostUsage: refuse,
  restartAllocation: refuse,
  signalAllocation: refuse,
  exec: refuse,
  checks: refuse,
  metadata: refuse,
  changeMetadata: refuse,
  mesh: refuse,
  preflight: refuse,
  collectAllocation: async () => undefined,
  collectAll: async () => undefined,
};
