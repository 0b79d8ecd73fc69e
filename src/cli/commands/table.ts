/**
 * Every command there is: its words, a line about it, and where its file lies. A file is loaded only when its command runs,
 * which keeps `drover version` as quick as Node itself.
 */
import type { Command } from "../command.ts";

export interface CommandEntry {
  readonly about: string;
  /** Another spelling of the same command; left out of the short help. */
  readonly aliasOf?: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  "acl auth-method create": entry("Make a way to log in", async () => (await import("./acl-auth-method.ts")).aclAuthMethodCreate),
  "acl auth-method delete": entry("Remove a way to log in", async () => (await import("./acl-auth-method.ts")).aclAuthMethodDelete),
  "acl auth-method info": entry("Show a way to log in", async () => (await import("./acl-auth-method.ts")).aclAuthMethodInfo),
  "acl auth-method list": entry("List the ways to log in", async () => (await import("./acl-auth-method.ts")).aclAuthMethodList),
  "acl auth-method update": entry("Change a way to log in", async () => (await import("./acl-auth-method.ts")).aclAuthMethodUpdate),
  "acl binding-rule create": entry("Say what logins are given", async () => (await import("./acl-binding-rule.ts")).aclBindingRuleCreate),
  "acl binding-rule delete": entry("Remove a binding rule", async () => (await import("./acl-binding-rule.ts")).aclBindingRuleDelete),
  "acl binding-rule info": entry("Show a binding rule", async () => (await import("./acl-binding-rule.ts")).aclBindingRuleInfo),
  "acl binding-rule list": entry("List what logins are given", async () => (await import("./acl-binding-rule.ts")).aclBindingRuleList),
  "acl binding-rule update": entry(
    "Change what logins are given",
    async () => (await import("./acl-binding-rule.ts")).aclBindingRuleUpdate,
  ),
  "acl bootstrap": entry("Make the first token, which may everything", async () => (await import("./acl-bootstrap.ts")).aclBootstrap),
  "acl policy apply": entry("Create a policy, or replace one", async () => (await import("./acl-policy.ts")).aclPolicyApply),
  "acl policy delete": entry("Remove a policy", async () => (await import("./acl-policy.ts")).aclPolicyDelete),
  "acl policy info": entry("Show a policy and its rules", async () => (await import("./acl-policy.ts")).aclPolicyInfo),
  "acl policy list": entry("List policies", async () => (await import("./acl-policy.ts")).aclPolicyList),
  "acl policy self": entry("List one's own policies", async () => (await import("./acl-policy.ts")).aclPolicySelf),
  "acl role create": entry("Make a role: a name for policies", async () => (await import("./acl-role.ts")).aclRoleCreate),
  "acl role delete": entry("Remove a role", async () => (await import("./acl-role.ts")).aclRoleDelete),
  "acl role info": entry("Show a role", async () => (await import("./acl-role.ts")).aclRoleInfo),
  "acl role list": entry("List roles", async () => (await import("./acl-role.ts")).aclRoleList),
  "acl role update": entry("Change a role", async () => (await import("./acl-role.ts")).aclRoleUpdate),
  "acl token create": entry("Make a token", async () => (await import("./acl-token.ts")).aclTokenCreate),
  "acl token delete": entry("Remove a token", async () => (await import("./acl-token.ts")).aclTokenDelete),
  "acl token info": entry("Show a token, with its secret", async () => (await import("./acl-token.ts")).aclTokenInfo),
  "acl token list": entry("List tokens, without secrets", async () => (await import("./acl-token.ts")).aclTokenList),
  "acl token self": entry("Show one's own token", async () => (await import("./acl-token.ts")).aclTokenSelf),
  "acl token update": entry("Change a token", async () => (await import("./acl-token.ts")).aclTokenUpdate),
  "agent-info": entry("Show what the agent knows of itself", async () => (await import("./agent-info.ts")).agentInfo),
  "alloc checks": entry("Show what an allocation's checks said last", async () => (await import("./alloc-checks.ts")).allocChecks),
  "alloc exec": entry("Run a command inside a task", async () => (await import("./alloc-exec.ts")).allocExec),
  "alloc fs": entry("List and read an allocation's files", async () => (await import("./alloc-fs.ts")).allocFs),
  "alloc logs": entry("Show what a task printed", async () => (await import("./alloc-logs.ts")).allocLogs),
  "alloc restart": entry("Restart an allocation's tasks", async () => (await import("./alloc-actions.ts")).allocRestart),
  "alloc signal": entry("Send a signal to an allocation's tasks", async () => (await import("./alloc-actions.ts")).allocSignal),
  "alloc status": entry("Show an allocation: tasks, usage, events", async () => (await import("./alloc-status.ts")).allocStatus),
  "alloc stop": entry("Stop an allocation; its job replaces it", async () => (await import("./alloc-actions.ts")).allocStop),
  "config validate": entry("Check an agent's configuration", async () => (await import("./config-validate.ts")).configValidate),
  "deployment fail": entry("Mark a deployment as failed", async () => (await import("./deployment-actions.ts")).deploymentFail),
  "deployment list": entry("List deployments", async () => (await import("./deployment-list.ts")).deploymentList),
  "deployment pause": entry("Hold a deployment", async () => (await import("./deployment-actions.ts")).deploymentPause),
  "deployment promote": entry(
    "Say yes to a deployment's canaries",
    async () => (await import("./deployment-actions.ts")).deploymentPromote,
  ),
  "deployment resume": entry("Let a paused deployment go on", async () => (await import("./deployment-actions.ts")).deploymentResume),
  "deployment status": entry(
    "Show a deployment, or follow it to its end",
    async () => (await import("./deployment-status.ts")).deploymentStatus,
  ),
  "deployment unblock": entry(
    "Multi-region deployments only: Nomad Enterprise's",
    async () => (await import("./deployment-actions.ts")).deploymentUnblock,
  ),
  check: entry("Say whether the agent is well, by exit code", async () => (await import("./check.ts")).check),
  "check mesh": entry("Say what networks and the mesh lack on a node", async () => (await import("./check-mesh.ts")).checkMesh),
  "eval delete": entry("Delete evaluations, in an emergency", async () => (await import("./eval-delete.ts")).evalDelete),
  "eval list": entry("List evaluations", async () => (await import("./eval.ts")).evalList),
  "eval status": entry("Show an evaluation, and why it could not place", async () => (await import("./eval.ts")).evalStatus),
  fmt: entry("Rewrite HCL files in canonical form", async () => (await import("./fmt.ts")).fmt),
  "job action": entry("Run a command the job file names", async () => (await import("./job-action.ts")).jobAction),
  "job allocs": entry("List a job's allocations", async () => (await import("./job-lists.ts")).jobAllocs),
  "job deployments": entry("List a job's deployments", async () => (await import("./deployment-list.ts")).jobDeployments),
  "job dispatch": entry("Give work to a parameterized job", async () => (await import("./job-dispatch.ts")).jobDispatch),
  "job eval": entry("Evaluate a job again", async () => (await import("./job-lists.ts")).jobEval),
  "job history": entry("List a job's versions", async () => (await import("./job-history.ts")).jobHistory),
  "job init": entry("Write an example job file", async () => (await import("./job-init.ts")).jobInit),
  "job inspect": entry("Show a job as the servers hold it", async () => (await import("./job-inspect.ts")).jobInspect),
  "job periodic force": entry("Launch a periodic job now", async () => (await import("./job-periodic-force.ts")).jobPeriodicForce),
  "job plan": entry("Show what running a job file would change", async () => (await import("./job-plan.ts")).jobPlan),
  "job promote": entry("Say yes to the canaries of a job", async () => (await import("./deployment-actions.ts")).jobPromote),
  "job restart": entry(
    "Restart or reschedule a job's allocations, some at a time",
    async () => (await import("./job-restart.ts")).jobRestart,
  ),
  "job revert": entry("Go back to an earlier version of a job", async () => (await import("./job-revert.ts")).jobRevert),
  "job run": entry("Run a job file: a new job, or a new version of one", async () => (await import("./job-run.ts")).jobRun),
  "job scale": entry("Change how many of a group there should be", async () => (await import("./job-scale.ts")).jobScale),
  "job scaling-events": entry("List when a job was scaled", async () => (await import("./job-scale.ts")).jobScalingEvents),
  "job schema": entry("Print the JSON Schema of a job", async () => (await import("./job-schema.ts")).jobSchema),
  "job start": entry("Start a stopped job again", async () => (await import("./job-start.ts")).jobStart),
  "job status": entry("List jobs, or show one", async () => (await import("./job-status.ts")).jobStatus),
  "job stop": entry("Stop a job", async () => (await import("./job-stop.ts")).jobStop),
  "job tag apply": entry("Name a version of a job", async () => (await import("./job-tag.ts")).jobTagApply),
  "job tag unset": entry("Take a version's name away", async () => (await import("./job-tag.ts")).jobTagUnset),
  "job validate": entry("Check a job file", async () => (await import("./job-validate.ts")).jobValidate),
  "job why": entry("Say why a job is not running", async () => (await import("./job-why.ts")).jobWhy),
  login: entry("Log in, and get a token", async () => (await import("./login.ts")).login),
  "mesh check": entry("Say whether one service can call another", async () => (await import("./mesh-check.ts")).meshCheck),
  monitor: entry("Follow an agent's log", async () => (await import("./monitor.ts")).monitor),
  "namespace apply": entry("Create a namespace, or change one", async () => (await import("./namespace.ts")).namespaceApply),
  "namespace delete": entry("Remove a namespace", async () => (await import("./namespace.ts")).namespaceDelete),
  "namespace inspect": entry("Show a namespace as the servers hold it", async () => (await import("./namespace.ts")).namespaceInspect),
  "namespace list": entry("List namespaces", async () => (await import("./namespace.ts")).namespaceList),
  "namespace status": entry("Show a namespace", async () => (await import("./namespace.ts")).namespaceStatus),
  "node config": entry("Show the servers a node talks to", async () => (await import("./node-config.ts")).nodeConfig),
  "node drain": entry("Empty a node, and say when it is empty", async () => (await import("./node-drain.ts")).nodeDrain),
  "node eligibility": entry(
    "Take a node out of scheduling, or back in",
    async () => (await import("./node-eligibility.ts")).nodeEligibility,
  ),
  "node identity get": entry(
    "Show the claims of a node's identity",
    async () => (await import("./node-identity.ts")).nodeIdentityGet,
  ),
  "node identity renew": entry(
    "Give a node another identity",
    async () => (await import("./node-identity.ts")).nodeIdentityRenew,
  ),
  "node intro create": entry("Make a new node's first token", async () => (await import("./node-identity.ts")).nodeIntroCreate),
  "node meta apply": entry("Set a node's metadata while it runs", async () => (await import("./node-meta.ts")).nodeMetaApply),
  "node meta read": entry("Show a node's metadata", async () => (await import("./node-meta.ts")).nodeMetaRead),
  "node pool apply": entry("Create a node pool, or replace one", async () => (await import("./node-pool.ts")).nodePoolApply),
  "node pool delete": entry("Remove a node pool", async () => (await import("./node-pool.ts")).nodePoolDelete),
  "node pool info": entry("Show a node pool", async () => (await import("./node-pool.ts")).nodePoolInfo),
  "node pool init": entry("Write an example of a node pool", async () => (await import("./node-pool-init.ts")).nodePoolInit),
  "node pool jobs": entry("List the jobs of a node pool", async () => (await import("./node-pool.ts")).nodePoolJobs),
  "node pool list": entry("List node pools", async () => (await import("./node-pool.ts")).nodePoolList),
  "node pool nodes": entry("List the nodes of a node pool", async () => (await import("./node-pool.ts")).nodePoolNodes),
  "node status": entry("List nodes, or show one", async () => (await import("./node-status.ts")).nodeStatus),
  "operator api": entry("Send a request to the HTTP API", async () => (await import("./operator-api.ts")).operatorApi),
  "operator autopilot get-config": entry(
    "Show how the servers look after themselves",
    async () => (await import("./operator-servers.ts")).operatorAutopilotGetConfig,
  ),
  "operator autopilot health": entry(
    "Show whether the servers are well",
    async () => (await import("./operator-servers.ts")).operatorAutopilotHealth,
  ),
  "operator autopilot set-config": entry(
    "Change how the servers look after themselves",
    async () => (await import("./operator-autopilot.ts")).operatorAutopilotSetConfig,
  ),
  "operator debug": entry("Gather what helps to find a fault", async () => (await import("./operator-debug.ts")).operatorDebug),
  "operator gossip keyring generate": entry(
    "Make a key for the servers' gossip",
    async () => (await import("./operator-gossip-keyring.ts")).operatorGossipKeyringGenerate,
  ),
  "operator gossip keyring install": entry(
    "Give the servers another key of their gossip",
    async () => (await import("./operator-gossip-keyring.ts")).operatorGossipKeyringInstall,
  ),
  "operator gossip keyring list": entry(
    "List the keys of the servers' gossip",
    async () => (await import("./operator-gossip-keyring.ts")).operatorGossipKeyringList,
  ),
  "operator gossip keyring remove": entry(
    "Take a key of the servers' gossip away",
    async () => (await import("./operator-gossip-keyring.ts")).operatorGossipKeyringRemove,
  ),
  "operator gossip keyring use": entry(
    "Make a key the one the servers' gossip is encrypted with",
    async () => (await import("./operator-gossip-keyring.ts")).operatorGossipKeyringUse,
  ),
  "operator metrics": entry("Show an agent's metrics", async () => (await import("./operator-metrics.ts")).operatorMetrics),
  "operator raft list-peers": entry(
    "List the servers that keep the log",
    async () => (await import("./operator-servers.ts")).operatorRaftListPeers,
  ),
  "operator raft migrate-backend": entry(
    "Make a cluster of one server, or one server of a cluster",
    async () => (await import("./operator-raft-offline.ts")).operatorRaftMigrateBackend,
  ),
  "operator raft recover": entry(
    "Go on from the disk of one server",
    async () => (await import("./operator-raft-offline.ts")).operatorRaftRecover,
  ),
  "operator raft remove-peer": entry(
    "Forget a server that is gone for good",
    async () => (await import("./operator-raft.ts")).operatorRaftRemovePeer,
  ),
  "operator raft transfer-leadership": entry(
    "Have another server lead",
    async () => (await import("./operator-raft.ts")).operatorRaftTransferLeadership,
  ),
  "operator root keyring list": entry(
    "List the keys identities are signed with",
    async () => (await import("./operator-root-keyring.ts")).operatorRootKeyringList,
  ),
  "operator root keyring remove": entry(
    "Remove a root key",
    async () => (await import("./operator-root-keyring.ts")).operatorRootKeyringRemove,
  ),
  "operator root keyring rotate": entry(
    "Make a new root key",
    async () => (await import("./operator-root-keyring.ts")).operatorRootKeyringRotate,
  ),
  "operator scheduler get-config": entry(
    "Show how the servers schedule",
    async () => (await import("./operator-scheduler.ts")).operatorSchedulerGetConfig,
  ),
  "operator scheduler set-config": entry(
    "Change how the servers schedule",
    async () => (await import("./operator-scheduler.ts")).operatorSchedulerSetConfig,
  ),
  "operator snapshot inspect": entry(
    "Show what a snapshot holds",
    async () => (await import("./operator-snapshot.ts")).operatorSnapshotInspect,
  ),
  "operator snapshot restore": entry(
    "Put a snapshot in the place of everything",
    async () => (await import("./operator-snapshot.ts")).operatorSnapshotRestore,
  ),
  "operator snapshot save": entry(
    "Write the servers' state to a file",
    async () => (await import("./operator-snapshot.ts")).operatorSnapshotSave,
  ),
  "operator snapshot state": entry(
    "Show everything a snapshot holds",
    async () => (await import("./operator-snapshot.ts")).operatorSnapshotState,
  ),
  "scaling policy info": entry("Show a scaling policy", async () => (await import("./scaling-policy.ts")).scalingPolicyInfo),
  "scaling policy list": entry("List scaling policies", async () => (await import("./scaling-policy.ts")).scalingPolicyList),
  "server force-leave": entry(
    "Say that a server which failed will not come back",
    async () => (await import("./server-join.ts")).serverForceLeave,
  ),
  "server join": entry("Join the server to others", async () => (await import("./server-join.ts")).serverJoin),
  "server members": entry("List the servers", async () => (await import("./server-members.ts")).serverMembers),
  "service delete": entry("Take a registration out of the registry", async () => (await import("./service.ts")).serviceDelete),
  "service info": entry("List where a service is", async () => (await import("./service.ts")).serviceInfo),
  "service list": entry("List services", async () => (await import("./service.ts")).serviceList),
  "setup consul": entry("Prepare Consul for logins of workloads", async () => (await import("./setup-consul.ts")).setupConsul),
  "setup vault": entry("Prepare Vault or OpenBao for logins of tasks", async () => (await import("./setup-vault.ts")).setupVault),
  status: entry(
    "Show whatever has this id: job, allocation, node, evaluation, deployment",
    async () => (await import("./status.ts")).status,
  ),
  "system gc": entry("Remove what is dead: jobs, evaluations, allocations, nodes", async () => (await import("./system-gc.ts")).systemGc),
  "system reconcile summaries": entry(
    "Count every job's allocations afresh",
    async () => (await import("./system-reconcile-summaries.ts")).systemReconcileSummaries,
  ),
  "tls ca create": entry("Make an authority for certificates", async () => (await import("./tls-ca.ts")).tlsCaCreate),
  "tls ca info": entry("Show an authority's certificate", async () => (await import("./tls-ca.ts")).tlsCaInfo),
  "tls cert create": entry("Make a certificate of a server, a node or a person", async () => (await import("./tls-cert.ts")).tlsCertCreate),
  "tls cert info": entry("Show a certificate", async () => (await import("./tls-cert.ts")).tlsCertInfo),
  ui: entry("Show where the web UI is", async () => (await import("./ui.ts")).ui),
  "var get": entry("Print a variable", async () => (await import("./var-get.ts")).varGet),
  "var init": entry("Write an example of a variable", async () => (await import("./var-init.ts")).varInit),
  "var list": entry("List variables", async () => (await import("./var-list.ts")).varList),
  "var lock": entry("Run a command while holding a variable's lock", async () => (await import("./var-lock.ts")).varLock),
  "var purge": entry("Remove a variable for good", async () => (await import("./var-purge.ts")).varPurge),
  "var put": entry("Make a variable, or replace what it holds", async () => (await import("./var-put.ts")).varPut),
  version: entry("Show the version", async () => (await import("./version.ts")).version),

  action: alias("job action"),
  exec: alias("alloc exec"),
  fs: alias("alloc fs"),
  init: alias("job init"),
  inspect: alias("job inspect"),
  logs: alias("alloc logs"),
  plan: alias("job plan"),
  run: alias("job run"),
  start: alias("job start"),
  stop: alias("job stop"),
  validate: alias("job validate"),
};

function entry(about: string, load: () => Promise<Command>): CommandEntry {
  return { about, load };
}

function alias(of: string): CommandEntry {
  return { about: `Same as "${of}"`, aliasOf: of, load: () => (COMMANDS[of] as CommandEntry).load() };
}
