/** The typed caller: a method an endpoint. Every method takes QueryOptions last and gives an Answer (value, index, nextToken). */
import type { Allocation, AllocationUsage, Evaluation, Event, Job, JobSubmission, JobSummary, SchedulerConfiguration } from "#model";
import type { FileInformation, HostUsage } from "#ports";
import {
  endpointPath,
  type AgentHealthAnswer,
  type AgentMembersAnswer,
  type AgentSelfAnswer,
  type AllocationDetail,
  type AllocationStub,
  type EvaluationAnswer,
  type EvaluationDetail,
  type JobDeregisterAnswer,
  type JobPlanAnswer,
  type JobPlanBody,
  type JobRegisterAnswer,
  type JobRegisterBody,
  type JobStub,
  type JobValidateAnswer,
  type JobVersionsAnswer,
  type JobParseBody,
  type MetricsAnswer,
  type NamespaceDetail,
  type NodeDetail,
  type NodePoolDetail,
  type NodeStub,
  type NodeUpdateAnswer,
  type SchedulerConfigurationAnswer,
  type SearchAnswer,
  type SearchBody,
  type StreamFrame,
} from "../contract/mod.ts";
import type { ApiClientOptions } from "./options.ts";
import { createRequester, type QueryOptions, type Requester } from "./requester.ts";

export type ApiClient = ReturnType<typeof createApiClient>;

/** Opens nothing until the first request. `close()` drops idle sockets (they do not hold the process). */
export function createApiClient(options: ApiClientOptions = {}) {
  const ask = createRequester(options);
  return {
    address: ask.address,
    /** For what has no method here. */
    request: ask,
    jobs: jobCalls(ask),
    allocations: allocationCalls(ask),
    files: fileCalls(ask),
    evaluations: evaluationCalls(ask),
    nodes: nodeCalls(ask),
    agent: agentCalls(ask),
    status: statusCalls(ask),
    system: systemCalls(ask),
    search: (body: SearchBody, query?: QueryOptions) => ask.put<SearchAnswer>(endpointPath("search", {}), body, query),
    namespaces: (query?: QueryOptions) => ask.get<readonly NamespaceDetail[]>(endpointPath("namespaces", {}), query),
    nodePools: (query?: QueryOptions) => ask.get<readonly NodePoolDetail[]>(endpointPath("node-pools", {}), query),
    /** Heartbeats come as `{}`. Topics: "Job:web", "Allocation:*". */
    events: (topics: readonly string[], query: QueryOptions = {}) =>
      ask.values<{ readonly Index?: number; readonly Events?: readonly Event[] }>(endpointPath("event-stream", {}), {
        ...query,
        parameters: { ...query.parameters, topic: topics },
      }),
    close: () => ask.close(),
  };
}

function jobCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly JobStub[]>(endpointPath("jobs", {}), query),
    register: (body: JobRegisterBody, query?: QueryOptions) => ask.put<JobRegisterAnswer>(endpointPath("jobs", {}), body, query),
    parse: (body: JobParseBody, query?: QueryOptions) => ask.put<Record<string, unknown>>(endpointPath("jobs-parse", {}), body, query),
    validate: (job: unknown, query?: QueryOptions) => ask.put<JobValidateAnswer>(endpointPath("validate-job", {}), { Job: job }, query),
    read: (job: string, query?: QueryOptions) => ask.get<Job>(endpointPath("job", { job }), query),
    plan: (job: string, body: JobPlanBody, query?: QueryOptions) => ask.put<JobPlanAnswer>(endpointPath("job-plan", { job }), body, query),
    deregister: (
      job: string,
      how: { readonly purge?: boolean; readonly global?: boolean; readonly evalPriority?: number; readonly noShutdownDelay?: boolean } = {},
      query: QueryOptions = {},
    ) =>
      ask.delete<JobDeregisterAnswer>(endpointPath("job", { job }), {
        ...query,
        parameters: {
          ...query.parameters,
          purge: how.purge,
          global: how.global,
          eval_priority: how.evalPriority,
          no_shutdown_delay: how.noShutdownDelay,
        },
      }),
    evaluate: (job: string, how: { readonly forceReschedule?: boolean } = {}, query?: QueryOptions) =>
      ask.put<EvaluationAnswer>(
        endpointPath("job-evaluate", { job }),
        { JobID: job, EvalOptions: { ForceReschedule: how.forceReschedule === true } },
        query,
      ),
    allocations: (job: string, query?: QueryOptions) => ask.get<readonly AllocationStub[]>(endpointPath("job-allocations", { job }), query),
    evaluations: (job: string, query?: QueryOptions) => ask.get<readonly Evaluation[]>(endpointPath("job-evaluations", { job }), query),
    summary: (job: string, query?: QueryOptions) => ask.get<JobSummary>(endpointPath("job-summary", { job }), query),
    versions: (job: string, diffs: boolean, query: QueryOptions = {}) =>
      ask.get<JobVersionsAnswer>(endpointPath("job-versions", { job }), { ...query, parameters: { ...query.parameters, diffs } }),
    submission: (job: string, version: number, query: QueryOptions = {}) =>
      ask.get<JobSubmission>(endpointPath("job-submission", { job }), { ...query, parameters: { ...query.parameters, version } }),
  };
}

function allocationCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly AllocationStub[]>(endpointPath("allocations", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<AllocationDetail>(endpointPath("allocation", { id }), query),
    stop: (id: string, how: { readonly noShutdownDelay?: boolean } = {}, query: QueryOptions = {}) =>
      ask.put<EvaluationAnswer>(endpointPath("allocation-stop", { id }), undefined, {
        ...query,
        parameters: { ...query.parameters, no_shutdown_delay: how.noShutdownDelay },
      }),
    /** `task` "": the whole allocation. */
    usage: (id: string, task = "", query: QueryOptions = {}) =>
      ask.get<AllocationUsage>(endpointPath("client-allocation-stats", { id }), { ...query, parameters: { ...query.parameters, task } }),
    restart: (id: string, body: { readonly TaskName: string; readonly AllTasks: boolean }, query?: QueryOptions) =>
      ask.put<null>(endpointPath("client-allocation-restart", { id }), body, query),
    signal: (id: string, body: { readonly Task: string; readonly Signal: string }, query?: QueryOptions) =>
      ask.put<null>(endpointPath("client-allocation-signal", { id }), body, query),
    collect: (id: string, query?: QueryOptions) => ask.put<null>(endpointPath("client-allocation-gc", { id }), undefined, query),
  };
}

/** How to read a log or a file. */
export interface ReadRange {
  readonly origin?: "start" | "end";
  readonly offset?: number;
  readonly follow?: boolean;
}

function fileCalls(ask: Requester) {
  const at = (query: QueryOptions, parameters: QueryOptions["parameters"]): QueryOptions => ({
    ...query,
    parameters: { ...query.parameters, ...parameters },
  });
  return {
    list: (allocation: string, path: string, query: QueryOptions = {}) =>
      ask.get<readonly FileInformation[]>(endpointPath("files-ls", { allocation }), at(query, { path })),
    stat: (allocation: string, path: string, query: QueryOptions = {}) =>
      ask.get<FileInformation>(endpointPath("files-stat", { allocation }), at(query, { path })),
    cat: (allocation: string, path: string, query: QueryOptions = {}) =>
      ask.bytes(endpointPath("files-cat", { allocation }), at(query, { path })),
    readAt: (allocation: string, path: string, offset: number, limit: number, query: QueryOptions = {}) =>
      ask.bytes(endpointPath("files-readat", { allocation }), at(query, { path, offset, limit })),
    /** Frames, heartbeats (`{}`) left out. Follows unless told not to. */
    stream: async (allocation: string, path: string, range: ReadRange, query: QueryOptions = {}) =>
      withoutHeartbeats(await ask.values<StreamFrame>(endpointPath("files-stream", { allocation }), at(query, { path, ...range }))),
    /** Frames, heartbeats (`{}`) left out. */
    logs: async (allocation: string, task: string, type: "stdout" | "stderr", range: ReadRange, query: QueryOptions = {}) =>
      withoutHeartbeats(await ask.values<StreamFrame>(endpointPath("files-logs", { allocation }), at(query, { task, type, ...range }))),
    /** The bytes alone. */
    logBytes: (allocation: string, task: string, type: "stdout" | "stderr", range: ReadRange, query: QueryOptions = {}) =>
      ask.bytes(endpointPath("files-logs", { allocation }), at(query, { task, type, ...range, plain: true })),
  };
}

