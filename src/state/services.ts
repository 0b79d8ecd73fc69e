/**
 * Writing Drover's own registry: a registration and the indexes beside it. It lives no longer than what it tells of: it goes in the very
 * entry in which its allocation ends on its node or is forgotten, or its node is (F28), and never comes back for one of those.
 */
import { clientTerminal, jobKey, sameValue, type ServiceRegistration } from "#model";
import type { Entry } from "./entry.ts";
import type { Grouped } from "./tables/grouped.ts";
import type { Tables } from "./tables/tables.ts";

/** By namespace, name and id: lists are read in this order. */
export function serviceKey({ Namespace, ServiceName, ID }: Pick<ServiceRegistration, "Namespace" | "ServiceName" | "ID">): string {
  return `${Namespace}\u0000${ServiceName}\u0000${ID}`;
}

/** Stamped. Of an allocation that has ended or is not on that node nothing is written; nor is what is known already (nobody is woken). */
export function putService(entry: Entry, given: ServiceRegistration): void {
  const { tables, journal } = entry;
  const allocation = tables.allocations.get(given.AllocID);
  if (allocation === undefined || clientTerminal(allocation) || allocation.NodeID !== given.NodeID) return;
  if (!tables.nodes.has(given.NodeID)) return;
  const beforeKey = tables.serviceKeys.get(given.ID);
  const before = beforeKey === undefined ? undefined : tables.services.get(beforeKey);
  const service: ServiceRegistration = {
    ...given,
    ServiceName: entry.interned.text(given.ServiceName),
    Datacenter: entry.interned.text(given.Datacenter),
    // The texts the tables hold already.
    Namespace: allocation.Namespace,
    NodeID: allocation.NodeID,
    JobID: allocation.JobID,
    AllocID: allocation.ID,
    CreateIndex: before?.CreateIndex ?? entry.index,
    ModifyIndex: entry.index,
  };
  if (before !== undefined && sameValue({ ...service, ModifyIndex: before.ModifyIndex }, before)) return;
  if (before !== undefined) unlink(entry, before);
  const key = serviceKey(service);
  entry.set(tables.services, key, service, "services");
  journal.set(tables.serviceKeys, service.ID, key);
  for (const [index, group] of indexesOf(tables, service)) journal.setIn(index, group, key, key);
  entry.services.set(service.ID, service);
  entry.goneServices.delete(service.ID);
}

export function dropService(entry: Entry, service: ServiceRegistration): void {
  unlink(entry, service);
  entry.touchTable("services");
  entry.services.delete(service.ID);
  entry.goneServices.set(service.ID, service);
}

export function dropServicesOf(entry: Entry, of: { readonly allocation: string } | { readonly node: string }): void {
  const { servicesByAllocation, servicesByNode, services } = entry.tables;
  const found = "node" in of ? servicesByNode.values(of.node) : servicesByAllocation.values(of.allocation);
  // A list of its own: dropping writes to what is gone through.
  const keys = Array.from(found);
  for (const key of keys) {
    const service = services.get(key);
    if (service !== undefined) dropService(entry, service);
  }
}

/** One that is read back. */
export function indexService(tables: Tables, service: ServiceRegistration): void {
  const key = serviceKey(service);
  tables.services.set(key, service);
  tables.serviceKeys.set(service.ID, key);
  for (const [index, group] of indexesOf(tables, service)) index.set(group, key, key);
}

function unlink({ tables, journal }: Entry, service: ServiceRegistration): void {
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
