/**
 * The slow and obvious scheduler: for one allocation at a time it looks at every node afresh and reads the rules of nomad.md §6.2 and
 * §6.3 word for word. It shares no code with the quick one.
 */
import { clientTerminal, holdingOf, parsePortRanges } from "#model";
import type { Affinity, Allocation, Constraint, Job, Node, PlannedAllocation, TaskGroup } from "#model";
import type { Snapshot } from "#state";

type Placed = Pick<Allocation, "NodeID" | "TaskGroup" | "JobID" | "AllocatedResources">;

export interface Scored {
  readonly nodeId: string;
  readonly score: number;
}

/** Nodes the next allocation of the group could go to, with their scores, after `placed` were placed. */
export function feasibleNodes(snapshot: Snapshot, job: Job, group: TaskGroup, placed: readonly PlannedAllocation[]): Scored[] {
  const all: Placed[] = [...[...snapshot.allocations()].filter((allocation) => !clientTerminal(allocation)), ...placed];
  const own = all.filter((each) => each.JobID === job.ID);
  return [...snapshot.nodes()]
    .filter(
      (node) => isCandidate(node, job) && passes(node, job, group) && isDistinct(node, job, group, own, snapshot) && fits(node, group, all),
    )
    .map((node) => ({ nodeId: node.ID, score: scoreOf(node, job, group, all, snapshot) }));
}

function isCandidate(node: Node, job: Job): boolean {
  const inDatacenter = job.Datacenters.some((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(node.Datacenter));
  const inPool = job.NodePool === "all" || node.NodePool === (job.NodePool || "default");
  return node.Status === "ready" && node.SchedulingEligibility === "eligible" && inDatacenter && inPool;
}

function passes(node: Node, job: Job, group: TaskGroup): boolean {
  const constraints = [...job.Constraints, ...group.Constraints, ...group.Tasks.flatMap((task) => task.Constraints)];
  return group.Tasks.every((task) => node.Drivers[task.Driver]?.Healthy === true) && constraints.every((each) => holds(node, each));
}

/** The operators any-cluster uses. */
function holds(node: Node, { LTarget, Operand, RTarget }: Constraint | Affinity): boolean {
  const value = valueOf(node, LTarget);
  switch (Operand) {
    case "=":
      return value === RTarget;
    case "!=":
      return value !== RTarget;
    case "regexp":
      return value !== undefined && new RegExp(RTarget).test(value);
    default:
      return true;
  }
}

function valueOf(node: Node, target: string): string | undefined {
  if (target === "${node.class}") return node.NodeClass;
  if (target === "${node.unique.name}") return node.Name;
  return target === "${meta.rack}" ? node.Meta["rack"] : undefined;
}

function isDistinct(node: Node, job: Job, group: TaskGroup, own: readonly Placed[], snapshot: Snapshot): boolean {
  const scopes = [
    { constraints: job.Constraints, others: own },
    { constraints: group.Constraints, others: own.filter((each) => each.TaskGroup === group.Name) },
  ];
  return scopes.every(({ constraints, others }) =>
    constraints.every((constraint) => {
      if (constraint.Operand === "distinct_hosts") return !others.some((other) => other.NodeID === node.ID);
      if (constraint.Operand !== "distinct_property") return true;
      const value = valueOf(node, constraint.LTarget);
      const same = others.filter((other) => valueOf(snapshot.node(other.NodeID) as Node, constraint.LTarget) === value);
      return value !== undefined && same.length < Number(constraint.RTarget);
    }),
  );
}

function fits(node: Node, group: TaskGroup, all: readonly Placed[]): boolean {
  const here = all.filter((each) => each.NodeID === node.ID);
  const used = here.map((each) => holdingOf(each.AllocatedResources));
  const has = node.NodeResources;
  const cores = group.Tasks.reduce((sum, task) => sum + (task.Resources?.Cores ?? 0), 0);
  const coresUsed = here.flatMap((each) => Object.values(each.AllocatedResources.Tasks).flatMap((task) => task.Cpu.ReservedCores));
  const { cpu, memory, disk } = asked(node, group);
  if (cores > has.Cpu.ReservableCpuCores.length - coresUsed.length) return false;
  if (used.reduce((sum, each) => sum + each.cpu, cpu) > has.Cpu.CpuShares) return false;
  if (used.reduce((sum, each) => sum + each.memory, memory) > has.Memory.MemoryMB) return false;
  if (used.reduce((sum, each) => sum + each.disk, disk) > has.Disk.DiskMB) return false;
  const taken = new Set([
    ...parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts),
    ...here.flatMap((each) => each.AllocatedResources.Shared.Ports.map((port) => port.Value)),
  ]);
  const statics = group.Networks.flatMap((network) => network.ReservedPorts.map((port) => port.Value));
  const dynamics = group.Networks.flatMap((network) => network.DynamicPorts).length;
  let free = 0;
  for (let port = has.MinDynamicPort; port < has.MaxDynamicPort; port++) if (!taken.has(port) && !statics.includes(port)) free++;
  return statics.every((port) => !taken.has(port)) && free >= dynamics;
}

