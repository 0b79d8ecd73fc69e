/**
 * The node: makes its allocations real on this machine.
 *
 * Comes in: allocations from the servers (over ports/link), requests for files, logs, usage, restart, signal.
 * Goes out: processes in prepared places (through #driver), task states and events back to the servers, the node's description.
 *
 * Invariants:
 * - What is meant is stored before it is performed, and whatever was performed is found again by its label: kill -9 at any
 *   point, then a restart, leads to the right state; no task is ever started twice, no exit code lost.
 * - A node obeys (ClusterId, Index): a foreign or older answer stops nothing (F1).
 * - Losing the servers stops nothing. Only `close({ stopTasks: true })` does.
 * - Services stand in their catalogs while what they belong to lives, and are withdrawn before anything of it is stopped.
 * - A token traded for a workload's identity is on disk before it is used, and accounted for until it was given back (F30).
 * - What templates look at is watched once for the node, and what was made for one task alone (a login, a certificate) is sealed on disk before
 *   anybody hears of it. A system that is away takes nothing: files stay, tasks run on, and one that crashes begins again with what it had (F51, F52).
 * - When an allocation is removed, no process, mount, cgroup, pipe or file of it is left.
 *
 * Never here: who makes drivers, disk or link; scheduling; retrying a placement elsewhere.
 *
 * Read next: start.ts (the wiring), herd.ts (wanted against actual), allocation/runner.ts and allocation/steps/list.ts,
 * execution/runner.ts and execution/steps/list.ts; registration/registrar.ts and checks/board.ts (services); books.ts, identity/book.ts and
 * tokens/book.ts (who a workload is); templates/watch.ts (rendered again, and told) and lookout/lookout.ts (what they look at); health/, garbage/,
 * services/, dns/ and node/ stand beside. Then ../driver/mod.ts and ../task/mod.ts.
 */
export { startClient } from "./start.ts";
export type { Client, ClientNeeds } from "./needs.ts";
export { CLIENT_DEFAULTS } from "./settings.ts";
export type { ClientSettings } from "./settings.ts";
export type { Report } from "./world.ts";
export type { KillPoint } from "./step.ts";
export { clientKillPoints } from "./kill-points.ts";
export { networkFingerprint } from "./network/fingerprint.ts";
export { ServiceDirectory } from "./dns/directory.ts";
export { startDns, type DnsServer, type DnsServerNeeds } from "./dns/server.ts";
