/**
 * How servers agree. A command comes in; when it is durable in the log and applied to the state, its outcome goes out.
 *
 * Comes in: `propose(command)`. Goes out: the state's Outcome, and `state` for whoever reads.
 *
 * Invariants: nothing is answered or applied before it is durable; entries are applied in log order, each from the bytes the log
 * holds; a failed append leaves no trace. The first entry is index 1 and Drover's own. The maker of the log is chosen once.
 *
 * Never here: what a command means (state), who may send it (server), how bytes reach a disk (ports/log and its makers).
 *
 * Read next: contract.ts, cluster.ts, appender.ts, recover.ts, maker.ts; then ../state/mod.ts.
 */
export type { Cluster, LeaderDescription, Leadership, ServerDescription } from "./contract.ts";
export { startCluster, type ClusterOptions } from "./cluster.ts";
export { openRecordedLog, type MakerDisk, type MakerRecord } from "./maker.ts";
export { readServerId } from "./server-id.ts";
export { COMMAND_BYTES_MAX } from "./limits.ts";
