/**
 * Who has to go so that a more important job fits on a node. nomad.md §6.4.
 *
 *   candidates        allocations of other jobs, at least ten below in priority, that are wanted and not stopped by this plan already
 *
 *   a static port is taken     its holder goes, if it is a candidate
 *   devices are taken          of the groups of devices that would do, the one where the sum of priorities to go is lowest
 *   cpu, cores, memory, disk   from the lowest priority up, whoever is nearest to what is still needed (distance.ts), until it fits;
 *                              then those without whom it fits too stay after all
 *
 * Whether it fits is asked of the ledger itself (F6): candidates are released on it one by one, and held again before anyone else looks.
 */
import {
  type AllocatedPort,
  type Allocation,
  clientTerminal,
  type Holding,
  holdingOf,
  type Job,
  type NodeDevice,
  sameAddress,
  type SchedulerConfiguration,
} from "#model";
import type { Ask } from "../feasible/ask.ts";
import { keyOf, NO_DEVICE } from "../feasible/devices/request.ts";
import { claimOf, type Ledger } from "../feasible/fits.ts";
import { crowdPenalty, distanceTo } from "./distance.ts";

/** A job may only push away what is so far below it. */
export const PRIORITY_GAP = 10;

export interface PreemptorInput {
  readonly ledger: Ledger;
  readonly ask: Ask;
  readonly job: Job;
  /** "<namespace> <job> <group>" → how many of it this plan preempts already. */
  readonly preempted: ReadonlyMap<string, number>;
}

/** May jobs of the type push others away? */
export function mayPreempt(configuration: SchedulerConfiguration, type: string): boolean {
  const { PreemptionConfig: allowed } = configuration;
  switch (type) {
    case "service":
      return allowed.ServiceSchedulerEnabled;
    case "batch":
      return allowed.BatchSchedulerEnabled;
    case "system":
      return allowed.SystemSchedulerEnabled;
    case "sysbatch":
      return allowed.SysBatchSchedulerEnabled;
    default:
      return false;
  }
}

export function isPreemptible(job: Pick<Job, "Priority" | "Namespace" | "ID">, allocation: Allocation): boolean {
  const isOwn = allocation.JobID === job.ID && allocation.Namespace === job.Namespace;
  return (
    !isOwn && !clientTerminal(allocation) && allocation.DesiredStatus === "run" && job.Priority - allocation.Job.Priority >= PRIORITY_GAP
  );
}

export function groupKey({ Namespace, JobID, TaskGroup }: Pick<Allocation, "Namespace" | "JobID" | "TaskGroup">): string {
  return `${Namespace} ${JobID} ${TaskGroup}`;
}

/**
 * The allocations that have to go from the slot, in the order they were chosen; undefined when that would not help either. `look` is
 * called while they are released on the ledger, which is as before when this returns.
 */
export function victimsOn<T>(slot: number, input: PreemptorInput, look: (victims: readonly Allocation[]) => T): T | undefined {
  const { ledger, ask, job } = input;
  const nodeId = ledger.columns.nodes[slot]?.ID;
  if (nodeId === undefined) return undefined;
  const candidates = [...ledger.holders(nodeId)].filter((allocation) => isPreemptible(job, allocation));
  const released = new Set<Allocation>();
  const release = (allocation: Allocation): void => {
    ledger.release(allocation);
    released.add(allocation);
  };
  const hold = (allocation: Allocation): void => {
    ledger.hold(allocation);
    released.delete(allocation);
  };
  try {
    for (;;) {
      const shortfall = ask.shortfall(slot);
      if (shortfall === undefined) return look([...released]);
      const left = candidates.filter((allocation) => !released.has(allocation));
      if (left.length === 0) return undefined;
      if (shortfall.port !== undefined) {
        const { port, address = "" } = shortfall;
        const inTheWay = ({ Value, HostIP }: AllocatedPort) => Value === port && sameAddress(HostIP, address);
        const holders = left.filter((each) => each.AllocatedResources.Shared.Ports.some(inTheWay));
        if (holders.length === 0) return undefined;
        holders.forEach(release);
      } else if (shortfall.dimension === NO_DEVICE) {
        if (!freeDevices(slot, input, left, { release, hold })) return undefined;
      } else if (!freeRoom(slot, input, left, { release, hold })) return undefined;
    }
  } finally {
    for (const allocation of released) ledger.hold(allocation);
  }
}

