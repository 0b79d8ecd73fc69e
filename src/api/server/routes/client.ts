/** /v1/client: usage, restart, signal and garbage of allocations and nodes, wherever they are. */
import type { AllocationId } from "#model";
import { empty, value, type Call, type Context, type Handler, type Meta, type Result } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { nodeById, nodeOfAllocation } from "./node-of.ts";

export const allocationUsage: Handler = async (call, context) => {
  const task = call.query.text("task");
  const node = await nodeOfAllocation(context, idOf(call));
  const usage = task === "" ? await node.allocationUsage(idOf(call)) : await node.allocationUsage(idOf(call), task);
  return value(usage, stateIndex(context));
};

export const restartAllocation: Handler = async (call, context) => {
  const body = call.body(true);
  const task = body.text("TaskName");
  const all = body.flag("AllTasks");
  if (task !== "" && all) throw badRequest("Cannot restart allocation: a task and all tasks are named, wanted one of the two");
  await (await nodeOfAllocation(context, idOf(call))).restartAllocation(idOf(call), task, all);
  return done(context);
};

export const signalAllocation: Handler = async (call, context) => {
  const body = call.body(true);
  await (await nodeOfAllocation(context, idOf(call))).signalAllocation(idOf(call), body.text("Task"), body.text("Signal") || "SIGKILL");
  return done(context);
};

/** Of what the node did itself: the log knows nothing of it. */
const done = (context: Context): Result => value({ Index: context.cluster?.state.index ?? 0 });

/** Also at /v1/allocation/:id/checks. */
export const readChecks: Handler = async (call, context) => {
  return value(await (await nodeOfAllocation(context, idOf(call))).checks(idOf(call)), stateIndex(context));
};

export const readMetadata: Handler = async (call, context) => {
  return value(await (await nodeById(context, call.query.text("node_id"))).metadata(), stateIndex(context));
};

/** {NodeID, Meta: {key: value or null}}; null takes a key away. */
export const changeMetadata: Handler = async (call, context) => {
  const body = call.body();
  const changes = body.object("Meta")?.fields ?? {};
  if (Object.keys(changes).length === 0) throw badRequest("missing required Meta object");
  const wrong = Object.entries(changes).find(([key, given]) => key.trim() === "" || (given !== null && typeof given !== "string"));
  if (wrong !== undefined) {
    throw badRequest(`Cannot change metadata: key ${JSON.stringify(wrong[0])} is not set to a string or null, or has no name`);
  }
  const node = await nodeById(context, body.text("NodeID") || call.query.text("node_id"));
  return value(await node.changeMetadata(changes as Readonly<Record<string, string | null>>), stateIndex(context));
};

export const collectAllocation: Handler = async (call, context) => {
  await (await nodeOfAllocation(context, idOf(call))).collectAllocation(idOf(call));
  return empty();
};

export const hostUsage: Handler = async (call, context) => {
  const usage = await (await nodeById(context, call.query.text("node_id"))).hostUsage();
  return value(usage, stateIndex(context));
};

export const collectNode: Handler = async (call, context) => {
  await (await nodeById(context, call.query.text("node_id"))).collectAll();
  return empty();
};

function stateIndex(context: Context): Meta {
  return context.cluster === null ? {} : { index: context.cluster.state.index };
}

function idOf(call: Call): AllocationId {
  return (call.parameters["id"] ?? "") as AllocationId;
}
