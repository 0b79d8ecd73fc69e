/**
 * Drover's own registry of services, as nodes see it: each tells of its own, and those that ask are told of all (their DNS).
 *
 *   follow ──► the whole registry ──► changes, coalesced per tick, one message for all who follow
 *
 * A node speaks for its own allocations only. Namespace, job and data centre of a registration are the servers' to say.
 */
import type { NodeId, ServiceRegistration } from "#model";
import type { NodeEnd, ServicesChanged } from "#ports";
import type { Change } from "#state";
import { commit, type ServerContext } from "../context.ts";
import { serviceForeign } from "../errors.ts";
import { parts } from "../parts.ts";

/** Of one entry of the log (F21). */
const BYTES_PER_COMMAND_MAX = 400_000;

export interface Registry {
  of(nodeId: NodeId): readonly ServiceRegistration[];
  /** Resolves when committed. NamedError SERVICE_FOREIGN, and nothing is written, when one is not this node's to register. */
  upsert(nodeId: NodeId, services: readonly ServiceRegistration[]): Promise<void>;
  delete(nodeId: NodeId, ids: readonly string[]): Promise<void>;
  /** Returns how to stop. */
  follow(end: NodeEnd): () => void;
  close(): void;
}

export function createRegistry(context: ServerContext): Registry {
  const { cluster } = context;
  const followers = new Set<NodeEnd>();
  let changed = new Map<string, ServiceRegistration>();
  let gone = new Set<string>();
  let flushWaits = false;

  function flush(): void {
    flushWaits = false;
    const message = {
      ClusterId: cluster.clusterId,
      Index: cluster.state.index,
      Complete: false,
      Changed: [...changed.values()],
      Gone: [...gone],
    };
    changed = new Map();
    gone = new Set();
    for (const end of followers) end.servicesChanged(message);
  }

  function whole(): ServicesChanged {
    const { state, clusterId } = cluster;
    return { ClusterId: clusterId, Index: state.index, Complete: true, Changed: [...state.snapshot().services("*")], Gone: [] };
  }

  const unsubscribe = cluster.state.watch.subscribe((change: Change) => {
    if (change.replaced === true) for (const end of followers) end.servicesChanged(whole());
    if (followers.size === 0 || (change.services.length === 0 && change.goneServices.length === 0)) return;
    for (const { ID } of change.goneServices) {
      changed.delete(ID);
      gone.add(ID);
    }
    for (const service of change.services) {
      gone.delete(service.ID);
      changed.set(service.ID, service);
    }
    if (flushWaits) return;
    flushWaits = true;
    setImmediate(flush);
  });

  return {
    of: (nodeId) => [...cluster.state.snapshot().servicesByNode(nodeId)],

    async upsert(nodeId, services) {
      const stamped = owned(context, nodeId, services);
      if (stamped.length === 0) return;
      const cut = parts(stamped, BYTES_PER_COMMAND_MAX, (service) => JSON.stringify(service).length);
      await Promise.all(cut.map((Services) => commit(context, { type: "services-upsert", Services })));
    },

    async delete(nodeId, ids) {
      const snapshot = cluster.state.snapshot();
      const own = ids.filter((id) => snapshot.service(id)?.NodeID === nodeId);
      if (own.length === 0) return;
      const cut = parts(own, BYTES_PER_COMMAND_MAX, (id) => id.length);
      await Promise.all(cut.map((IDs) => commit(context, { type: "services-delete", IDs })));
    },

    follow(end) {
      end.servicesChanged(whole());
      followers.add(end);
      return () => void followers.delete(end);
    },

    close() {
      unsubscribe();
      followers.clear();
    },
  };
}

/** As the servers know them to be. Those whose allocation is gone are left out: the state would do the same. */
function owned(context: ServerContext, nodeId: NodeId, services: readonly ServiceRegistration[]): ServiceRegistration[] {
  const snapshot = context.cluster.state.snapshot();
  const Datacenter = snapshot.node(nodeId)?.Datacenter;
  const stamped: ServiceRegistration[] = [];
  for (const service of services) {
    const allocation = snapshot.allocation(service.AllocID);
    const holder = snapshot.service(service.ID)?.NodeID ?? nodeId;
    if (holder !== nodeId || (allocation !== undefined && allocation.NodeID !== nodeId)) throw serviceForeign(service.ID, nodeId);
    if (allocation === undefined || Datacenter === undefined) continue;
    stamped.push({ ...service, NodeID: nodeId, Namespace: allocation.Namespace, JobID: allocation.JobID, Datacenter });
  }
  return stamped;
}