interface Acts {
  readonly release: (allocation: Allocation) => void;
  readonly hold: (allocation: Allocation) => void;
}

/** Releases candidates until cpu, cores, memory and disk suffice, then holds again those it takes none of. False: all of them are too few. */
function freeRoom(slot: number, { ask, preempted }: PreemptorInput, candidates: readonly Allocation[], { release, hold }: Acts): boolean {
  const isShort = () => ask.shortfall(slot) !== undefined;
  const whole: Holding = { cpu: ask.cpuAt(slot), memory: ask.memory, disk: ask.disk };
  const chosen: Allocation[] = [];
  let needed = whole;
  for (const group of byPriority(candidates)) {
    const left = [...group];
    while (left.length > 0 && isShort()) {
      const nearest = left.reduce((best, each) => (nearness(each, needed, preempted) < nearness(best, needed, preempted) ? each : best));
      left.splice(left.indexOf(nearest), 1);
      release(nearest);
      chosen.push(nearest);
      needed = less(needed, holdingOf(nearest.AllocatedResources));
    }
  }
  if (isShort()) {
    chosen.forEach(hold);
    return false;
  }
  // Those that free most of what is asked first: the small ones at the end may stay.
  chosen.forEach(hold);
  const farthestFirst = chosen
    .map((allocation) => ({ allocation, distance: distanceTo(whole, holdingOf(allocation.AllocatedResources)) }))
    .sort((a, b) => b.distance - a.distance || (a.allocation.ID < b.allocation.ID ? -1 : 1));
  for (const { allocation } of farthestFirst) if (isShort()) release(allocation);
  return true;
}

function nearness(allocation: Allocation, needed: Holding, preempted: ReadonlyMap<string, number>): number {
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  const penalty = crowdPenalty(preempted.get(groupKey(allocation)) ?? 0, group?.Migrate?.MaxParallel ?? 0);
  return distanceTo(needed, holdingOf(allocation.AllocatedResources)) + penalty;
}

function less(needed: Holding, held: Holding): Holding {
  return { cpu: needed.cpu - held.cpu, memory: needed.memory - held.memory, disk: needed.disk - held.disk };
}

/** Lowest first; of one priority in id order. */
function byPriority(allocations: readonly Allocation[]): readonly (readonly Allocation[])[] {
  const groups = Map.groupBy(allocations, (allocation) => allocation.Job.Priority);
  return [...groups.entries()].sort(([a], [b]) => a - b).map(([, group]) => group.toSorted((a, b) => (a.ID < b.ID ? -1 : 1)));
}

/**
 * Of each group of devices: release holders from the lowest priority up until the devices suffice; the cheapest group's stay released.
 * Several requests may need several groups: last all of them are tried together.
 */
function freeDevices(slot: number, { ask, ledger }: PreemptorInput, candidates: readonly Allocation[], { release, hold }: Acts): boolean {
  const lacksDevices = () => ask.shortfall(slot)?.dimension === NO_DEVICE;
  let best: { readonly holders: readonly Allocation[]; readonly cost: number } | undefined;
  const devices = ledger.columns.nodes[slot]?.NodeResources.Devices ?? [];
  for (const some of [...devices.map((device) => [device]), devices]) {
    if (best !== undefined && some === devices) break;
    const holders = byPriority(candidates.filter((each) => some.some((device) => holdsAny(each, device)))).flat();
    const gone: Allocation[] = [];
    for (const holder of holders) {
      if (!lacksDevices()) break;
      release(holder);
      gone.push(holder);
    }
    const suffices = !lacksDevices();
    gone.forEach(hold);
    const cost = [...new Set(gone.map((each) => each.Job.Priority))].reduce((sum, priority) => sum + priority, 0);
    if (suffices && (best === undefined || cost < best.cost)) best = { holders: gone, cost };
  }
  best?.holders.forEach(release);
  return best !== undefined;
}

function holdsAny(allocation: Allocation, device: NodeDevice): boolean {
  const held = new Set(claimOf(allocation.AllocatedResources).devices);
  return device.Instances.some((instance) => held.has(keyOf(device, instance.ID)));
}
