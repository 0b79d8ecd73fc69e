/**
 * Tells why: how many nodes were looked at, what excluded how many, what the rest lacked, and where the group came closest to
 * fitting. nomad.md §6.2 item 4, §6.9. Counts are of nodes, not of tries.
 */
import type { AllocMetric, Job, NearestFit, Node, NodeScore } from "#model";
import type { Ask } from "./feasible/ask.ts";
import { poolOf } from "./feasible/availability.ts";
import type { Ledger, Shortfall } from "./feasible/fits.ts";
import type { Availability } from "./pass.ts";
import type { Ranking } from "./rank/ranking.ts";

export interface Explained {
  readonly job: Job;
  readonly available: Availability;
  readonly filtered: readonly { readonly node: Node; readonly reason: string }[];
  readonly ranking: Ranking;
  readonly ask: Ask;
  readonly ledger: Ledger;
}

/** As things stand now. `scores`: of the best nodes; none when the group fits nowhere. */
export function explain(explained: Explained, scores: readonly NodeScore[]): AllocMetric {
  const { available, job } = explained;
  const out = [...explained.filtered, ...explained.ranking.barred()];
  const exhausted = [...explained.ranking.exhausted()];
  return {
    NodesEvaluated: available.slots.length,
    NodesFiltered: out.length,
    NodesInPool: available.inPool,
    NodePool: poolOf(job),
    NodesAvailable: available.byDatacenter,
    ClassFiltered: tally(out, ({ node }) => node.NodeClass),
    ConstraintFiltered: tally(out, ({ reason }) => reason),
    NodesExhausted: exhausted.length,
    ClassExhausted: tally(exhausted, ({ node }) => node.NodeClass),
    DimensionExhausted: tally(exhausted, ({ shortfall }) => shortfall.dimension),
    QuotaExhausted: [],
    ResourcesExhausted: {},
    Scores: null,
    ScoreMetaData: scores,
    AllocationTime: 0,
    CoalescedFailures: 0,
    NearestFit: scores.length > 0 ? null : nearest(explained, exhausted),
  };
}

/** The node that lacks the smallest part of what is asked, all dimensions together. */
function nearest(explained: Explained, exhausted: readonly { slot: number; node: Node; shortfall: Shortfall }[]): NearestFit | null {
  let best: { node: Node; shortfall: Shortfall; lack: number } | undefined;
  for (const { slot, node, shortfall } of exhausted) {
    const lack = lackOn(slot, explained, shortfall);
    if (best === undefined || lack < best.lack || (lack === best.lack && node.Name < best.node.Name)) best = { node, shortfall, lack };
  }
  if (best === undefined) return null;
  const { node, shortfall } = best;
  return { NodeID: node.ID, NodeName: node.Name, Dimension: shortfall.dimension, Wanted: shortfall.wanted, Free: shortfall.free };
}

function lackOn(slot: number, { ask, ledger }: Explained, shortfall: Shortfall): number {
  const { columns } = ledger;
  const part = (wanted: number, total: Float64Array, used: Float64Array): number =>
    wanted === 0 ? 0 : Math.max(0, wanted - ((total[slot] as number) - (used[slot] as number))) / wanted;
  const counted =
    part(ask.cpuAt(slot), columns.cpuTotal, ledger.cpuUsed) +
    part(ask.memory, columns.memoryTotal, ledger.memoryUsed) +
    part(ask.claim.disk, columns.diskTotal, ledger.diskUsed);
  const other = shortfall.dimension === "cores" || shortfall.dimension.startsWith("network");
  return counted + (other ? (shortfall.wanted - shortfall.free) / shortfall.wanted : 0);
}

function tally<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const key = keyOf(item);
    if (key !== "") counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
