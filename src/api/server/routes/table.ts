/** Who answers what: a handler for every endpoint and method the contract lists; the compiler sees to it that none is missing. */
import type { ENDPOINTS, EndpointName } from "../../contract/mod.ts";
import type { Handler } from "../call.ts";
import * as aclLogin from "./acl-login.ts";
import * as aclPolicies from "./acl-policies.ts";
import * as aclRoles from "./acl-roles.ts";
import * as aclTokens from "./acl-tokens.ts";
import * as agent from "./agent.ts";
import * as agentInside from "./agent-inside.ts";
import * as allocations from "./allocations.ts";
import * as client from "./client.ts";
import * as identity from "./node-identity.ts";
import * as deployments from "./deployments.ts";
import * as evaluations from "./evaluations.ts";
import * as eventStream from "./event-stream.ts";
import * as files from "./files.ts";
import * as job from "./job.ts";
import * as jobBatch from "./job-batch.ts";
import * as jobList from "./job-list.ts";
import * as jobScale from "./job-scale.ts";
import * as jobStatuses from "./job-statuses.ts";
import * as jobVersions from "./job-versions.ts";
import * as keyring from "./keyring.ts";
import * as mesh from "./mesh.ts";
import * as members from "./members.ts";
import * as metrics from "./metrics.ts";
import * as nodes from "./nodes.ts";
import * as namespaces from "./namespaces.ts";
import * as nativeServices from "./native-services.ts";
import * as nodePools from "./node-pools.ts";
import * as operator from "./operator.ts";
import * as scaling from "./scaling.ts";
import * as search from "./search.ts";
import * as searchFuzzy from "./search-fuzzy.ts";
import * as snapshot from "./snapshot.ts";
import * as socketOnly from "./socket-only.ts";
import * as status from "./status.ts";
import * as summaries from "./summaries.ts";
import * as system from "./system.ts";
import * as variables from "./variables.ts";
import * as volumes from "./volumes.ts";

type HandlerTable = {
  readonly [Name in EndpointName]: { readonly [Method in (typeof ENDPOINTS)[Name]["methods"][number]]: Handler };
};

