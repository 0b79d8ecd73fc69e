/**
 * The server: is it allowed, what must be looked at again? Jobs and nodes come in; commands go to #cluster; evaluations are worked off.
 *
 * In: requests (operations/, called by the API), nodes (nodes/, through the Link), state changes, time.
 * Out: commands with the evaluations they call for, in one entry each; plans, checked and committed by #plan; news for nodes.
 *
 *   operations/    a file a use case: register-job, plan-job, stop-allocation, …
 *   leading.ts     what one server does for all while it leads: broker, workers, loops, deadlines; ends with the lead, whatever happens (scope.ts)
 *   broker/        which evaluation is next (queue.ts, blocked.ts: pure), workers that turn them into placements
 *   nodes/         sessions, heartbeats, reports gathered and written together, the registry of services
 *   backups/       the state as an archive; backups by themselves
 *   sealed/        values of sensitive job variables: sealed when a job comes in, opened for the node that runs it
 *   turns/         who may go down for a changed secret, at most max_parallel of a group over all nodes (decide.ts: pure)
 *   keyring/       the keys identities are signed with: when they come, change and go (schedule.ts: pure); what is said of a workload
 *                  (claims.ts: pure)
 *   variables/     sealed values under paths: who may (rights.ts: pure), what is written, locks and their time, what nodes' tasks ask for
 *   reconcilers/   loops without input: deployments, drains, lost nodes, periodic, garbage, stale evaluations. What they decide is a
 *                  pure step each (deployments/step.ts, drains/node-step.ts), drawn at its head
 *   mesh/          may one service call another: every step of the call's way, from state, nodes and what governs the mesh (check.ts: pure)
 *   access/        who is behind a token; policies, roles, tokens, logins by JWT and OIDC (login/: what of a provider's word is believed)
 *   why/           what is wanted and does not run: a sentence for each cause, from state, broker and plan check
 *
 * Every server has nodes, opens keys and takes requests: their commands go by #cluster to whoever leads. What only the leader knows is refused
 * elsewhere (NOT_LEADING): the API passes it on.
 *
 * Invariants: nothing that matters lives only here: kill -9 at any moment, and a new server reads from the state which
 * evaluations wait and which nodes to expect. One evaluation of a job is in work at a time. A change and the evaluation it calls for are
 * one entry of the log. No loop or pass holds up the event loop for more than some tens of milliseconds.
 *
 * Never here: where something runs (#scheduler), whether it still fits (#plan), how servers agree (#cluster), HTTP.
 *
 * Read next: contract.ts, server.ts, operations/register-job.ts, broker/worker.ts; then ../cluster/mod.ts.
 */
export type * from "./contract.ts";
export type * from "./variables/contract.ts";
export type { Asker } from "./variables/rights.ts";
export { startServer } from "./server.ts";
export type { RunningServer, ServerOptions } from "./server.ts";
export type { Report } from "./context.ts";
export type { GarbagePolicy } from "./reconcilers/garbage.ts";
export type { HeartbeatPolicy } from "./nodes/heartbeats.ts";
export type { IntroductionPolicy } from "./nodes/identities.ts";
export { verifyNodeIdentity } from "./nodes/identities.ts";
export type { AccessSettings } from "./access/start-access.ts";
export type { BackupPolicy } from "./backups/backups.ts";
export { snapshotArchive, stateOfArchive, type SnapshotArchive } from "./backups/archive.ts";
export type { RejectionPolicy } from "./broker/rejections.ts";
