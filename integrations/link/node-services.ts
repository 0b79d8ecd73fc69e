/** A node's services over its second connection: asked at the server's end, answered at the node's. */
import type { AllocationId } from "#model";
import type { ExecInput, ExecOutput, ExecRequest, FileFrame, FileRead, LogRead, NodeServices } from "#ports";
import type { Answers, Asking } from "./calls.ts";

/** `asking` opens the connection first when it is not there. */
export function askNode(asking: () => Promise<Asking>): NodeServices {
  const ask = async (method: keyof NodeServices, ...args: readonly unknown[]) => (await (await asking()).ask(method, args)) as never;
  async function* stream<Value>(method: keyof NodeServices, args: readonly unknown[], signal: AbortSignal, input?: AsyncIterable<unknown>) {
    if (signal.aborted) return;
    const through = await asking();
    yield* through.stream(method, args, signal, input) as AsyncIterable<Value>;
  }
  return {
    listFiles: (allocationId, path) => ask("listFiles", allocationId, path),
    statFile: (allocationId, path) => ask("statFile", allocationId, path),
    readFile: (request, signal) => stream<FileFrame>("readFile", [request], signal),
    readLogs: (request, signal) => stream<FileFrame>("readLogs", [request], signal),
    allocationUsage: (allocationId, task) =>
      task === undefined ? ask("allocationUsage", allocationId) : ask("allocationUsage", allocationId, task),
    hostUsage: () => ask("hostUsage"),
    restartAllocation: (allocationId, task, allTasks) => ask("restartAllocation", allocationId, task, allTasks),
    signalAllocation: (allocationId, task, signal) => ask("signalAllocation", allocationId, task, signal),
    exec: (request, input, signal) => stream<ExecOutput>("exec", [request], signal, input),
    checks: (allocationId) => ask("checks", allocationId),
    metadata: () => ask("metadata"),
    changeMetadata: (changes) => ask("changeMetadata", changes),
    mesh: (allocationId) => ask("mesh", allocationId),
    preflight: () => ask("preflight"),
    collectAllocation: (allocationId) => ask("collectAllocation", allocationId),
    collectAll: () => ask("collectAll"),
  };
}

/** What a server may ask, and nothing else: every argument is made what the service expects. */
export function answerForNode(services: NodeServices): Answers {
  const id = (value: unknown) => String(value) as AllocationId;
  return {
    listFiles: ([allocation, path]) => services.listFiles(id(allocation), String(path)),
    statFile: ([allocation, path]) => services.statFile(id(allocation), String(path)),
    readFile: ([request], signal) => services.readFile(request as FileRead, signal),
    readLogs: ([request], signal) => services.readLogs(request as LogRead, signal),
    allocationUsage: ([allocation, task]) =>
      task === undefined ? services.allocationUsage(id(allocation)) : services.allocationUsage(id(allocation), String(task)),
    hostUsage: () => services.hostUsage(),
    restartAllocation: ([allocation, task, all]) => services.restartAllocation(id(allocation), String(task), all === true),
    signalAllocation: ([allocation, task, signal]) => services.signalAllocation(id(allocation), String(task), String(signal)),
    exec: ([request], signal, input) => services.exec(request as ExecRequest, input() as AsyncIterable<ExecInput>, signal),
    checks: ([allocation]) => services.checks(id(allocation)),
    metadata: () => services.metadata(),
    changeMetadata: ([changes]) => services.changeMetadata(changes as Readonly<Record<string, string | null>>),
    mesh: ([allocation]) => services.mesh(id(allocation)),
    preflight: () => services.preflight(),
    collectAllocation: ([allocation]) => services.collectAllocation(id(allocation)),
    collectAll: () => services.collectAll(),
  };
}
