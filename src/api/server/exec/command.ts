/** Which command is to run where: from the path and the query string, then from the state. */
import type { IncomingHttpHeaders } from "node:http";
import type { Allocation, AllocationId, Job } from "#model";
import type { ExecInput, ExecOutput } from "#ports";
import type { Context } from "../call.ts";
import { jobTails, matchJobPath } from "../paths.ts";
import type { Query } from "../query.ts";
import { wayElsewhere, type Way } from "../relay.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireCluster } from "../require.ts";
import { nodeOfAllocation } from "../routes/node-of.ts";

export interface ExecAsk {
  /** "" in an action: any running one of the job's. */
  readonly allocation: string;
  readonly task: string;
  readonly tty: boolean;
  /** Wait for the handshake frame first. */
  readonly handshake: boolean;
  readonly what:
    | { readonly kind: "command"; readonly command: readonly string[] }
    | { readonly kind: "action"; readonly namespace: string; readonly job: string; readonly group: string; readonly action: string };
}

const EXEC_PATH = /^\/v1\/client\/allocation\/([^/]+)\/exec$/;
const ACTION_PATH = /^\/v1\/job\/.+\/action$/;
const JOB_TAILS = jobTails();

export function isExecPath(path: string): boolean {
  return EXEC_PATH.test(path) || ACTION_PATH.test(path);
}

/** Throws 400 for what cannot be understood. */
export function readAsk(path: string, query: Query): ExecAsk {
  const how = { task: query.text("task"), tty: query.flag("tty"), handshake: query.flag("ws_handshake") };
  const allocation = EXEC_PATH.exec(path)?.[1];
  if (allocation !== undefined) return { ...how, allocation, what: { kind: "command", command: commandOf(query.text("command")) } };
  const job = matchJobPath(path, JOB_TAILS).parameters["job"] ?? "";
  const action = query.text("action");
  if (action === "") throw badRequest("action name is required");
  const place = { namespace: query.text("namespace") || "default", job, group: query.text("group") };
  return { ...how, allocation: query.text("allocID"), what: { kind: "action", action, ...place } };
}

function commandOf(text: string): readonly string[] {
  let command: unknown;
  try {
    command = JSON.parse(text);
  } catch {
    throw badRequest("Cannot read command: it is no JSON list of strings");
  }
  if (!Array.isArray(command) || !command.every((part) => typeof part === "string")) {
    throw badRequest("Cannot read command: it is no JSON list of strings");
  }
  if (command.length === 0) throw badRequest("command is not present");
  return command;
}

/** Rejects, or starts an iterable that rejects, with NamedErrors. */
export async function startCommand(
  ask: ExecAsk,
  context: Context,
  input: AsyncIterable<ExecInput>,
  signal: AbortSignal,
): Promise<AsyncIterable<ExecOutput>> {
  const found = ask.what.kind === "command" ? { id: ask.allocation, command: ask.what.command } : await actionOf(ask, ask.what, context);
  if (ask.task === "") throw badRequest("task name is required");
  const node = await nodeOfAllocation(context, found.id);
  return node.exec({ AllocationId: found.id as AllocationId, Task: ask.task, Command: found.command, Tty: ask.tty }, input, signal);
}

/**
 * Which server answers instead of this agent; undefined: it does itself, and says what is wrong if something is. An agent without a server has
 * what is on its own node, a server also what is on nodes that are connected to it.
 */
export async function whoAnswers(ask: ExecAsk, context: Context, headers: IncomingHttpHeaders): Promise<Way | undefined> {
  if (context.server === null && context.serverApi === undefined) return undefined;
  try {
    const found = ask.what.kind === "command" ? { id: ask.allocation } : await actionOf(ask, ask.what, context);
    const node = await nodeOfAllocation(context, found.id);
    // A server has asked its state; without one, only the node knows.
    if (context.server === null) await node.statFile(found.id as AllocationId, "/");
    return undefined;
  } catch (error) {
    return wayElsewhere(error, context, headers);
  }
}

async function actionOf(ask: ExecAsk, of: Extract<ExecAsk["what"], { kind: "action" }>, context: Context) {
  const snapshot = await requireCluster(context).read();
  const allocation =
    ask.allocation === ""
      ? [...snapshot.allocationsByJob(of.namespace, of.job)].find((one) => runs(one, of.group))
      : snapshot.allocation(ask.allocation);
  if (allocation === undefined) throw notFound(`Unknown allocation ${JSON.stringify(ask.allocation)} of job ${JSON.stringify(of.job)}`);
  if (allocation.JobID !== of.job || allocation.Namespace !== of.namespace) {
    throw badRequest(`Allocation ${JSON.stringify(allocation.ID)} is not of job ${JSON.stringify(of.job)}`);
  }
  const job = allocation.Job ?? snapshot.jobVersion(of.namespace, of.job, allocation.JobVersion);
  const action = job === undefined ? undefined : actionIn(job, allocation.TaskGroup, ask.task, of.action);
  if (action === undefined) throw notFound(`Unknown action ${JSON.stringify(of.action)} of task ${JSON.stringify(ask.task)}`);
  return { id: allocation.ID as string, command: [action.Command, ...action.Args] };
}

function runs(allocation: Allocation, group: string): boolean {
  return allocation.ClientStatus === "running" && (group === "" || allocation.TaskGroup === group);
}

function actionIn(job: Job, group: string, task: string, name: string) {
  const found = job.TaskGroups.find((each) => each.Name === group)?.Tasks.find((each) => each.Name === task);
  return found?.Actions.find((action) => action.Name === name);
}
