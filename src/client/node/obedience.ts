/**
 * Whom a node obeys. Pure (F1).
 *
 * A node belongs to the first cluster it hears of and believes only that one. An answer older than what it has already seen
 * comes from a server that lags: it would have the node stop what was placed since. Such an answer changes nothing at all; a
 * newer one follows.
 */
import type { Allocation, AllocationId } from "#model";
import type { AllocationsChanged } from "#ports";

export interface Seen {
  /** "" before the first answer. */
  readonly clusterId: string;
  readonly index: number;
}

export const NOTHING_SEEN: Seen = { clusterId: "", index: 0 };

export type Verdict =
  | { readonly obey: false; readonly why: string }
  | {
      readonly obey: true;
      readonly seen: Seen;
      /** New or changed. */
      readonly told: readonly Allocation[];
      /** The servers have forgotten them. */
      readonly gone: readonly AllocationId[];
    };

export function judge(seen: Seen, change: AllocationsChanged, known: Iterable<AllocationId>): Verdict {
  if (seen.clusterId !== "" && change.ClusterId !== seen.clusterId) {
    return { obey: false, why: `it comes from cluster "${change.ClusterId}", this node belongs to "${seen.clusterId}"` };
  }
  if (change.Index < seen.index) {
    return { obey: false, why: `it is as of index ${change.Index}, this node has seen ${seen.index}` };
  }
  const told = new Set(change.Changed.map((allocation) => allocation.ID));
  const missing = change.Complete ? [...known].filter((id) => !told.has(id)) : [];
  const gone = [...new Set([...change.Gone.filter((id) => !told.has(id)), ...missing])];
  return { obey: true, seen: { clusterId: change.ClusterId, index: change.Index }, told: change.Changed, gone };
}