function asked(node: Node, group: TaskGroup): { cpu: number; memory: number; disk: number } {
  const { CpuShares, TotalCpuCores } = node.NodeResources.Cpu;
  const cpuOf = (task: TaskGroup["Tasks"][number]) =>
    (task.Resources?.Cores ?? 0) > 0 ? (task.Resources?.Cores ?? 0) * Math.floor(CpuShares / TotalCpuCores) : (task.Resources?.CPU ?? 0);
  return {
    cpu: group.Tasks.reduce((sum, task) => sum + cpuOf(task), 0),
    memory: group.Tasks.reduce((sum, task) => sum + (task.Resources?.MemoryMB ?? 0), 0),
    disk: group.EphemeralDisk?.SizeMB ?? 0,
  };
}

function scoreOf(node: Node, job: Job, group: TaskGroup, all: readonly Placed[], snapshot: Snapshot): number {
  const here = all.filter((each) => each.NodeID === node.ID);
  const mates = all.filter((each) => each.JobID === job.ID && each.TaskGroup === group.Name);
  const used = here.map((each) => holdingOf(each.AllocatedResources));
  const want = asked(node, group);
  const freeCpu = 1 - used.reduce((sum, each) => sum + each.cpu, want.cpu) / node.NodeResources.Cpu.CpuShares;
  const freeMemory = 1 - used.reduce((sum, each) => sum + each.memory, want.memory) / node.NodeResources.Memory.MemoryMB;
  const spare = 10 ** freeCpu + 10 ** freeMemory;
  const raw = snapshot.schedulerConfiguration().SchedulerAlgorithm === "binpack" ? 20 - spare : spare - 2;
  const scores = [Math.min(18, Math.max(0, raw)) / 18];
  const collisions = mates.filter((each) => each.NodeID === node.ID).length;
  if (collisions > 0) scores.push(-(collisions + 1) / (group.Count ?? 1));
  const weights = group.Affinities.reduce((sum, affinity) => sum + Math.abs(affinity.Weight), 0);
  if (weights > 0)
    scores.push(group.Affinities.filter((affinity) => holds(node, affinity)).reduce((sum, affinity) => sum + affinity.Weight, 0) / weights);
  const spread = group.Spreads.reduce((sum, each) => sum + spreadBoost(node, group, each, mates, snapshot), 0);
  if (spread !== 0) scores.push(spread);
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function spreadBoost(
  node: Node,
  group: TaskGroup,
  spread: TaskGroup["Spreads"][number],
  mates: readonly Placed[],
  snapshot: Snapshot,
): number {
  const value = valueOf(node, spread.Attribute);
  const whole = group.Spreads.reduce((sum, each) => sum + each.Weight, 0);
  const count = group.Count ?? 1;
  const values = mates.map((mate) => valueOf(snapshot.node(mate.NodeID) as Node, spread.Attribute)).filter((each) => each !== undefined);
  const uses = Map.groupBy(values, (each) => each);
  if (value === undefined) return -1;
  if (spread.SpreadTarget.length > 0) {
    const target = spread.SpreadTarget.find((each) => each.Value === value);
    const rest = count - spread.SpreadTarget.reduce((sum, each) => sum + (each.Percent / 100) * count, 0);
    const desired = target === undefined ? rest : (target.Percent / 100) * count;
    if (target === undefined && rest <= 0) return -1;
    return ((desired - ((uses.get(value)?.length ?? 0) + 1)) / desired) * (spread.Weight / whole);
  }
  if (uses.size === 0) return 0;
  const counts = [...uses.values()].map((each) => each.length);
  const [min, max, current] = [Math.min(...counts), Math.max(...counts), uses.get(value)?.length ?? 0];
  if (current !== min) return (min - current) / min;
  return min === max ? -1 : (max - min) / min;
}
