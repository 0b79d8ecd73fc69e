/**
 * The same few of many for the same key, and other few for another; one that comes or goes moves only those that had chosen it (rendezvous
 * hashing). The API's `?choose=` and templates' `nomadService 3 "key" "name"` choose alike. nomad.md §3.2.
 */
import { createHash } from "node:crypto";
import type { ServiceRegistration } from "./registration.ts";

export function chooseServices(all: readonly ServiceRegistration[], count: number, key: string): readonly ServiceRegistration[] {
  return all
    .map((service) => ({ service, hash: hashOf(service, key) }))
    .toSorted((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0))
    .slice(0, count)
    .map(({ service }) => service);
}

function hashOf(service: ServiceRegistration, key: string): string {
  const port = Buffer.alloc(8);
  port.writeUInt32BE(service.Port, 4);
  const hash = createHash("sha256").update(port);
  const { AllocID, ID, Namespace, Address, ServiceName, Tags } = service;
  for (const text of [AllocID, ID, Namespace, Address, ServiceName, ...Tags, key]) hash.update(text);
  return hash.digest("hex");
}
