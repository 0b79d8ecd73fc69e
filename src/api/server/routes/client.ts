/** /v1/client: usage, restart, signal and garbage of allocations and nodes, wherever they are. */
import type { AllocationId } from "#model";
import { empty, value, type Call, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { nodeById, nodeOfAllocation } from "./node-of.ts";

export const allocationUsage: Handler = async (call, context) => {
  const task = call.query.text("task");
  const node = await nodeOfAllocation(context, idOf(call));
  const usage = task === "" ? await node.allocationUsage(idOf(call)) : await node.allocationUsage(idOf(call), task);
  return value(usage, context.cluster === null ? {} : { index: context.cluster.state.index });
};

export const restartAllocation: Handler = async (call, context) => {
  const body = call.body(true);
  const task = body.text("TaskName");
  const all = body.flag("AllTasks");
  if (task !== "" && all) throw badRequest("Cannot restart allocation: a task and all tasks are named, wanted one of the two");
  await (await nodeOfAllocation(context, idOf(call))).restartAllocation(idOf(call), task, all);
  return value({});
};

export const signalAllocation: Handler = async (call, context) => {
  const body = call.body(true);
  await (await nodeOfAllocation(context, idOf(call))).signalAllocation(idOf(call), body.text("Task"), body.text("Signal") || "SIGKILL");
  return value({});
};

export const collectAllocation: Handler = async (call, context) => {
  await (await nodeOfAllocation(context, idOf(call))).collectAllocation(idOf(call));
  return empty();
};

export const hostUsage: Handler = async (call, context) => {
  const usage = await (await nodeById(context, call.query.text("node_id"))).hostUsage();
  return value(usage, context.cluster === null ? {} : { index: context.cluster.state.index });
};

export const collectNode: Handler = async (call, context) => {
  await (await nodeById(context, call.query.text("node_id"))).collectAll();
  return empty();
};

function idOf(call: Call): AllocationId {
  return (call.parameters["id"] ?? "") as AllocationId;
}
