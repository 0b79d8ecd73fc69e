/** The same for two instances that say the same, whatever the order of their keys: what `OwnedService.digest` is compared with. */
import { createHash } from "node:crypto";
import type { ServiceInstance } from "./catalog.ts";

/**
 * 32 hexadecimal digits. Differs when anything differs that the provider's catalog holds: order counts in lists (tags, checks), not in
 * objects. Drover's own registry holds no checks, meta, or weights.
 */
export function catalogDigest(instance: ServiceInstance): string {
  const { ID, Name, Tags, Address, Port } = instance;
  const held = instance.Provider === "nomad" ? { ID, Name, Tags, Address, Port } : { ...instance, Identity: undefined };
  return createHash("sha256").update(JSON.stringify(held, inOrder)).digest("hex").slice(0, 32);
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
