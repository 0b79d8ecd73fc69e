/** The typed caller: a method an endpoint. Every method takes QueryOptions last and gives an Answer (value, index, nextToken). */
import type { Event } from "#model";
import type { ExecInput } from "#ports";
import { endpointPath, type FuzzySearchAnswer, type FuzzySearchBody, type SearchAnswer, type SearchBody } from "../contract/mod.ts";
import { aclCalls } from "./acl-calls.ts";
import { allocationCalls, deploymentCalls, evaluationCalls, fileCalls } from "./allocation-calls.ts";
import {
  agentCalls,
  meshCalls,
  namespaceCalls,
  nodeCalls,
  nodePoolCalls,
  scalingCalls,
  statusCalls,
  systemCalls,
} from "./cluster-calls.ts";
import { openExec } from "./exec.ts";
import { jobCalls } from "./job-calls.ts";
import type { ApiClientOptions } from "./options.ts";
import { variableCalls } from "./variable-calls.ts";
import { createRequester, withParameters, type QueryOptions } from "./requester.ts";

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
    deployments: deploymentCalls(ask),
    nodes: nodeCalls(ask),
    nodePools: nodePoolCalls(ask),
    namespaces: namespaceCalls(ask),
    scaling: scalingCalls(ask),
    agent: agentCalls(ask),
    status: statusCalls(ask),
    system: systemCalls(ask),
    mesh: meshCalls(ask),
    variables: variableCalls(ask),
    acl: aclCalls(ask),
    search: (body: SearchBody, query?: QueryOptions) => ask.put<SearchAnswer>(endpointPath("search", {}), body, query),
    searchFuzzy: (body: FuzzySearchBody, query?: QueryOptions) => ask.put<FuzzySearchAnswer>(endpointPath("search-fuzzy", {}), body, query),
    /** Heartbeats come as `{}`. Topics: "Job:web", "Allocation:*". */
    events: (topics: readonly string[], query?: QueryOptions) =>
      ask.values<{ readonly Index?: number; readonly Events?: readonly Event[] }>(
        endpointPath("event-stream", {}),
        withParameters(query, { topic: topics }),
      ),
    /** Runs a command in a task; ./exec.ts says how it goes and ends. */
    exec: (
      allocation: string,
      what: { readonly task: string; readonly command: readonly string[]; readonly tty: boolean },
      input: AsyncIterable<ExecInput>,
      query?: QueryOptions,
    ) =>
      openExec(
        ask,
        options,
        endpointPath("client-allocation-exec", { id: allocation }),
        withParameters(query, { task: what.task, tty: what.tty, command: JSON.stringify(what.command) }),
        input,
      ),
    /** Runs an action of a job's task, in the same way. `allocation` "": any running one. */
    action: (
      job: string,
      what: { readonly action: string; readonly task: string; readonly group: string; readonly allocation: string; readonly tty: boolean },
      input: AsyncIterable<ExecInput>,
      query?: QueryOptions,
    ) =>
      openExec(
        ask,
        options,
        endpointPath("job-action", { job }),
        withParameters(query, { action: what.action, task: what.task, group: what.group, allocID: what.allocation, tty: what.tty }),
        input,
      ),
    close: () => ask.close(),
  };
}
