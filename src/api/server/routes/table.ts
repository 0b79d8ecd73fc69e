/** Who answers what: a handler for every endpoint and method the contract lists; the compiler sees to it that none is missing. */
import type { ENDPOINTS, EndpointName } from "../../contract/mod.ts";
import type { Handler } from "../call.ts";
import * as agent from "./agent.ts";
import * as allocations from "./allocations.ts";
import * as builtIn from "./built-in.ts";
import * as client from "./client.ts";
import * as evaluations from "./evaluations.ts";
import * as eventStream from "./event-stream.ts";
import * as files from "./files.ts";
import * as job from "./job.ts";
import * as jobList from "./job-list.ts";
import * as metrics from "./metrics.ts";
import * as nodes from "./nodes.ts";
import * as noneYet from "./none-yet.ts";
import * as search from "./search.ts";
import * as status from "./status.ts";
import * as system from "./system.ts";

type HandlerTable = {
  readonly [Name in EndpointName]: { readonly [Method in (typeof ENDPOINTS)[Name]["methods"][number]]: Handler };
};

export const HANDLERS: HandlerTable = {
  jobs: { GET: jobList.listJobs, PUT: jobList.registerJob },
  "jobs-parse": { PUT: jobList.parseJobText },
  "validate-job": { PUT: jobList.validateJob },
  job: { GET: job.readJob, PUT: job.updateJob, DELETE: job.deregisterJob },
  "job-plan": { PUT: job.planJob },
  "job-evaluate": { PUT: job.evaluateJob },
  "job-allocations": { GET: job.listAllocations },
  "job-evaluations": { GET: job.listEvaluations },
  "job-summary": { GET: job.readSummary },
  "job-versions": { GET: job.listVersions },
  "job-submission": { GET: job.readSubmission },
  "job-actions": { GET: job.listActions },
  "job-deployments": { GET: noneYet.listNone },
  "job-deployment": { GET: noneYet.readNone },
  "job-services": { GET: noneYet.listNone },
  nodes: { GET: nodes.listNodes },
  node: { GET: nodes.readNode },
  "node-allocations": { GET: nodes.listAllocationsOf },
  "node-evaluate": { PUT: nodes.evaluateNode },
  "node-eligibility": { PUT: nodes.setEligibility },
  "node-purge": { PUT: nodes.purgeNode },
  "node-pools": { GET: builtIn.listNodePools },
  "node-pool": { GET: builtIn.readNodePool },
  "node-pool-nodes": { GET: builtIn.listNodesOfPool },
  "node-pool-jobs": { GET: builtIn.listJobsOfPool },
  allocations: { GET: allocations.listAllocations },
  allocation: { GET: allocations.readAllocation },
  "allocation-stop": { PUT: allocations.stopAllocation },
  "allocation-services": { GET: noneYet.listNone },
  evaluations: { GET: evaluations.listEvaluations },
  "evaluations-count": { GET: evaluations.countEvaluations },
  evaluation: { GET: evaluations.readEvaluation },
  "evaluation-allocations": { GET: evaluations.listAllocationsOf },
  deployments: { GET: noneYet.listNone },
  deployment: { GET: noneYet.missingDeployment },
  services: { GET: noneYet.listNone },
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
  "client-stats": { GET: client.hostUsage },
  "client-gc": { GET: client.collectNode, PUT: client.collectNode },
  "agent-self": { GET: agent.readSelf },
  "agent-members": { GET: agent.listMembers },
  "agent-servers": { GET: agent.listServers },
  "agent-health": { GET: agent.readHealth },
  "agent-monitor": { GET: agent.monitor },
  "status-leader": { GET: status.readLeader },
  "status-peers": { GET: status.listPeers },
  regions: { GET: status.listRegions },
  "system-gc": { PUT: system.collectGarbage },
  search: { PUT: search.search },
  namespaces: { GET: builtIn.listNamespaces },
  namespace: { GET: builtIn.readNamespace },
  "scheduler-configuration": { GET: system.readSchedulerConfiguration, PUT: system.writeSchedulerConfiguration },
  "event-stream": { GET: eventStream.streamEvents },
  metrics: { GET: metrics.readMetrics },
};
