/**
 * How servers agree. A command comes in at any server; when it is durable in the log and applied to the state, its outcome goes out.
 *
 * Comes in: `propose(command)`. Goes out: the state's Outcome, `state` for whoever reads, `whenLeading` for what only one server does.
 *
 * Invariants: nothing is answered or applied before it is durable; entries are applied in log order, each from the bytes the log
 * holds; a failed append leaves no trace. The first entry is index 1 and Drover's own. The maker of the log is chosen once. Of several servers
 * one writes at a time (the shared log's fence), a request is carried out once whoever died meanwhile, and a server whose disk does not fit the
 * shared log takes no part and says why.
 *
 * Never here: what a command means (state), who may send it (server), how bytes reach a disk or Consul (ports/log, ports/shared-log).
 *
 * Read next: contract.ts; one server: cluster.ts, appender.ts; several: shared/shared-cluster.ts, shared/following.ts, shared/tail.ts,
 * shared/digests.ts, shared/leading.ts; maker.ts; then ../state/mod.ts.
 */
export type { Cluster, LeaderDescription, Leadership, ServerDescription } from "./contract.ts";
export { facade } from "./facade.ts";
export { startCluster, type ClusterOptions } from "./cluster.ts";
export { startSharedCluster, type SharedCluster } from "./shared/shared-cluster.ts";
export type { SharedClusterLimits, SharedClusterOptions } from "./shared/options.ts";
export { recoverShared, type RecoverSharedOptions } from "./shared/recover-shared.ts";
export { moveLog, openRecordedLog, readMakerRecord, type MakerDisk, type MakerRecord } from "./maker.ts";
export { framed, unframed } from "./snapshot-stream.ts";
export { readServerId } from "./server-id.ts";
export { COMMAND_BYTES_MAX } from "./limits.ts";
