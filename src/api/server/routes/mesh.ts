/** Drover's own: proxies of an allocation, what networks need of a node's machine, and whether one service may call another. */
import type { AllocationId } from "#model";
import { value, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { nodeById, nodeOfAllocation } from "./node-of.ts";

export const readAllocationMesh: Handler = async (call, context) => {
  const id = (call.parameters["id"] ?? "") as AllocationId;
  return value(await (await nodeOfAllocation(context, id)).mesh(id));
};

/** ?node_id; the node of the agent asked without it. */
export const readPreflight: Handler = async (call, context) => {
  return value(await (await nodeById(context, call.query.text("node_id"))).preflight());
};

/** ?source and ?destination: names of services; ?namespace: of the jobs that offer them. */
export const checkMesh: Handler = async (call, context) => {
  const source = call.query.text("source").trim();
  const destination = call.query.text("destination").trim();
  if (source === "" || destination === "") {
    throw badRequest("Cannot check the mesh: ?source and ?destination must both name a service");
  }
  return value(await requireServer(context).checkMesh(source, destination, call.namespace));
};
