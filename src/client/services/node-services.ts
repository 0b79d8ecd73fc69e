/** What this node does for the API when asked: files, logs, usage, restart, signal, collect. Refusals carry their HTTP status. */
import type { AllocationId } from "#model";
import type { NodeMetadata, NodeServices } from "#ports";
import { NamedError } from "#std";
import type { AllocationRunner } from "../allocation/runner.ts";
import type { Collector } from "../garbage/collector.ts";
import type { Herd } from "../herd.ts";
import { meshPreflight } from "../mesh/preflight.ts";
import { meshReport } from "../mesh/report.ts";
import type { ClientWorld } from "../world.ts";
import { execInTask } from "./exec.ts";
import { readLogs } from "./read-logs.ts";
import { allocationUsage } from "./usage.ts";

export interface MetadataServices {
  describe(): NodeMetadata;
  /** The servers hear of it. */
  change(changes: Readonly<Record<string, string | null>>): NodeMetadata;
}

export function nodeServices(world: ClientWorld, herd: Herd, collector: Collector, metadata: MetadataServices): NodeServices {
  const { disk, clock } = world;
  const find = (id: AllocationId): AllocationRunner => {
    const runner = herd.runners.get(id);
    if (runner === undefined) throw new NamedError("ALLOCATION_NOT_ON_NODE", `Unknown allocation "${id}"`, { statusCode: 404 });
    return runner;
  };
  return {
    listFiles: async (id, path) => await disk.list(find(id).directory, path),
    statFile: async (id, path) => await disk.stat(find(id).directory, path),
    async *readFile(request, signal) {
      const { directory } = find(request.AllocationId);
      yield* disk.read(
        directory,
        { path: request.Path, origin: request.Origin, offset: request.Offset, limit: request.Limit, follow: request.Follow },
        signal,
      );
    },
    async *readLogs(request, signal) {
      yield* readLogs(find(request.AllocationId), disk, clock, request, signal);
    },
    allocationUsage: async (id, task) => await allocationUsage(find(id), task ?? "", clock, world.devices),
    hostUsage: async () => {
      const [usage, devices] = await Promise.all([world.machine.usage(), Promise.all(world.devices.map((each) => each.usage()))]);
      return { ...usage, DeviceStats: [...usage.DeviceStats, ...devices.flat()] };
    },
    // eslint-disable-next-line require-await -- refusals reject, they do not throw
    restartAllocation: async (id, task, allTasks) => find(id).restart(task, allTasks),
    signalAllocation: async (id, task, signal) => {
      if (!/^SIG[A-Z0-9+-]+$/.test(signal))
        throw new NamedError("SIGNAL_UNKNOWN", `Cannot send signal ${JSON.stringify(signal)}: it has no such name here`, {
          statusCode: 400,
        });
      await find(id).signal(task, signal);
    },
    async *exec(request, input, signal) {
      if (world.settings.remoteExecDisabled)
        throw new NamedError("EXEC_DISABLED", "Cannot run a command in a task: remote exec is disabled on this node", { statusCode: 403 });
      yield* execInTask(clock, find(request.AllocationId), request, input, signal);
    },
    checks: async (id) => (find(id), world.checks.results(id)),
    mesh: async (id) => await meshReport(world, find(id).id),
    preflight: async () => {
      const consulVersion = world.node().Attributes["consul.version"] ?? "";
      const found = await Promise.all([world.networks?.preflight() ?? [], meshPreflight({ ...world, consulVersion })]);
      return found.flat();
    },
    metadata: async () => metadata.describe(),
    // eslint-disable-next-line require-await -- refusals reject, they do not throw
    changeMetadata: async (changes) => metadata.change(changes),
    collectAllocation: async (id) => {
      const runner = find(id);
      if (!runner.isOver)
        throw new NamedError("ALLOCATION_NOT_TERMINAL", `Cannot collect allocation "${id}": it is still running, must have ended`, {
          statusCode: 400,
        });
      await herd.remove(runner);
    },
    collectAll: async () => await collector.collectAll(),
  };
}
