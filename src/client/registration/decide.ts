/** What must be done so that a catalog says what is wanted. Pure. */
import { catalogDigest, type ServiceInstance } from "#ports";

export interface Wanted {
  readonly instance: ServiceInstance;
  readonly digest: string;
}

export interface Decision {
  readonly register: readonly ServiceInstance[];
  readonly deregister: readonly string[];
}

export function wantedOf(instance: ServiceInstance): Wanted {
  return { instance, digest: catalogDigest(instance) };
}

/**
 * `owned`: id → digest of what this node registered, as far as it is known; "" for "may be there, nobody knows as what".
 * Nothing else is ever touched: whoever registered the rest of the catalog looks after it (F29).
 */
export function decideRegistrations(wanted: ReadonlyMap<string, Wanted>, owned: ReadonlyMap<string, string>): Decision {
  const register: ServiceInstance[] = [];
  for (const [id, { instance, digest }] of wanted) if (owned.get(id) !== digest) register.push(instance);
  return { register, deregister: [...owned.keys()].filter((id) => !wanted.has(id)) };
}
