/** Asks the state, the nodes and what governs the mesh for everything check.ts decides upon. What cannot be had is said, never thrown. */
import { clientTerminal, serverTerminal, type Allocation, type NodeId } from "#model";
import type { Clock, NodeServices } from "#ports";
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";
import type { AllocationFacts, Definition, Elsewhere, Known, MeshFacts, SideFacts } from "./facts.ts";

/** Of each service: more would tell nothing new. */
const ALLOCATIONS_ASKED_MAX = 20;
/** For each question, so that one dead node does not keep a person waiting. */
const ANSWER_LIMIT_MS = 5_000;
/** A node asks its proxies and then Consul itself, each for less: what it knows comes through though one of them says nothing. */
const NODE_ANSWER_LIMIT_MS = 10_000;

const NO_MESH = "the servers know no Consul: their configuration has no consul block";

export async function gatherMesh(
  context: ServerContext,
  servicesOf: (node: NodeId) => NodeServices,
  asked: { readonly source: string; readonly destination: string; readonly namespace: string },
): Promise<MeshFacts> {
  const { mesh, clock } = context;
  const here = (service: string) => offersOf(context, service, asked.namespace);
  const offers = here(asked.source);
  const elsewhere = elsewhereOf(offers.definitions, asked.destination);
  const [source, destination, authority, intention] = await Promise.all([
    gatherSide(context, servicesOf, asked.source, offers),
    elsewhere === undefined
      ? gatherSide(context, servicesOf, asked.destination, here(asked.destination))
      : gatherElsewhere(context, servicesOf, asked.destination, here(asked.destination), elsewhere),
    mesh === undefined ? ({ known: false, problem: NO_MESH } as const) : known(clock, () => mesh.authority()),
    mesh === undefined
      ? ({ known: false, problem: NO_MESH } as const)
      : known(clock, () => mesh.mayConnect(asked.source, asked.destination)),
  ]);
  return { source, destination, intention, authority, nowMs: clock.nowMs() };
}

/** Who offers a service: groups of jobs, and those of their allocations that should run. */
interface Offers {
  readonly definitions: readonly Definition[];
  readonly allocations: readonly Allocation[];
}

function offersOf({ cluster }: ServerContext, service: string, namespace: string): Offers {
  const snapshot = cluster.state.snapshot();
  const definitions: Definition[] = [];
  const allocations: Allocation[] = [];
  for (const job of snapshot.jobs(namespace)) {
    for (const group of job.TaskGroups) {
      const found = [...group.Services, ...group.Tasks.flatMap((task) => task.Services)].find((each) => each.Name === service);
      if (found === undefined) continue;
      definitions.push({ jobId: job.ID, group: group.Name, stopped: job.Stop, service: found });
      for (const allocation of snapshot.allocationsByJob(job.Namespace, job.ID)) {
        if (allocation.TaskGroup === group.Name && !serverTerminal(allocation) && !clientTerminal(allocation)) allocations.push(allocation);
      }
    }
  }
  return { definitions, allocations };
}

/** Where the source's upstream seeks the destination, if not where the source is. */
function elsewhereOf(definitions: readonly Definition[], destination: string): Elsewhere | undefined {
  for (const { service } of definitions) {
    const upstream = service.Connect?.SidecarService?.Proxy?.Upstreams.find((each) => each.DestinationName === destination);
    if (upstream === undefined) continue;
    const { Datacenter: datacenter, DestinationPeer: peer } = upstream;
    return datacenter === "" && peer === "" ? undefined : { datacenter: peer === "" ? datacenter : "", peer };
  }
  return undefined;
}

async function gatherSide(
  context: ServerContext,
  servicesOf: (node: NodeId) => NodeServices,
  service: string,
  { definitions, allocations: offering }: Offers,
  datacenter?: string,
): Promise<SideFacts> {
  const { mesh, clock } = context;
  const [allocations, registered] = await Promise.all([
    Promise.all(offering.slice(0, ALLOCATIONS_ASKED_MAX).map((each) => gatherAllocation(each, servicesOf, service, clock))),
    mesh === undefined ? ({ known: false, problem: NO_MESH } as const) : known(clock, () => mesh.service(service, datacenter)),
  ]);
  return { service, definitions, allocations, registered };
}

/** Of what runs here only those count whose Consul is of that datacenter; a peer's are nobody's here. */
async function gatherElsewhere(
  context: ServerContext,
  servicesOf: (node: NodeId) => NodeServices,
  service: string,
  here: Offers,
  elsewhere: Elsewhere,
): Promise<SideFacts> {
  if (elsewhere.peer !== "") {
    const problem = `peer ${JSON.stringify(elsewhere.peer)} says so itself`;
    return { service, definitions: [], allocations: [], registered: { known: false, problem }, elsewhere };
  }
  const snapshot = context.cluster.state.snapshot();
  const allocations = here.allocations.filter(
    (each) => snapshot.node(each.NodeID)?.Attributes["consul.datacenter"] === elsewhere.datacenter,
  );
  const definitions = allocations.length === 0 ? [] : here.definitions;
  const side = await gatherSide(context, servicesOf, service, { definitions, allocations }, elsewhere.datacenter);
  return { ...side, elsewhere };
}

async function gatherAllocation(
  allocation: Allocation,
  servicesOf: (node: NodeId) => NodeServices,
  service: string,
  clock: Clock,
): Promise<AllocationFacts> {
  const proxy = await known(
    clock,
    async () => {
      const { Proxies } = await servicesOf(allocation.NodeID).mesh(allocation.ID);
      return Proxies.find((each) => each.Service === service);
    },
    NODE_ANSWER_LIMIT_MS,
  );
  return { id: allocation.ID, clientStatus: allocation.ClientStatus, proxy };
}

async function known<Value>(clock: Clock, ask: () => Promise<Value>, limitMs = ANSWER_LIMIT_MS): Promise<Known<Value>> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(limitMs, () => late.reject(new Error(`no answer within ${limitMs / 1000} s`)));
  try {
    return { known: true, value: await Promise.race([ask(), late.promise]) };
  } catch (error) {
    return { known: false, problem: messageOf(error) };
  } finally {
    timer.cancel();
  }
}
