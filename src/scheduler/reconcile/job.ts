/**
 * A whole job: every group it has, and every group it no longer has. A job that is gone or stopped keeps nothing.
 * nomad.md §6.5.
 */
import { clientTerminal, serverTerminal, terminal } from "#model";
import type { Allocation, Job, Node } from "#model";
import { DESCRIPTIONS, type GroupDecision, NO_UPDATES, type Stop } from "./decision.ts";
import { type GroupInput, reconcileGroup } from "./group.ts";

export interface JobInput {
  /** Undefined: purged. */
  readonly job: Job | undefined;
  readonly allocations: Iterable<Allocation>;
  readonly nodeOf: (id: string) => Node | undefined;
  readonly mayStay: GroupInput["mayStay"];
  readonly limit: number;
}

/** In the order of the job file; groups no longer wanted last. */
export function reconcileJob(input: JobInput): readonly GroupDecision[] {
  const { job } = input;
  const byGroup = new Map<string, Allocation[]>();
  const abandoned: Allocation[] = [];
  for (const allocation of input.allocations) {
    if (isAbandoned(allocation, input.nodeOf)) abandoned.push(allocation);
    const list = byGroup.get(allocation.TaskGroup);
    if (list === undefined) byGroup.set(allocation.TaskGroup, [allocation]);
    else list.push(allocation);
  }
  const wanted = job === undefined || job.Stop ? [] : job.TaskGroups;
  const decisions = wanted.map((group) => {
    const allocations = byGroup.get(group.Name) ?? [];
    byGroup.delete(group.Name);
    return reconcileGroup({ ...input, job: job as Job, group, allocations });
  });
  for (const [name, allocations] of byGroup) {
    const decision = stopGroup(name, allocations, input.nodeOf);
    if (decision.stops.length > 0) decisions.push(decision);
  }
  return withAbandoned(decisions, abandoned);
}

/**
 * Told to stop, but its node went down before it could say that it had: nobody will ever say it, so it is marked lost. Nothing
 * is placed for it; whoever stopped it has seen to that.
 */
function isAbandoned(allocation: Allocation, nodeOf: JobInput["nodeOf"]): boolean {
  return serverTerminal(allocation) && !clientTerminal(allocation) && (nodeOf(allocation.NodeID)?.Status ?? "down") === "down";
}

function withAbandoned(decisions: readonly GroupDecision[], abandoned: readonly Allocation[]): readonly GroupDecision[] {
  if (abandoned.length === 0) return decisions;
  const byGroup = Map.groupBy(abandoned, (allocation) => allocation.TaskGroup);
  const stopsOf = (name: string): Stop[] =>
    (byGroup.get(name) ?? []).map((allocation) => ({ allocation, description: allocation.DesiredDescription, clientStatus: "lost" }));
  const known = decisions.map((decision) => ({ ...decision, stops: [...decision.stops, ...stopsOf(decision.name)] }));
  const others = [...byGroup.keys()].filter((name) => !decisions.some((decision) => decision.name === name));
  return [
    ...known,
    ...others.map((name): GroupDecision => ({ name, stops: stopsOf(name), places: [], inPlace: [], updates: { ...NO_UPDATES } })),
  ];
}

function stopGroup(name: string, allocations: readonly Allocation[], nodeOf: JobInput["nodeOf"]): GroupDecision {
  const stops = allocations
    .filter((allocation) => !terminal(allocation))
    .map((allocation): Stop => {
      const status = nodeOf(allocation.NodeID)?.Status ?? "down";
      const lost = status === "down" || status === "disconnected";
      return { allocation, description: lost ? DESCRIPTIONS.lost : DESCRIPTIONS.notNeeded, clientStatus: lost ? "lost" : "" };
    });
  return { name, stops, places: [], inPlace: [], updates: { ...NO_UPDATES, Stop: stops.length } };
}
