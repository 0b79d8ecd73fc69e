/**
 * Tells why: how many nodes were looked at, what excluded how many, what the rest lacked, and where the group came closest to
 * fitting. nomad.md §6.2 item 4, §6.9. Counts are of nodes, not of tries. A static port that is taken names who has it (F13).
 */
import {
  type AllocMetric,
  type Job,
  type NearestFit,
  type Node,
  type NodeScore,
  type PlannedAllocation,
  sameAddress,
  type TaskGroup,
} from "#model";
import type { Ask } from "./feasible/ask.ts";
import { poolOf } from "./feasible/availability.ts";
import type { Shortfall } from "./feasible/fits.ts";
import type { Availability, Pass } from "./pass.ts";

export interface Filtered {
  readonly node: Node;
  readonly reason: string;
}

export interface Exhausted {
  readonly slot: number;
  readonly node: Node;
  readonly shortfall: Shortfall;
}

export interface ExplainedInput {
  readonly pass: Pass;
  readonly job: Job;
  readonly available: Availability;
  /** Nodes no allocation of the group can ever be on. */
  readonly filtered: readonly Filtered[];
  /** Nodes as they stand when asked. */
  readonly ranking: { barred(): Iterable<Filtered>; exhausted(): Iterable<Exhausted> };
  readonly ask: Ask;
}

type Tally = Readonly<Record<string, number>>;

export interface Explained extends ExplainedInput {
  /** Of the filtered, counted once: they stay filtered. */
  readonly byClass: Tally;
  readonly byReason: Tally;
}

export function explainedOf(input: ExplainedInput): Explained {
  return {
    ...input,
    byClass: tally(input.filtered, ({ node }) => node.NodeClass),
    byReason: tally(input.filtered, ({ reason }) => reason),
  };
}

/** As things stand now. `scores`: of the best nodes; none when the group fits nowhere. */
export function explain(explained: Explained, scores: readonly NodeScore[]): AllocMetric {
  const { available, job } = explained;
  const barred = [...explained.ranking.barred()];
  const exhausted = [...explained.ranking.exhausted()];
  return {
    NodesEvaluated: available.slots.length,
    NodesFiltered: explained.filtered.length + barred.length,
    NodesInPool: available.inPool,
    NodePool: poolOf(job),
    NodesAvailable: available.byDatacenter,
    ClassFiltered: tally(barred, ({ node }) => node.NodeClass, explained.byClass),
    ConstraintFiltered: tally(barred, ({ reason }) => reason, explained.byReason),
    NodesExhausted: exhausted.length,
    ClassExhausted: tally(exhausted, ({ node }) => node.NodeClass),
    DimensionExhausted: tally(exhausted, ({ shortfall }) => shortfall.dimension),
    QuotaExhausted: [],
    ResourcesExhausted: {},
    Scores: null,
    ScoreMetaData: scores,
    AllocationTime: 0,
    CoalescedFailures: 0,
    NearestFit: scores.length > 0 ? null : nearestFit(explained, exhausted),
  };
}

/** One more like it did not fit. */
export function coalesced(metric: AllocMetric, group: TaskGroup): AllocMetric {
  return { ...withResources(metric, group), CoalescedFailures: metric.CoalescedFailures + 1 };
}

/** Task → what it asks of the dimensions that ran out, added up over all that did not fit. */
export function withResources(metric: AllocMetric, group: TaskGroup): AllocMetric {
  const lacks = (dimension: string) => Object.hasOwn(metric.DimensionExhausted, dimension);
  if (Object.keys(metric.DimensionExhausted).length === 0) return metric;
  const ResourcesExhausted: Record<string, { CPU: number; MemoryMB: number }> = {};
  for (const task of group.Tasks) {
    const before = metric.ResourcesExhausted[task.Name] as { CPU: number; MemoryMB: number } | undefined;
    ResourcesExhausted[task.Name] = {
      CPU: (before?.CPU ?? 0) + (lacks("cpu") ? (task.Resources?.CPU ?? 0) : 0),
      MemoryMB: (before?.MemoryMB ?? 0) + (lacks("memory") ? (task.Resources?.MemoryMB ?? 0) : 0),
    };
  }
  return { ...metric, ResourcesExhausted };
}

/** The node that lacks the smallest part of what is asked, all dimensions together. */
export function nearestFit(explained: ExplainedInput, exhausted: readonly Exhausted[]): NearestFit | null {
  let best: { slot: number; node: Node; shortfall: Shortfall; lack: number } | undefined;
  for (const { slot, node, shortfall } of exhausted) {
    const lack = lackOn(slot, explained, shortfall);
    if (best === undefined || lack < best.lack || (lack === best.lack && node.Name < best.node.Name))
      best = { slot, node, shortfall, lack };
  }
  if (best === undefined) return null;
  const { node, shortfall } = best;
  const fit = { NodeID: node.ID, NodeName: node.Name, Dimension: shortfall.dimension, Wanted: shortfall.wanted, Free: shortfall.free };
  return shortfall.port === undefined ? fit : { ...fit, HeldBy: holderOf(explained.pass, node, shortfall.port, shortfall.address ?? "") };
}

function lackOn(slot: number, { ask, pass: { ledger } }: ExplainedInput, shortfall: Shortfall): number {
  const { columns } = ledger;
  const part = (wanted: number, total: Float64Array, used: Float64Array): number =>
    wanted === 0 ? 0 : Math.max(0, wanted - ((total[slot] as number) - (used[slot] as number))) / wanted;
  const counted =
    part(ask.cpuAt(slot), columns.cpuTotal, ledger.cpuUsed) +
    part(ask.memory, columns.memoryTotal, ledger.memoryUsed) +
    part(ask.disk, columns.diskTotal, ledger.diskUsed);
  const isCounted = ["cpu", "memory", "disk"].includes(shortfall.dimension);
  return counted + (isCounted ? 0 : (shortfall.wanted - shortfall.free) / shortfall.wanted);
}

/** Who is wanted there, before who only has not ended yet. */
function holderOf(pass: Pass, node: Node, port: number, address: string): NonNullable<NearestFit["HeldBy"]> | null {
  const here = pass.placements.filter((placement) => placement.NodeID === node.ID);
  const holds = ({ AllocatedResources }: PlannedAllocation) =>
    AllocatedResources.Shared.Ports.some((each) => each.Value === port && sameAddress(each.HostIP, address));
  const holders = [...here, ...pass.ledger.holders(node.ID)].filter(holds);
  const holder = holders.find((each) => each.DesiredStatus === "run") ?? holders[0];
  if (holder === undefined) return null;
  return { AllocationID: holder.ID, Namespace: holder.Namespace, JobID: holder.JobID, TaskGroup: holder.TaskGroup };
}

/** `from`: what was counted before. */
function tally<T>(items: readonly T[], keyOf: (item: T) => string, from: Tally = {}): Tally {
  if (items.length === 0) return from;
  const counts: Record<string, number> = { ...from };
  for (const item of items) {
    const key = keyOf(item);
    if (key !== "") counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
