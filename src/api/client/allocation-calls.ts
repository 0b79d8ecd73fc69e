/** Allocations, their files and logs, their evaluations and deployments. nomad.md §3.2. */
import type { AllocationUsage, Deployment, Evaluation } from "#model";
import type { AllocationMesh, CheckResult, FileInformation } from "#ports";
import {
  endpointPath,
  type AllocationDetail,
  type AllocationStub,
  type DeploymentUpdateAnswer,
  type EvaluationAnswer,
  type EvaluationDetail,
  type StreamFrame,
} from "../contract/mod.ts";
import { withParameters, type QueryOptions, type Requester } from "./requester.ts";

export function allocationCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly AllocationStub[]>(endpointPath("allocations", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<AllocationDetail>(endpointPath("allocation", { id }), query),
    /** `reschedule`: the replacement counts as a reschedule, not as a move. */
    stop: (id: string, how: { readonly noShutdownDelay?: boolean; readonly reschedule?: boolean } = {}, query?: QueryOptions) =>
      ask.put<EvaluationAnswer>(
        endpointPath("allocation-stop", { id }),
        undefined,
        withParameters(query, { no_shutdown_delay: how.noShutdownDelay, reschedule: how.reschedule }),
      ),
    /** `task` "": the whole allocation. */
    usage: (id: string, task = "", query?: QueryOptions) =>
      ask.get<AllocationUsage>(endpointPath("client-allocation-stats", { id }), withParameters(query, { task })),
    restart: (id: string, body: { readonly TaskName: string; readonly AllTasks: boolean }, query?: QueryOptions) =>
      ask.put<null>(endpointPath("client-allocation-restart", { id }), body, query),
    signal: (id: string, body: { readonly Task: string; readonly Signal: string }, query?: QueryOptions) =>
      ask.put<null>(endpointPath("client-allocation-signal", { id }), body, query),
    checks: (id: string, query?: QueryOptions) =>
      ask.get<Readonly<Record<string, CheckResult>>>(endpointPath("client-allocation-checks", { id }), query),
    /** How its proxies stand, and who may talk to whom. */
    mesh: (id: string, query?: QueryOptions) => ask.get<AllocationMesh>(endpointPath("client-allocation-mesh", { id }), query),
    collect: (id: string, query?: QueryOptions) => ask.put<null>(endpointPath("client-allocation-gc", { id }), undefined, query),
  };
}

/** How to read a log or a file. */
export interface ReadRange {
  readonly origin?: "start" | "end";
  readonly offset?: number;
  readonly follow?: boolean;
}

export function fileCalls(ask: Requester) {
  return {
    list: (allocation: string, path: string, query?: QueryOptions) =>
      ask.get<readonly FileInformation[]>(endpointPath("files-ls", { allocation }), withParameters(query, { path })),
    stat: (allocation: string, path: string, query?: QueryOptions) =>
      ask.get<FileInformation>(endpointPath("files-stat", { allocation }), withParameters(query, { path })),
    cat: (allocation: string, path: string, query?: QueryOptions) =>
      ask.bytes(endpointPath("files-cat", { allocation }), withParameters(query, { path })),
    readAt: (allocation: string, path: string, offset: number, limit: number, query?: QueryOptions) =>
      ask.bytes(endpointPath("files-readat", { allocation }), withParameters(query, { path, offset, limit })),
    /** Frames, heartbeats (`{}`) left out. Follows unless told not to. */
    stream: async (allocation: string, path: string, range: ReadRange, query?: QueryOptions) =>
      withoutHeartbeats(
        await ask.values<StreamFrame>(endpointPath("files-stream", { allocation }), withParameters(query, { path, ...range })),
      ),
    /** Frames, heartbeats (`{}`) left out. */
    logs: async (allocation: string, task: string, type: "stdout" | "stderr", range: ReadRange, query?: QueryOptions) =>
      withoutHeartbeats(
        await ask.values<StreamFrame>(endpointPath("files-logs", { allocation }), withParameters(query, { task, type, ...range })),
      ),
    /** The bytes alone. */
    logBytes: (allocation: string, task: string, type: "stdout" | "stderr", range: ReadRange, query?: QueryOptions) =>
      ask.bytes(endpointPath("files-logs", { allocation }), withParameters(query, { task, type, ...range, plain: true })),
  };
}

async function* withoutHeartbeats(frames: AsyncIterable<StreamFrame>): AsyncGenerator<StreamFrame> {
  for await (const frame of frames) if (frame.Data !== undefined || frame.FileEvent !== undefined || frame.File !== undefined) yield frame;
}

export function evaluationCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly Evaluation[]>(endpointPath("evaluations", {}), query),
    count: (query?: QueryOptions) => ask.get<{ readonly Count: number }>(endpointPath("evaluations-count", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<EvaluationDetail>(endpointPath("evaluation", { id }), query),
    /** With those it is linked to. */
    readRelated: (id: string, query?: QueryOptions) =>
      ask.get<EvaluationDetail>(endpointPath("evaluation", { id }), withParameters(query, { related: true })),
    allocations: (id: string, query?: QueryOptions) =>
      ask.get<readonly AllocationStub[]>(endpointPath("evaluation-allocations", { id }), query),
    /** By ids or by filter, not both; the broker must be paused. */
    delete: (of: { readonly EvalIDs: readonly string[] } | { readonly Filter: string }, query?: QueryOptions) =>
      ask.delete<{ readonly Count: number }>(endpointPath("evaluations", {}), query, of),
  };
}

export function deploymentCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly Deployment[]>(endpointPath("deployments", {}), query),
    read: (id: string, query?: QueryOptions) => ask.get<Deployment>(endpointPath("deployment", { id }), query),
    allocations: (id: string, query?: QueryOptions) =>
      ask.get<readonly AllocationStub[]>(endpointPath("deployment-allocations", { id }), query),
    fail: (id: string, query?: QueryOptions) =>
      ask.put<DeploymentUpdateAnswer>(endpointPath("deployment-fail", { id }), { DeploymentID: id }, query),
    pause: (id: string, pause: boolean, query?: QueryOptions) =>
      ask.put<DeploymentUpdateAnswer>(endpointPath("deployment-pause", { id }), { DeploymentID: id, Pause: pause }, query),
    /** `groups` null: all. */
    promote: (id: string, groups: readonly string[] | null, query?: QueryOptions) =>
      ask.put<DeploymentUpdateAnswer>(
        endpointPath("deployment-promote", { id }),
        groups === null ? { DeploymentID: id, All: true } : { DeploymentID: id, Groups: groups },
        query,
      ),
    setHealth: (id: string, healthy: readonly string[], unhealthy: readonly string[], query?: QueryOptions) =>
      ask.put<DeploymentUpdateAnswer>(
        endpointPath("deployment-allocation-health", { id }),
        { DeploymentID: id, HealthyAllocationIDs: healthy, UnhealthyAllocationIDs: unhealthy },
        query,
      ),
  };
}
