/**
 * The process itself. Entering starts it under this attempt's id, which was stored before. Exiting stops it if it still runs,
 * and collects how it ended.
 */
import assert from "node:assert";
import { unknownExit } from "#driver";
import type { Driver, TaskStart } from "#ports";
import { messageOf, NamedError } from "#std";
import { interpolate, taskEvents } from "#task";
import type { Step } from "../../step.ts";
import { EnterFailure } from "../failure.ts";
import type { ExecutionContext } from "../context.ts";

export const process: Step<ExecutionContext> = {
  name: "process",
  enter: async (context) => {
    const { driver, environment, place, world } = context;
    assert(driver !== undefined && environment !== undefined && place !== undefined, "all other steps come before");
    if (!context.stored()) {
      const problem = "the node's memory cannot be written: nothing is started that could not be found again";
      throw new EnterFailure(taskEvents.setupFailure(world.clock.nowNs(), problem), { problem, hopeless: false });
    }
    const given = context.allocation().AllocatedResources.Tasks[context.task().Name];
    const cpuMHz = given?.Cpu.CpuShares ?? 0;
    try {
      context.handle = await driver.start({
        id: context.id(),
        allocationId: context.allocation().ID,
        task: context.task().Name,
        place,
        config: context.config,
        environment: environment.variables,
        user: context.user,
        cpuMHz,
        memoryMB: given?.Memory.MemoryMB ?? 0,
        memoryMaxMB: given?.Memory.MemoryMaxMB ?? 0,
        cpuShare: cpuMHz / Math.max(1, world.node().NodeResources.Cpu.CpuShares),
        cores: given?.Cpu.ReservedCores ?? [],
        chroot: world.settings.chroot,
        ...surroundings(context, driver),
      });
    } catch (thrown) {
      // An event has one text.
      const fix = thrown instanceof NamedError ? (thrown.fix ?? "").replace(/\.$/, "") : "";
      const problem = `${messageOf(thrown)}${fix === "" ? "" : ` (${fix})`}`;
      const hopeless = thrown instanceof NamedError && thrown.code === "DRIVER_TASK_INVALID";
      throw new EnterFailure(taskEvents.driverFailure(world.clock.nowNs(), problem), { problem, hopeless });
    }
  },
  exit: async (context) => {
    const { driver, place, world } = context;
    if (driver === undefined || place === undefined) return;
    const machine = context.machine();
    const handle = context.handle ?? (await driver.find(context.id(), place));
    if (handle === undefined) {
      if (machine.started && machine.exit === null) context.ended(unknownExit("nothing of the task was found", world.clock.nowNs()));
      return;
    }
    context.handle = handle;
    if (machine.exit !== null) {
      // Nobody saw it end: make sure that it did.
      if (machine.exit.error !== "") await driver.stop(handle, place, { signal: killSignal(context), timeoutMs: 0 });
      return;
    }
    await driver.stop(handle, place, { signal: killSignal(context), timeoutMs: killTimeoutMs(context) });
    context.ended(await driver.wait(handle, place));
  },
};

/** The network it joins, the ports of all of them, and who it is. */
function surroundings(context: ExecutionContext, driver: Driver): Pick<TaskStart, "network" | "ports" | "mounts" | "owner"> {
  const { world } = context;
  const { Job, Namespace, TaskGroup, AllocatedResources } = context.allocation();
  const node = world.node();
  const network = context.network.joinedBy(driver);
  return {
    ...(network === undefined ? {} : { network }),
    ports: AllocatedResources.Shared.Ports.map(({ Label, HostIP, Value, To }) => ({
      label: Label,
      hostIp: HostIP,
      hostPort: Value,
      to: Math.max(To, 0),
    })),
    mounts: context.mounts,
    owner: {
      namespace: Namespace,
      jobId: Job.ID,
      jobName: Job.Name,
      parentJobId: Job.ParentID,
      group: TaskGroup,
      nodeId: node.ID,
      nodeName: node.Name,
    },
  };
}

export function killTimeoutMs({ task, world }: Pick<ExecutionContext, "task" | "world">): number {
  return Math.min(task().KillTimeout / 1e6, world.settings.maxKillTimeoutMs);
}

function killSignal({ task, environment, driver }: ExecutionContext): string {
  const wanted = environment === undefined ? task().KillSignal : interpolate(task().KillSignal, environment.names);
  return wanted !== "" ? wanted : (driver?.capabilities.defaultKillSignal ?? "SIGTERM");
}
