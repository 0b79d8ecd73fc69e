/**
 * The windows. One interface a file; the makers stand outside in integrations/, one conformance suite per port holds them to
 * the contract written above the interface. Rooms know only these.
 */
export type { Clock, Timer } from "./clock.ts";
export type { Random } from "./random.ts";
export type { Log, LogEntry, SnapshotStore } from "./log.ts";
export type {
  AllocationsChanged, FileFrame, FileInformation, FileRead, HostUsage, Link, LinkConnection, LogRead, NodeEnd, NodeServices,
} from "./link.ts";
export type { Driver, DriverCapabilities, TaskExit, TaskHandle, TaskId, TaskPlace, TaskStart } from "./driver.ts";
export type { TaskLogRequest, TaskLogs } from "./task-logs.ts";
export type {
  AllocationPlace, Disk, DiskRead, DiskUsage, DiskWrite, TaskDirectories, TaskRequest, Watching,
} from "./disk.ts";
export type { Machine, MachineFingerprint } from "./machine.ts";
export type { ClientStore, StoredAllocation, StoredIdentity } from "./client-store.ts";
