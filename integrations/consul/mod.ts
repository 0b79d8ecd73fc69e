/**
 * Consul, through the agent beside us: services made known, workloads' tokens, the things templates look at, the mesh,
 * what the node says of it, where the servers are, the log servers share (log/).
 *
 * Comes in: one connection (consulConnection: `consul { … }` of the configuration). Goes out: makers of ports, plain functions.
 *
 * Invariants: only services that carry this owner's id are ever changed (F29); a failure is a named error that tells "later" from "never";
 * no token stands in an error or a log; nothing is tried twice in here.
 *
 * Never here: when to register, renew or revoke (the node's rooms decide); a job's words.
 *
 * Read next: connection.ts (the package, and direct.ts beside it for what it lacks), registration.ts (pure), catalog.ts,
 * mesh.ts (and gateway-entry.ts,
 * intentions.ts, mesh-endpoint.ts, pure), things.ts (and kinds.ts, pure: what each kind of thing is asked for and read as), setup.ts.
 */
export { consulConnection, type ConsulAddress, type ConsulConnection } from "./connection.ts";
export { consulCatalog, type ConsulCatalogOptions } from "./catalog.ts";
export { consulTokens, type ConsulTokensOptions } from "./tokens.ts";
export { consulThings, type ConsulThings, type ConsulThingsOptions } from "./things.ts";
export { consulMesh, type ConsulMeshOptions } from "./mesh.ts";
export { consulFingerprint } from "./fingerprint.ts";
export { claimKey } from "./claim.ts";
export { consulServers } from "./discovery.ts";
export {
  agentSnippet,
  serverRules,
  setUpConsul,
  setUpServers,
  tearDownConsul,
  wantedForServers,
  wantedObjects,
  AGENT_RULES,
  type ConsulSetup,
  type SetupStep,
} from "./setup.ts";
export { consulSharedLog, type ConsulSharedLogOptions } from "./log/shared-log.ts";
export type { Pulse } from "./log/session.ts";
export { privateConsul, type PrivateConsul } from "./private/private-consul.ts";
export type { PrivateConsulOptions } from "./private/options.ts";
export { endPrivateConsul, recoverPrivateConsul, type SurvivingServer } from "./private/recovery.ts";
export { requireJoinable } from "./private/join-addresses.ts";
export { startJoining, type Joining, type JoiningOptions } from "./private/joining.ts";
export { privateMembership, type PrivateMembershipOptions } from "./membership-private.ts";
export { loneMembership } from "./membership-lone.ts";
export { externalMembership, type ExternalMembershipOptions } from "./membership-external.ts";
export type { ServerSelf } from "./membership-self.ts";
