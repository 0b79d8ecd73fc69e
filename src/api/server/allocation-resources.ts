/** An allocation's resources the way clients older than AllocatedResources read them: per task, and in sum. */
import type { Allocation, Network, Resources } from "#model";
import type { AllocationDetail } from "../contract/mod.ts";

export function resourcesOf(allocation: Allocation): Pick<AllocationDetail, "TaskResources" | "Resources"> {
  const given = allocation.AllocatedResources;
  const tasks: Record<string, Partial<Resources>> = {};
  let cpu = 0;
  let memory = 0;
  let memoryMax = 0;
  for (const [name, task] of Object.entries(given?.Tasks ?? {})) {
    cpu += task.Cpu.CpuShares;
    memory += task.Memory.MemoryMB;
    memoryMax += task.Memory.MemoryMaxMB;
    tasks[name] = {
      CPU: task.Cpu.CpuShares,
      Cores: task.Cpu.ReservedCores.length,
      MemoryMB: task.Memory.MemoryMB,
      MemoryMaxMB: task.Memory.MemoryMaxMB,
      DiskMB: 0,
      Networks: task.Networks as Network[],
    };
  }
  return {
    TaskResources: tasks,
    Resources: {
      CPU: cpu,
      MemoryMB: memory,
      MemoryMaxMB: memoryMax,
      DiskMB: given?.Shared.DiskMB ?? 0,
      Networks: (given?.Shared.Networks ?? []) as Network[],
    },
  };
}
