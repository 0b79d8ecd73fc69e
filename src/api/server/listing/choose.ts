/**
 * `?choose=<number>|<key>`: the same few of many for the same key, and other few for another; one that comes or goes moves only those that
 * had chosen it (rendezvous hashing). nomad.md §3.2.
 */
import { createHash } from "node:crypto";
import type { ServiceRegistration } from "#model";
import { badRequest } from "../refusal.ts";
import { compareText } from "./page.ts";

export function choose(all: readonly ServiceRegistration[], asked: string): readonly ServiceRegistration[] {
  const bar = asked.indexOf("|");
  const count = bar < 0 ? "" : asked.slice(0, bar).trim();
  const key = asked.slice(bar + 1);
  if (!/^[1-9]\d{0,8}$/.test(count) || key === "") {
    throw badRequest(`Cannot choose services: choose is ${JSON.stringify(asked.slice(0, 80))}, wanted "<number>|<key>"`);
  }
  return all
    .map((service) => ({ service, hash: hashOf(service, key) }))
    .toSorted((a, b) => compareText(a.hash, b.hash))
    .slice(0, Number(count))
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
