/** What of a list is told to whom. */
import { mayInNamespace, mayReadServices, type Grant } from "#access";

export type Sees = (of: { readonly Namespace: string }) => boolean;

/** Undefined: everything is. Asked once for each namespace. */
export function visible(grant: Grant, any: readonly string[], workload = false): Sees | undefined {
  if (grant.Management) return undefined;
  const known = new Map<string, boolean>();
  return ({ Namespace }) => {
    let seen = known.get(Namespace);
    if (seen === undefined) {
      seen = any.some((capability) => mayInNamespace(grant, Namespace, capability)) || (workload && mayReadServices(grant, Namespace));
      known.set(Namespace, seen);
    }
    return seen;
  };
}

/** Both, where there are both. */
export function both<T>(one: ((of: T) => boolean) | undefined, other: ((of: T) => boolean) | undefined): ((of: T) => boolean) | undefined {
  if (one === undefined) return other;
  return other === undefined ? one : (of) => one(of) && other(of);
}
