/**
 * A node for load: it registers, takes its allocations over the link, starts every task of each with the mock driver, and reports in
 * batches, as the real one does. It has no disk; what it holds is what a driver and a reporter hold.
 *
 *   connect ─► register ─► allocationsChanged ─► driver.start per task ─► (BATCH_MS) ─► updateAllocations
 */
import { mockDriver } from "#integrations/memory";
import type { Allocation, AllocationClientUpdate, AllocationId, Node, TaskEvent, TaskState } from "#model";
import type { AllocationsChanged, Clock, Driver, Link, LinkConnection, NodeServices, TaskHandle } from "#ports";

/** As the real node's reporter gathers. nomad.md §2.5 "Sync". */
const BATCH_MS = 200;
const DIRECTORY = "/nowhere";

export interface MockNode {
  connect(): Promise<void>;
  close(): void;
}

export function createMockNode(node: Node, link: Link, clock: Clock): MockNode {
  const driver = mockDriver({ clock });
  const started = new Set<AllocationId>();
  let due: AllocationClientUpdate[] = [];
  let connection: LinkConnection | undefined;
  let closed = false;

  function say(): void {
    const updates = due;
    due = [];
    connection?.updateAllocations(updates).catch((error: unknown) => {
      if (!closed) throw error;
    });
  }

  async function run(allocation: Allocation): Promise<void> {
    const update = await startTasks(driver, clock, allocation);
    if (due.length === 0) clock.after(BATCH_MS, say);
    due.push(update);
  }

  function hear(change: AllocationsChanged): void {
    for (const allocation of change.Changed) {
      if (allocation.DesiredStatus !== "run" || started.has(allocation.ID)) continue;
      started.add(allocation.ID);
      void run(allocation);
    }
  }

  function beat(afterMs: number): void {
    clock.after(afterMs, () => {
      if (!closed)
        connection?.heartbeat().then(
          ({ HeartbeatTtlMs }) => beat(HeartbeatTtlMs / 2),
          () => undefined,
        );
    });
  }

  return {
    async connect() {
      const opened = await link.connect(
        node,
        { allocationsChanged: hear, servicesChanged: () => undefined, services: NO_SERVICES },
        (reason) => {
          if (!closed) throw new Error(`node ${node.Name} lost its server: ${reason}`);
        },
      );
      connection = opened;
      beat((await opened.register(node)).HeartbeatTtlMs / 2);
    },
    close() {
      closed = true;
      connection?.close();
    },
  };
}

async function startTasks(driver: Driver, clock: Clock, allocation: Allocation): Promise<AllocationClientUpdate> {
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  const states: Record<string, TaskState> = {};
  for (const task of group?.Tasks ?? []) {
    const receivedAt = clock.nowNs();
    const handle = await driver.start({
      id: `${allocation.ID}.${task.Name}.0`,
      allocationId: allocation.ID,
      task: task.Name,
      place: {
        allocationDirectory: DIRECTORY,
        sharedDirectory: DIRECTORY,
        taskDirectory: DIRECTORY,
        secretsDirectory: DIRECTORY,
        privateDirectory: DIRECTORY,
        stdoutPath: DIRECTORY,
        stderrPath: DIRECTORY,
      },
      config: task.Config,
      environment: task.Env,
      user: "",
      cpuMHz: task.Resources?.CPU ?? 0,
      memoryMB: task.Resources?.MemoryMB ?? 0,
      memoryMaxMB: 0,
      cpuShare: 0,
      cores: [],
      chroot: {},
    });
    states[task.Name] = running(receivedAt, handle);
  }
  return {
    ID: allocation.ID,
    NodeID: allocation.NodeID,
    ClientStatus: "running",
    ClientDescription: "Tasks are running",
    TaskStates: states,
  };
}

/** With the three events that every real task has by then. */
function running(receivedAt: number, handle: TaskHandle): TaskState {
  const event = (Type: string, Time: number, DisplayMessage: string, Details: Record<string, string> = {}): TaskEvent => ({
    Type,
    Time,
    Message: "",
    DisplayMessage,
    Details,
    FailsTask: false,
  });
  return {
    State: "running",
    Failed: false,
    Restarts: 0,
    LastRestart: null,
    StartedAt: new Date(handle.startedAt / 1e6).toISOString(),
    FinishedAt: null,
    Events: [
      event("Received", receivedAt, "Task received by client"),
      event("Task Setup", receivedAt, "Building Task Directory", { message: "Building Task Directory" }),
      event("Started", handle.startedAt, "Task started by client"),
    ],
  };
}

const refuse = (): never => {
  throw new Error("a mock node has no machine");
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
  collectAllocation: refuse,
  collectAll: refuse,
};