export const HANDLERS: HandlerTable = {
  jobs: { GET: jobList.listJobs, PUT: jobList.registerJob },
  "jobs-statuses": { GET: jobStatuses.listStatuses, PUT: jobStatuses.listStatuses },
  "jobs-parse": { PUT: jobList.parseJobText },
  "validate-job": { PUT: jobList.validateJob },
  job: { GET: job.readJob, PUT: job.updateJob, DELETE: job.deregisterJob },
  "job-plan": { PUT: job.planJob },
  "job-evaluate": { PUT: job.evaluateJob },
  "job-allocations": { GET: job.listAllocations },
  "job-evaluations": { GET: job.listEvaluations },
  "job-summary": { GET: job.readSummary },
  "job-versions": { GET: jobVersions.listVersions },
  "job-version-tag": { PUT: jobVersions.tagVersion, DELETE: jobVersions.untagVersion },
  "job-revert": { PUT: jobVersions.revertJob },
  "job-stable": { PUT: jobVersions.setStability },
  "job-dispatch": { PUT: jobBatch.dispatchJob },
  "job-dispatch-payload": { PUT: jobBatch.dispatchPayload },
  "job-periodic-force": { PUT: jobBatch.forcePeriodic },
  "job-scale": { GET: jobScale.readScale, PUT: jobScale.scaleJob },
  "job-why": { GET: job.explainJob },
  "job-action": { GET: socketOnly.refusePlain },
  "job-submission": { GET: job.readSubmission },
  "job-actions": { GET: job.listActions },
  "job-deployments": { GET: deployments.listOfJob },
  "job-deployment": { GET: deployments.readLatestOfJob },
  "job-services": { GET: nativeServices.listOfJob },
  nodes: { GET: nodes.listNodes },
  node: { GET: nodes.readNode },
  "node-allocations": { GET: nodes.listAllocationsOf },
  "node-evaluate": { PUT: nodes.evaluateNode },
  "node-eligibility": { PUT: nodes.setEligibility },
  "node-drain": { PUT: nodes.drainNode },
  "node-purge": { PUT: nodes.purgeNode },
  "node-pools": { GET: nodePools.listNodePools, PUT: nodePools.writeNodePool },
  "node-pool": { GET: nodePools.readNodePool, PUT: nodePools.writeNodePool, DELETE: nodePools.deleteNodePool },
  "node-pool-nodes": { GET: nodePools.listNodesOfPool },
  "node-pool-jobs": { GET: nodePools.listJobsOfPool },
  allocations: { GET: allocations.listAllocations },
  allocation: { GET: allocations.readAllocation },
  "allocation-stop": { PUT: allocations.stopAllocation },
  "allocation-services": { GET: nativeServices.listOfAllocation },
  "allocation-checks": { GET: client.readChecks },
  evaluations: { GET: evaluations.listEvaluations, DELETE: evaluations.deleteEvaluations },
  "evaluations-count": { GET: evaluations.countEvaluations },
  evaluation: { GET: evaluations.readEvaluation },
  "evaluation-allocations": { GET: evaluations.listAllocationsOf },
  deployments: { GET: deployments.listDeployments },
  deployment: { GET: deployments.readDeployment },
  "deployment-allocations": { GET: deployments.listAllocationsOf },
  "deployment-fail": { PUT: deployments.failDeployment },
  "deployment-pause": { PUT: deployments.pauseDeployment },
  "deployment-promote": { PUT: deployments.promoteDeployment },
  "deployment-allocation-health": { PUT: deployments.setHealth },
  "scaling-policies": { GET: scaling.listPolicies },
  "scaling-policy": { GET: scaling.readPolicy },
  volumes: { GET: volumes.listVolumes },
  plugins: { GET: volumes.listPlugins },
  services: { GET: nativeServices.listServices },
  service: { GET: nativeServices.readService },
  "service-registration": { DELETE: nativeServices.deleteService },
  "files-ls": { GET: files.listFiles },
  "files-stat": { GET: files.statFile },
  "files-cat": { GET: files.catFile },
  "files-readat": { GET: files.readFileAt },
  "files-stream": { GET: files.streamFile },
  "files-logs": { GET: files.readLogs },
  "client-allocation-stats": { GET: client.allocationUsage },
  "client-allocation-restart": { PUT: client.restartAllocation },
  "client-allocation-signal": { PUT: client.signalAllocation },
  "client-allocation-gc": { GET: client.collectAllocation, PUT: client.collectAllocation },
  "client-allocation-exec": { GET: socketOnly.refusePlain },
  "client-allocation-checks": { GET: client.readChecks },
  "client-allocation-mesh": { GET: mesh.readAllocationMesh },
  "client-preflight": { GET: mesh.readPreflight },
  "mesh-check": { GET: mesh.checkMesh },
  "client-identity": { GET: identity.readNodeIdentity },
  "client-identity-renew": { PUT: identity.renewNodeIdentity },
  "client-introduction": { PUT: identity.introduceNode },
  "client-metadata": { GET: client.readMetadata, PUT: client.changeMetadata },
  "client-stats": { GET: client.hostUsage },
  "client-gc": { GET: client.collectNode, PUT: client.collectNode },
  "agent-self": { GET: agent.readSelf },
  "agent-members": { GET: members.listMembers },
  "agent-servers": { GET: agent.listServers, PUT: agent.updateServers },
  "agent-join": { PUT: members.joinServers },
  "agent-force-leave": { PUT: members.forceLeave },
  "agent-keyring-list": { GET: members.listGossipKeys },
  "agent-keyring-install": { PUT: members.changeGossipKey("install") },
  "agent-keyring-use": { PUT: members.changeGossipKey("use") },
  "agent-keyring-remove": { PUT: members.changeGossipKey("remove") },
  "agent-health": { GET: agent.readHealth },
  "agent-monitor": { GET: agent.monitor },
  "agent-host": { GET: agentInside.readHost },
  "agent-reload": { PUT: agentInside.reload },
  "agent-schedulers": { GET: agentInside.readSchedulers },
  "agent-schedulers-config": { GET: agentInside.readSchedulersConfig },
  "agent-profile": { GET: agentInside.readProfile },
  "status-leader": { GET: status.readLeader },
  "status-peers": { GET: status.listPeers },
  regions: { GET: status.listRegions },
  "system-gc": { PUT: system.collectGarbage },
  "system-reconcile-summaries": { PUT: summaries.reconcileSummaries },
  search: { PUT: search.search },
  "search-fuzzy": { PUT: searchFuzzy.fuzzySearch },
  namespaces: { GET: namespaces.listNamespaces },
  "namespace-create": { PUT: namespaces.writeNamespace },
  namespace: { GET: namespaces.readNamespace, PUT: namespaces.writeNamespace, DELETE: namespaces.deleteNamespace },
  "raft-configuration": { GET: operator.readRaftConfiguration },
  "raft-peer": { DELETE: operator.removePeer },
  "raft-transfer-leadership": { PUT: operator.transferLeadership },
  "autopilot-configuration": { GET: operator.readAutopilotConfiguration, PUT: operator.writeAutopilotConfiguration },
  "autopilot-health": { GET: operator.readAutopilotHealth },
  "keyring-keys": { GET: keyring.listKeys },
  "keyring-rotate": { PUT: keyring.rotateKey },
  "keyring-key": { DELETE: keyring.removeKey },
  jwks: { GET: keyring.readJwks },
  "openid-configuration": { GET: keyring.readDiscovery },
  snapshot: { GET: snapshot.saveSnapshot, PUT: snapshot.restoreSnapshot },
  variables: { GET: variables.listVariables },
  variable: { GET: variables.readVariable, PUT: variables.writeVariable, DELETE: variables.deleteVariable },
  "scheduler-configuration": { GET: system.readSchedulerConfiguration, PUT: system.writeSchedulerConfiguration },
  "event-stream": { GET: eventStream.streamEvents },
  metrics: { GET: metrics.readMetrics },
  "acl-grant": { GET: aclTokens.readGrant },
  "acl-bootstrap": { PUT: aclTokens.bootstrap },
  "acl-policies": { GET: aclPolicies.listPolicies },
  "acl-policy-self": { GET: aclPolicies.listOwnPolicies },
  "acl-policy": { GET: aclPolicies.readPolicy, PUT: aclPolicies.writePolicy, DELETE: aclPolicies.deletePolicy },
  "acl-tokens": { GET: aclTokens.listTokens },
  "acl-token-create": { PUT: aclTokens.createToken },
  "acl-token-self": { GET: aclTokens.readOwnToken },
  "acl-token-onetime": { PUT: aclTokens.createOneTime },
  "acl-token-onetime-exchange": { PUT: aclTokens.exchangeOneTime },
  "acl-token": { GET: aclTokens.readToken, PUT: aclTokens.updateToken, DELETE: aclTokens.deleteToken },
  "acl-roles": { GET: aclRoles.listRoles },
  "acl-role-create": { PUT: aclRoles.createRole },
  "acl-role": { GET: aclRoles.readRole, PUT: aclRoles.updateRole, DELETE: aclRoles.deleteRole },
  "acl-role-by-name": { GET: aclRoles.readRoleByName },
  "acl-auth-methods": { GET: aclLogin.listMethods },
  "acl-auth-method-create": { PUT: aclLogin.createMethod },
  "acl-auth-method": { GET: aclLogin.readMethod, PUT: aclLogin.updateMethod, DELETE: aclLogin.deleteMethod },
  "acl-binding-rules": { GET: aclLogin.listRules },
  "acl-binding-rule-create": { PUT: aclLogin.createRule },
  "acl-binding-rule": { GET: aclLogin.readRule, PUT: aclLogin.updateRule, DELETE: aclLogin.deleteRule },
  "acl-oidc-auth-url": { PUT: aclLogin.oidcAuthUrl },
  "acl-oidc-complete-auth": { PUT: aclLogin.oidcCompleteAuth },
  "acl-login": { PUT: aclLogin.login },
};
