/** What a task uses, as the node measures it. Field names as the stats endpoint's. */
export interface MemoryUsage {
  readonly RSS: number;
  readonly Cache: number;
  readonly Swap: number;
  readonly Usage: number;
  readonly MaxUsage: number;
  readonly KernelUsage: number;
  readonly KernelMaxUsage: number;
  readonly Measured: readonly string[];
}
export interface CpuUsage {
  readonly SystemMode: number;
  readonly UserMode: number;
  readonly TotalTicks: number;
  readonly ThrottledPeriods: number;
  readonly ThrottledTime: number;
  /** 100 = one core. */
  readonly Percent: number;
  readonly Measured: readonly string[];
}
export interface ResourceUsage {
  readonly MemoryStats: MemoryUsage;
  readonly CpuStats: CpuUsage;
  readonly DeviceStats: readonly unknown[];
}
export interface TaskUsage {
  readonly ResourceUsage: ResourceUsage;
  /** Unix nanoseconds. */
  readonly Timestamp: number;
  readonly Pids: Readonly<Record<string, ResourceUsage>> | null;
}
export interface AllocationUsage {
  readonly ResourceUsage: ResourceUsage;
  readonly Tasks: Readonly<Record<string, TaskUsage>>;
  readonly Timestamp: number;
}
