/**
 * What stands outside the windows on this machine: its processes, control groups, disk, clock and self-knowledge.
 *
 * Comes in: options with the directories a maker may use. Goes out: makers of ports, plain functions.
 *
 * Invariants: everything made on the host carries the task's id below a label of this agent's state directory, so that two
 * agents on one machine never touch each other's things; and what is made can be found and removed by that label alone,
 * though the agent was killed at any moment. Paths a task can reach are walked, never trusted.
 *
 * Never here: a decision about jobs; a secret on a command line or in a log.
 *
 * Read next: raw-exec/script.ts (how a task outlives us), exec/bundle.ts, log-keeper/keeper.ts, disk/beneath.ts,
 * session/session.ts (commands beside a task).
 */
export { rawExecDriver, type RawExecOptions } from "./raw-exec/driver.ts";
export { keptTaskLogs, type KeptTaskLogsOptions } from "./log-keeper/kept-task-logs.ts";
export { runLogKeeper } from "./log-keeper/keeper.ts";
export { hostDisk } from "./disk/host-disk.ts";
export { hostMachine, type HostMachineOptions } from "./machine/host-machine.ts";
export { createHostClock } from "./clock.ts";
export { createHostRandom } from "./random.ts";
export { openSqliteLog, type SqliteLogOptions } from "./sqlite-log.ts";
export { openSnapshotStore } from "./snapshot-store.ts";
export { execDriver, type ExecOptions } from "./exec/driver.ts";
export { folderBackupStore } from "./backup-store.ts";
export { diskKeyEncryption } from "./key-encryption.ts";
export { hostProbe } from "./probe.ts";
export { hostDnsEndpoint } from "./dns-endpoint.ts";
export { hostClientStore } from "./client-store.ts";
export { hostSealingKey } from "./sealing-key.ts";
export { storeWhole, writeWhole } from "./write-whole.ts";
export { hostWeb } from "./web.ts";
export { hostTunnels } from "./tunnels.ts";
export { ownerLabel } from "./process/label.ts";
export { startPulse, type Pulse } from "./pulse.ts";
