/**
 * Drover's own registry as a catalog (`provider = "nomad"`): kept by the servers, reached over the link. What is asked within a moment
 * travels together. It runs no checks: the node does (checks/). nomad.md §2.8 "Nomad services".
 */
import type { Allocation, AllocationId, Node, ServiceRegistration } from "#model";
import { catalogDigest, type Catalog, type Clock, type OwnedService, type ServiceInstance } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Servers } from "../contract.ts";

export interface NativeCatalogNeeds {
  readonly servers: Servers;
  readonly node: () => Node;
  readonly allocation: (id: AllocationId) => Allocation | undefined;
  readonly clock: Clock;
}

/** A call that waits for a connection for longer is told that nobody can be reached. */
const PATIENCE_MS = 3_000;
const TOGETHER_MS = 10;
const TOGETHER_MAX = 500;

export function nativeCatalog(needs: NativeCatalogNeeds): Catalog {
  const { servers, clock } = needs;
  const ask = <Answer>(question: (signal: AbortSignal) => Promise<Answer>) => patiently(clock, question);
  const upserts = together<ServiceRegistration>(clock, (services) => ask((signal) => servers.upsertServices(services, signal)));
  const deletes = together<string>(clock, (ids) => ask((signal) => servers.deleteServices(ids, signal)));
  return {
    provider: "nomad",
    owned: async () => {
      const mine = await ask((signal) => servers.services(signal));
      return new Map(
        mine.map((each): [string, OwnedService] => [each.ID, { ID: each.ID, digest: registrationDigest(each), checkIds: [] }]),
      );
    },
    register: async (instance) => {
      const allocation = needs.allocation(instance.AllocationID);
      if (allocation === undefined)
        throw new NamedError(
          "CATALOG_REFUSED",
          `Cannot register service "${instance.Name}": allocation "${instance.AllocationID}" is not here`,
        );
      await upserts(registrationOf(instance, allocation, needs.node()));
    },
    deregister: (id) => deletes(id),
    reportCheck: () => Promise.reject(new NamedError("CATALOG_REFUSED", `Cannot report a check: provider "nomad" keeps none`)),
    checks: () => undefined,
  };
}

function registrationOf(instance: ServiceInstance, allocation: Allocation, node: Node): ServiceRegistration {
  return {
    ID: instance.ID,
    ServiceName: instance.Name,
    Namespace: allocation.Namespace,
    NodeID: node.ID,
    Datacenter: node.Datacenter,
    JobID: allocation.JobID,
    AllocID: instance.AllocationID,
    Tags: instance.Tags,
    Address: instance.Address,
    Port: instance.Port,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

/** As `catalogDigest` of the instance it was made of. */
export function registrationDigest({ ID, ServiceName, Tags, Address, Port }: ServiceRegistration): string {
  return catalogDigest({ Provider: "nomad", ID, Name: ServiceName, Tags: Tags ?? [], Address, Port } as ServiceInstance);
}

/** Not longer than a catalog may take: the registrar tries again. */
async function patiently<Answer>(clock: Clock, question: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const patience = new AbortController();
  const timer = clock.after(PATIENCE_MS, () => patience.abort(unreachable("no server answered in time")));
  try {
    return await question(patience.signal);
  } catch (thrown) {
    if (
      thrown instanceof NamedError &&
      (thrown.code === "CATALOG_UNREACHABLE" || thrown.code === "LINK_REFUSED" || thrown.statusCode >= 500)
    )
      throw thrown.code === "CATALOG_UNREACHABLE" ? thrown : unreachable(thrown.message);
    if (thrown instanceof NamedError)
      throw new NamedError("CATALOG_REFUSED", thrown.message, {
        statusCode: thrown.statusCode,
        ...(thrown.fix === undefined ? {} : { fix: thrown.fix }),
      });
    throw unreachable(messageOf(thrown));
  } finally {
    timer.cancel();
  }
}

function unreachable(why: string): NamedError {
  return new NamedError("CATALOG_UNREACHABLE", `Cannot reach the servers' service registry: ${why}`, { statusCode: 503 });
}

/** Collects calls for a moment. A refused batch is asked for one by one, so that one bad service does not keep the others out. */
function together<Item>(clock: Clock, send: (items: readonly Item[]) => Promise<void>): (item: Item) => Promise<void> {
  let waiting: { readonly item: Item; readonly answer: PromiseWithResolvers<void> }[] = [];
  const flush = async () => {
    const batch = waiting;
    waiting = [];
    for (let from = 0; from < batch.length; from += TOGETHER_MAX) {
      const part = batch.slice(from, from + TOGETHER_MAX);
      try {
        await send(part.map((each) => each.item));
        for (const { answer } of part) answer.resolve();
      } catch (thrown) {
        const refused = thrown instanceof NamedError && thrown.code === "CATALOG_REFUSED" && part.length > 1;
        for (const { item, answer } of part) {
          if (refused) send([item]).then(answer.resolve, answer.reject);
          else answer.reject(thrown);
        }
      }
    }
  };
  return (item) => {
    const answer = Promise.withResolvers<void>();
    waiting.push({ item, answer });
    if (waiting.length === 1) clock.after(TOGETHER_MS, () => void flush());
    return answer.promise;
  };
}
