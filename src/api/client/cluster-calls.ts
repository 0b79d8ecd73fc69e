/** Nodes, namespaces, node pools, the agent and the servers. nomad.md §3.2. */
import type { Allocation, MeshCheck, NamespaceRecord, ScalingPolicy, SchedulerConfiguration } from "#model";
import type { Finding, HostUsage, NodeMetadata } from "#ports";
import {
  endpointPath,
  type AgentHealthAnswer,
  type AgentHostAnswer,
  type AgentMembersAnswer,
  type AgentSchedulersAnswer,
  type AgentSchedulersConfigAnswer,
  type AgentSelfAnswer,
  type AutopilotConfigurationAnswer,
  type AutopilotHealthAnswer,
  type JobStub,
  type MetricsAnswer,
  type NodeDetail,
  type NodeDrainBody,
  type NodePoolDetail,
  type NodeStub,
  type NodeUpdateAnswer,
  type RaftConfigurationAnswer,
  type ScalingPolicyStub,
  type SchedulerConfigurationAnswer,
} from "../contract/mod.ts";
import { withParameters, type QueryOptions, type Requester } from "./requester.ts";

export function nodeCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly NodeStub[]>(endpointPath("nodes", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<NodeDetail>(endpointPath("node", { id }), query),
    allocations: (id: string, query?: QueryOptions) => ask.get<readonly Allocation[]>(endpointPath("node-allocations", { id }), query),
    evaluate: (id: string, query?: QueryOptions) => ask.put<NodeUpdateAnswer>(endpointPath("node-evaluate", { id }), undefined, query),
    setEligibility: (id: string, eligibility: "eligible" | "ineligible", query?: QueryOptions) =>
      ask.put<NodeUpdateAnswer>(endpointPath("node-eligibility", { id }), { NodeID: id, Eligibility: eligibility }, query),
    drain: (id: string, body: NodeDrainBody, query?: QueryOptions) =>
      ask.put<NodeUpdateAnswer>(endpointPath("node-drain", { id }), { NodeID: id, ...body }, query),
    purge: (id: string, query?: QueryOptions) => ask.put<NodeUpdateAnswer>(endpointPath("node-purge", { id }), undefined, query),
    /** "": the agent asked. */
    usage: (id: string, query?: QueryOptions) =>
      ask.get<HostUsage>(endpointPath("client-stats", {}), withParameters(query, { node_id: id })),
    collect: (id: string, query?: QueryOptions) =>
      ask.put<null>(endpointPath("client-gc", {}), undefined, withParameters(query, { node_id: id })),
    /** What networks and the mesh need of its machine, the good too. "": the agent asked. */
    preflight: (id: string, query?: QueryOptions) =>
      ask.get<readonly Finding[]>(endpointPath("client-preflight", {}), withParameters(query, { node_id: id })),
    /** "": the agent asked. */
    metadata: (id: string, query?: QueryOptions) =>
      ask.get<NodeMetadata>(endpointPath("client-metadata", {}), withParameters(query, { node_id: id })),
    /** null takes a key away. */
    changeMetadata: (id: string, changes: Readonly<Record<string, string | null>>, query?: QueryOptions) =>
      ask.put<NodeMetadata>(endpointPath("client-metadata", {}), { NodeID: id, Meta: changes }, query),
  };
}

export function nodePoolCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly NodePoolDetail[]>(endpointPath("node-pools", {}), query),
    read: (name: string, query?: QueryOptions) => ask.get<NodePoolDetail>(endpointPath("node-pool", { name }), query),
    nodes: (name: string, query?: QueryOptions) => ask.get<readonly NodeStub[]>(endpointPath("node-pool-nodes", { name }), query),
    jobs: (name: string, query?: QueryOptions) => ask.get<readonly JobStub[]>(endpointPath("node-pool-jobs", { name }), query),
    /** Created, or replaced whole. */
    write: (pool: { readonly Name: string } & Readonly<Record<string, unknown>>, query?: QueryOptions) =>
      ask.put<null>(endpointPath("node-pools", {}), pool, query),
    delete: (name: string, query?: QueryOptions) => ask.delete<null>(endpointPath("node-pool", { name }), query),
  };
}

export function namespaceCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly NamespaceRecord[]>(endpointPath("namespaces", {}), query),
    read: (name: string, query?: QueryOptions) => ask.get<NamespaceRecord>(endpointPath("namespace", { name }), query),
    /** Created, or replaced whole. */
    write: (record: { readonly Name: string } & Readonly<Record<string, unknown>>, query?: QueryOptions) =>
      ask.put<null>(endpointPath("namespace-create", {}), record, query),
    delete: (name: string, query?: QueryOptions) => ask.delete<null>(endpointPath("namespace", { name }), query),
  };
}

export function scalingCalls(ask: Requester) {
  return {
    policies: (how: { readonly job?: string; readonly type?: string } = {}, query?: QueryOptions) =>
      ask.get<readonly ScalingPolicyStub[]>(endpointPath("scaling-policies", {}), withParameters(query, how)),
    policy: (id: string, query?: QueryOptions) => ask.get<ScalingPolicy>(endpointPath("scaling-policy", { id }), query),
  };
}

export function meshCalls(ask: Requester) {
  return {
    /** May `source` call `destination`? Every step of the way. */
    check: (source: string, destination: string, query?: QueryOptions) =>
      ask.get<MeshCheck>(endpointPath("mesh-check", {}), withParameters(query, { source, destination })),
  };
}

