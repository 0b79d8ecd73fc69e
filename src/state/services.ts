/**
 * Writing Drover's own registry: a registration and the indexes beside it. It lives no longer than what it tells of: it goes in the very
 * entry in which its allocation ends on its node or is forgotten, or its node is (F28), and never comes back for one of those.
 */
import { clientTerminal, jobKey, sameValue, type ServiceRegistration } from "#model";
import type { Draft } from "./draft.ts";
import type { Grouped } from "./tables/grouped.ts";
import type { Tables } from "./tables/tables.ts";

/** By namespace, name and id: lists are read in this order. */
export function serviceKey({ Namespace, ServiceName, ID }: Pick<ServiceRegistration, "Namespace" | "ServiceName" | "ID">): string {
  return `${Namespace}\u0000${ServiceName}\u0000${ID}`;
}

/** Stamped. Of an allocation that has ended or is not on that node nothing is written; nor is what is known already (nobody is woken). */
export function putService(draft: Draft, given: ServiceRegistration): void {
  const { tables, journal } = draft;
  const allocation = tables.allocations.get(given.AllocID);
  if (allocation === undefined || clientTerminal(allocation) || allocation.NodeID !== given.NodeID) return;
  if (!tables.nodes.has(given.NodeID)) return;
  const beforeKey = tables.serviceKeys.get(given.ID);
  const before = beforeKey === undefined ? undefined : tables.services.get(beforeKey);
  const service: ServiceRegistration = {
    ...given,
    ServiceName: draft.interned.text(given.ServiceName),
    Datacenter: draft.interned.text(given.Datacenter),
    // The texts the tables hold already.
    Namespace: allocation.Namespace,
    NodeID: allocation.NodeID,
    JobID: allocation.JobID,
    AllocID: allocation.ID,
    CreateIndex: before?.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
  };
  if (before !== undefined && sameValue({ ...service, ModifyIndex: before.ModifyIndex }, before)) return;
  if (before !== undefined) unlink(draft, before);
  const key = serviceKey(service);
  draft.set(tables.services, key, service, "services");
  journal.set(tables.serviceKeys, service.ID, key);
  for (const [index, group] of indexesOf(tables, service)) journal.setIn(index, group, key, key);
  draft.services.set(service.ID, service);
  draft.goneServices.delete(service.ID);
}

export function dropService(draft: Draft, service: ServiceRegistration): void {
  unlink(draft, service);
  draft.touchTable("services");
  draft.services.delete(service.ID);
  draft.goneServices.set(service.ID, service);
}

export function dropServicesOf(draft: Draft, of: { readonly allocation: string } | { readonly node: string }): void {
  const { servicesByAllocation, servicesByNode, services } = draft.tables;
  const found = "node" in of ? servicesByNode.values(of.node) : servicesByAllocation.values(of.allocation);
  // A list of its own: dropping writes to what is gone through.
  const keys = Array.from(found);
  for (const key of keys) {
    const service = services.get(key);
    if (service !== undefined) dropService(draft, service);
  }
}

/** One that is read back. */
export function indexService(tables: Tables, service: ServiceRegistration): void {
  const key = serviceKey(service);
  tables.services.set(key, service);
  tables.serviceKeys.set(service.ID, key);
  for (const [index, group] of indexesOf(tables, service)) index.set(group, key, key);
}

function unlink({ tables, journal }: Draft, service: ServiceRegistration): void {
  const key = serviceKey(service);
  journal.delete(tables.services, key);
  journal.delete(tables.serviceKeys, service.ID);
  for (const [index, group] of indexesOf(tables, service)) journal.deleteIn(index, group, key);
}

function indexesOf(tables: Tables, { Namespace, JobID, AllocID, NodeID }: ServiceRegistration): readonly [Grouped<string>, string][] {
  return [
    [tables.servicesByJob, jobKey({ Namespace, ID: JobID })],
    [tables.servicesByAllocation, AllocID],
    [tables.servicesByNode, NodeID],
  ];
}
