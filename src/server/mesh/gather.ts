/** Asks the state, the nodes and what governs the mesh for everything check.ts decides upon. What cannot be had is said, never thrown. */
import { clientTerminal, serverTerminal, type Allocation, type NodeId } from "#model";
import type { Clock, NodeServices } from "#ports";
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";
import type { AllocationFacts, Definition, Known, MeshFacts, SideFacts } from "./facts.ts";

/** Of each service: more would tell nothing new. */
const ALLOCATIONS_ASKED_MAX = 20;
/** For each question, so that one dead node does not keep a person waiting. */
const ANSWER_LIMIT_MS = 5_000;

const NO_MESH = "the servers know no Consul: their configuration has no consul block";

export async function gatherMesh(
  context: ServerContext,
  servicesOf: (node: NodeId) => NodeServices,
  asked: { readonly source: string; readonly destination: string; readonly namespace: string },
): Promise<MeshFacts> {
  const { mesh, clock } = context;
  const side = (service: string) => gatherSide(context, servicesOf, service, asked.namespace);
  const [source, destination, authority, intention] = await Promise.all([
    side(asked.source),
    side(asked.destination),
    mesh === undefined ? ({ known: false, problem: NO_MESH } as const) : known(clock, () => mesh.authority()),
    mesh === undefined
      ? ({ known: false, problem: NO_MESH } as const)
      : known(clock, () => mesh.mayConnect(asked.source, asked.destination)),
  ]);
  return { source, destination, intention, authority, nowMs: clock.nowMs() };
}

async function gatherSide(
  { cluster, mesh, clock }: ServerContext,
  servicesOf: (node: NodeId) => NodeServices,
  service: string,
  namespace: string,
): Promise<SideFacts> {
  const snapshot = cluster.state.snapshot();
  const definitions: Definition[] = [];
  const offering: Allocation[] = [];
  for (const job of snapshot.jobs(namespace)) {
    for (const group of job.TaskGroups) {
      const found = [...group.Services, ...group.Tasks.flatMap((task) => task.Services)].find((each) => each.Name === service);
      if (found === undefined) continue;
      definitions.push({ jobId: job.ID, group: group.Name, stopped: job.Stop, service: found });
      for (const allocation of snapshot.allocationsByJob(job.Namespace, job.ID)) {
        if (allocation.TaskGroup === group.Name && !serverTerminal(allocation) && !clientTerminal(allocation)) offering.push(allocation);
      }
    }
  }
  const [allocations, registered] = await Promise.all([
    Promise.all(offering.slice(0, ALLOCATIONS_ASKED_MAX).map((each) => gatherAllocation(each, servicesOf, service, clock))),
    mesh === undefined ? ({ known: false, problem: NO_MESH } as const) : known(clock, () => mesh.service(service)),
  ]);
  return { service, definitions, allocations, registered };
}

async function gatherAllocation(
  allocation: Allocation,
  servicesOf: (node: NodeId) => NodeServices,
  service: string,
  clock: Clock,
): Promise<AllocationFacts> {
  const proxy = await known(clock, async () => {
    const { Proxies } = await servicesOf(allocation.NodeID).mesh(allocation.ID);
    return Proxies.find((each) => each.Service === service);
  });
  return { id: allocation.ID, clientStatus: allocation.ClientStatus, proxy };
}

async function known<Value>(clock: Clock, ask: () => Promise<Value>): Promise<Known<Value>> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(ANSWER_LIMIT_MS, () => late.reject(new Error(`no answer within ${ANSWER_LIMIT_MS / 1000} s`)));
  try {
    return { known: true, value: await Promise.race([ask(), late.promise]) };
  } catch (error) {
    return { known: false, problem: messageOf(error) };
  } finally {
    timer.cancel();
  }
}