async function* withoutHeartbeats(frames: AsyncIterable<StreamFrame>): AsyncGenerator<StreamFrame> {
  for await (const frame of frames) if (frame.Data !== undefined || frame.FileEvent !== undefined || frame.File !== undefined) yield frame;
}

function evaluationCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly Evaluation[]>(endpointPath("evaluations", {}), query),
    count: (query?: QueryOptions) => ask.get<{ readonly Count: number }>(endpointPath("evaluations-count", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<EvaluationDetail>(endpointPath("evaluation", { id }), query),
    allocations: (id: string, query?: QueryOptions) =>
      ask.get<readonly AllocationStub[]>(endpointPath("evaluation-allocations", { id }), query),
  };
}

function nodeCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly NodeStub[]>(endpointPath("nodes", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<NodeDetail>(endpointPath("node", { id }), query),
    allocations: (id: string, query?: QueryOptions) => ask.get<readonly Allocation[]>(endpointPath("node-allocations", { id }), query),
    evaluate: (id: string, query?: QueryOptions) => ask.put<NodeUpdateAnswer>(endpointPath("node-evaluate", { id }), undefined, query),
    setEligibility: (id: string, eligibility: "eligible" | "ineligible", query?: QueryOptions) =>
      ask.put<NodeUpdateAnswer>(endpointPath("node-eligibility", { id }), { NodeID: id, Eligibility: eligibility }, query),
    purge: (id: string, query?: QueryOptions) => ask.put<NodeUpdateAnswer>(endpointPath("node-purge", { id }), undefined, query),
    /** "": the agent asked. */
    usage: (id: string, query: QueryOptions = {}) =>
      ask.get<HostUsage>(endpointPath("client-stats", {}), { ...query, parameters: { ...query.parameters, node_id: id } }),
    collect: (id: string, query: QueryOptions = {}) =>
      ask.put<null>(endpointPath("client-gc", {}), undefined, { ...query, parameters: { ...query.parameters, node_id: id } }),
  };
}

function agentCalls(ask: Requester) {
  return {
    self: (query?: QueryOptions) => ask.get<AgentSelfAnswer>(endpointPath("agent-self", {}), query),
    members: (query?: QueryOptions) => ask.get<AgentMembersAnswer>(endpointPath("agent-members", {}), query),
    servers: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("agent-servers", {}), query),
    /** Rejects with ApiError 500 when something is not ok; its text is the same JSON. */
    health: (query?: QueryOptions) => ask.get<AgentHealthAnswer>(endpointPath("agent-health", {}), query),
    metrics: (query?: QueryOptions) => ask.get<MetricsAnswer>(endpointPath("metrics", {}), query),
    /** The agent's log as bytes, from now on. */
    monitor: (how: { readonly logLevel?: string; readonly logJson?: boolean } = {}, query: QueryOptions = {}) =>
      ask.bytes(endpointPath("agent-monitor", {}), {
        ...query,
        parameters: { ...query.parameters, log_level: how.logLevel, log_json: how.logJson, plain: true },
      }),
  };
}

function statusCalls(ask: Requester) {
  return {
    leader: (query?: QueryOptions) => ask.get<string>(endpointPath("status-leader", {}), query),
    peers: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("status-peers", {}), query),
    regions: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("regions", {}), query),
  };
}

function systemCalls(ask: Requester) {
  return {
    collectGarbage: (query?: QueryOptions) => ask.put<null>(endpointPath("system-gc", {}), undefined, query),
    schedulerConfiguration: (query?: QueryOptions) =>
      ask.get<SchedulerConfigurationAnswer>(endpointPath("scheduler-configuration", {}), query),
    setSchedulerConfiguration: (configuration: SchedulerConfiguration, query?: QueryOptions) =>
      ask.put<{ readonly Updated: boolean; readonly Index: number }>(endpointPath("scheduler-configuration", {}), configuration, query),
  };
}