export function agentCalls(ask: Requester) {
  return {
    self: (query?: QueryOptions) => ask.get<AgentSelfAnswer>(endpointPath("agent-self", {}), query),
    members: (query?: QueryOptions) => ask.get<AgentMembersAnswer>(endpointPath("agent-members", {}), query),
    servers: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("agent-servers", {}), query),
    /** Rejects with ApiError 500 when something is not ok; its text is the same JSON. */
    health: (query?: QueryOptions) => ask.get<AgentHealthAnswer>(endpointPath("agent-health", {}), query),
    /** Needs enable_debug. */
    host: (query?: QueryOptions) => ask.get<AgentHostAnswer>(endpointPath("agent-host", {}), query),
    reload: (query?: QueryOptions) => ask.put<null>(endpointPath("agent-reload", {}), undefined, query),
    schedulers: (query?: QueryOptions) => ask.get<AgentSchedulersAnswer>(endpointPath("agent-schedulers", {}), query),
    schedulersConfiguration: (query?: QueryOptions) =>
      ask.get<AgentSchedulersConfigAnswer>(endpointPath("agent-schedulers-config", {}), query),
    /** V8's profiles: "profile" and "heap" as JSON, "cmdline" as text. Needs enable_debug. */
    profile: (profile: "profile" | "heap" | "cmdline", seconds: number, query?: QueryOptions) =>
      ask.bytes(endpointPath("agent-profile", { profile }), withParameters(query, { seconds })),
    metrics: (query?: QueryOptions) => ask.get<MetricsAnswer>(endpointPath("metrics", {}), query),
    /** The agent's log as bytes, from now on. */
    monitor: (how: { readonly logLevel?: string; readonly logJson?: boolean } = {}, query?: QueryOptions) =>
      ask.bytes(endpointPath("agent-monitor", {}), withParameters(query, { log_level: how.logLevel, log_json: how.logJson, plain: true })),
  };
}

export function statusCalls(ask: Requester) {
  return {
    leader: (query?: QueryOptions) => ask.get<string>(endpointPath("status-leader", {}), query),
    peers: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("status-peers", {}), query),
    regions: (query?: QueryOptions) => ask.get<readonly string[]>(endpointPath("regions", {}), query),
  };
}

export function systemCalls(ask: Requester) {
  return {
    collectGarbage: (query?: QueryOptions) => ask.put<null>(endpointPath("system-gc", {}), undefined, query),
    reconcileSummaries: (query?: QueryOptions) => ask.put<null>(endpointPath("system-reconcile-summaries", {}), undefined, query),
    schedulerConfiguration: (query?: QueryOptions) =>
      ask.get<SchedulerConfigurationAnswer>(endpointPath("scheduler-configuration", {}), query),
    /** `enforceIndex`: only if the stored one has this ModifyIndex. */
    setSchedulerConfiguration: (
      configuration: SchedulerConfiguration,
      how: { readonly enforceIndex?: number | undefined } = {},
      query?: QueryOptions,
    ) =>
      ask.put<{ readonly Updated: boolean; readonly Index: number }>(
        endpointPath("scheduler-configuration", {}),
        configuration,
        withParameters(query, { cas: how.enforceIndex }),
      ),
    raftConfiguration: (query?: QueryOptions) => ask.get<RaftConfigurationAnswer>(endpointPath("raft-configuration", {}), query),
    /** A new node's first token: who shows it may join where introductions are asked for. `ttlMs` 0: the servers' default. */
    introduceNode: (request: { readonly ttlMs: number; readonly nodeName: string; readonly nodePool: string }) =>
      ask.put<{ readonly JWT: string }>(endpointPath("client-introduction", {}), {
        TTL: request.ttlMs * 1e6,
        NodeName: request.nodeName,
        NodePool: request.nodePool,
      }),
    nodeIdentity: (id: string) =>
      ask.get<{ readonly Claims: Readonly<Record<string, unknown>> }>(endpointPath("client-identity", {}), { parameters: { node_id: id } }),
    /** With its next heartbeat. */
    renewNodeIdentity: (id: string) => ask.put<null>(endpointPath("client-identity-renew", {}), { NodeID: id }),
    autopilotConfiguration: (query?: QueryOptions) =>
      ask.get<AutopilotConfigurationAnswer>(endpointPath("autopilot-configuration", {}), query),
    /** Replaced whole; answers whether it was. `enforceIndex`: only if the stored one has this ModifyIndex. */
    setAutopilotConfiguration: (configuration: AutopilotConfigurationAnswer, how: { readonly enforceIndex?: number | undefined } = {}) =>
      ask.put<boolean>(endpointPath("autopilot-configuration", {}), configuration, withParameters(undefined, { cas: how.enforceIndex })),
    /** Rejects with ApiError 429 when the servers are not well; its text is the same JSON. */
    autopilotHealth: (query?: QueryOptions) => ask.get<AutopilotHealthAnswer>(endpointPath("autopilot-health", {}), query),
    /** Everything is replaced by what the archive holds. */
    restoreSnapshot: (archive: Uint8Array, query?: QueryOptions) => ask.put<null>(endpointPath("snapshot", {}), archive, query),
    /** A tar.gz of the whole state. */
    saveSnapshot: (query?: QueryOptions) => ask.bytes(endpointPath("snapshot", {}), query),
  };
}
