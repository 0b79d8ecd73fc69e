/**
 * The slow and obvious scheduler: for one allocation at a time it looks at every node afresh and reads the rules of nomad.md §6.2 to
 * §6.4 word for word, with plain loops over plain records. It shares no code with the quick one.
 */
import { clientTerminal, parsePortRanges } from "#model";
import type { Affinity, AllocatedResources, Allocation, Constraint, Job, Node, NodeDevice, Spread, TaskGroup } from "#model";
import type { Snapshot } from "#state";

/** What counts as being on a node. */
export type Present = Pick<Allocation, "ID" | "NodeID" | "TaskGroup" | "JobID" | "AllocatedResources">;

export interface Verdict {
  readonly node: Node;
  /** Why it cannot run the group at all; "" when it could. */
  readonly filtered: string;
  /** What it lacks; "" when it fits, or is filtered. */
  readonly dimension: string;
  /** As ScoreMetaData names them; only those of its mean. */
  readonly parts: Readonly<Record<string, number>>;
  readonly score: number;
}

/** Allocations that hold room, without `gone`, with `placed`. */
export function presentIn(snapshot: Snapshot, gone: ReadonlySet<string>, placed: readonly Present[]): readonly Present[] {
  const there: Present[] = [];
  for (const allocation of snapshot.allocations()) if (!clientTerminal(allocation) && !gone.has(allocation.ID)) there.push(allocation);
  return [...there, ...placed];
}

/** Every candidate node, and what becomes of the next allocation of the group there. `failedOn`: nodes it just failed on. */
export function verdicts(
  snapshot: Snapshot,
  job: Job,
  group: TaskGroup,
  present: readonly Present[],
  failedOn: ReadonlySet<string> = new Set(),
): readonly Verdict[] {
  const found: Verdict[] = [];
  for (const node of snapshot.nodes()) {
    if (!isCandidate(node, job)) continue;
    const filtered = filterReason(node, job, group, present, snapshot);
    const dimension = filtered === "" ? lacking(node, group, present) : "";
    const parts = filtered === "" && dimension === "" ? partsOf(node, job, group, present, snapshot, failedOn) : {};
    const scores = Object.values(parts);
    let sum = 0;
    for (const score of scores) sum += score;
    found.push({ node, filtered, dimension, parts, score: scores.length === 0 ? -Infinity : sum / scores.length });
  }
  return found;
}

export function isCandidate(node: Node, job: Job): boolean {
  const inDatacenter = job.Datacenters.some((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(node.Datacenter));
  const inPool = job.NodePool === "all" || node.NodePool === (job.NodePool || "default");
  return node.Status === "ready" && node.SchedulingEligibility === "eligible" && node.DrainStrategy === null && inDatacenter && inPool;
}

// Feasibility. nomad.md §6.2.

function filterReason(node: Node, job: Job, group: TaskGroup, present: readonly Present[], snapshot: Snapshot): string {
  for (const each of job.Constraints) if (!holds(node, each)) return text(each);
  for (const task of group.Tasks) {
    const driver = node.Drivers[task.Driver];
    if (driver?.Detected !== true || !driver.Healthy) return "missing drivers";
  }
  for (const each of group.Constraints) if (!holds(node, each)) return text(each);
  for (const task of group.Tasks) for (const each of task.Constraints) if (!holds(node, each)) return text(each);
  if (devicesFor(node, group, new Set()) === undefined) return "missing devices";
  for (const network of group.Networks) {
    if (network.Mode === "bridge" && !node.NodeResources.Networks.some((each) => each.Mode === "bridge")) return "missing network";
    for (const { Label, HostNetwork } of [...network.ReservedPorts, ...network.DynamicPorts]) {
      if (HostNetwork === "default") continue;
      const found = node.HostNetworks[HostNetwork];
      if (found === undefined) return `missing host network "${HostNetwork}" for port "${Label}"`;
      if (found.Addresses.length === 0) return `no addresses available for "${HostNetwork}" network`;
    }
  }
  const own = present.filter((each) => each.JobID === job.ID);
  for (const each of job.Constraints) {
    const reason = distinctReason(node, each, own, snapshot);
    if (reason !== "") return reason;
  }
  for (const each of group.Constraints) {
    const reason = distinctReason(
      node,
      each,
      own.filter((other) => other.TaskGroup === group.Name),
      snapshot,
    );
    if (reason !== "") return reason;
  }
  return "";
}

function text({ LTarget, Operand, RTarget }: Constraint): string {
  return `${LTarget} ${Operand} ${RTarget}`.trim();
}

function distinctReason(node: Node, { Operand, LTarget, RTarget }: Constraint, others: readonly Present[], snapshot: Snapshot): string {
  if (Operand === "distinct_hosts") return others.some((other) => other.NodeID === node.ID) ? "distinct_hosts" : "";
  if (Operand !== "distinct_property") return "";
  const value = valueOf(node, LTarget);
  if (value === undefined) return `missing property "${LTarget}"`;
  let used = 0;
  for (const other of others) {
    const its = snapshot.node(other.NodeID);
    if (its !== undefined && valueOf(its, LTarget) === value) used++;
  }
  return used < Number(RTarget) ? "" : `distinct_property: ${LTarget}=${value} used by ${used} allocs`;
}

/** The operators that random clusters use. */
function holds(node: Node, { LTarget, Operand, RTarget }: Constraint | Affinity): boolean {
  const value = valueOf(node, LTarget);
  switch (Operand) {
    case "=":
      return value === RTarget;
    case "!=":
      return value !== RTarget;
    case "regexp":
      return value !== undefined && new RegExp(RTarget).test(value);
    case "is_set":
      return value !== undefined;
    case "is_not_set":
      return value === undefined;
    case ">=":
      return value !== undefined && Number(value) >= Number(RTarget);
    case "set_contains_any":
      return value !== undefined && value.split(",").some((each) => RTarget.split(",").includes(each));
    default:
      return true;
  }
}

function valueOf(node: Node, target: string): string | undefined {
  if (target === "${node.class}") return node.NodeClass;
  if (target === "${node.unique.name}") return node.Name;
  if (target === "${node.datacenter}") return node.Datacenter;
  const meta = /^\$\{meta\.(.*)\}$/.exec(target);
  return meta === null ? undefined : node.Meta[meta[1] as string];
}

// Room. nomad.md §6.3: ports, devices, cores, then cpu, memory, disk.

function lacking(node: Node, group: TaskGroup, present: readonly Present[]): string {
  const here = present.filter((each) => each.NodeID === node.ID);
  const isTaken = (port: number, address: string): boolean => {
    if (parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts).includes(port)) return true;
    for (const { Addresses, ReservedPorts } of Object.values(node.HostNetworks))
      if (Addresses.includes(address) && parsePortRanges(ReservedPorts).includes(port)) return true;
    for (const each of here)
      for (const { Value, HostIP } of each.AllocatedResources.Shared.Ports) if (Value === port && HostIP === address) return true;
    return false;
  };
  const addressOf = (name: string) => (name === "default" ? "10.0.0.1" : (node.HostNetworks[name]?.Addresses[0] ?? ""));
  const statics = group.Networks.flatMap((network) => network.ReservedPorts);
  for (const { Label, Value, HostNetwork } of statics)
    if (isTaken(Value, addressOf(HostNetwork))) return `network: reserved port collision ${Label}=${Value}`;
  const devicesTaken = new Set<string>();
  for (const each of here) {
    for (const task of Object.values(each.AllocatedResources.Tasks)) {
      for (const { Vendor, Type, Name, DeviceIDs } of task.Devices)
        for (const id of DeviceIDs) devicesTaken.add(`${Vendor}/${Type}/${Name}/${id}`);
    }
  }
  if (devicesFor(node, group, devicesTaken) === undefined) return "devices: no devices match request";
  const want = asked(node, group);
  const coresTaken = new Set<number>();
  for (const each of here)
    for (const task of Object.values(each.AllocatedResources.Tasks)) for (const core of task.Cpu.ReservedCores) coresTaken.add(core);
  if (want.cores > node.NodeResources.Cpu.ReservableCpuCores.filter((core) => !coresTaken.has(core)).length) return "cores";
  const has = usable(node);
  const used = usedBy(here);
  if (used.cpu + want.cpu > has.cpu) return "cpu";
  if (used.memory + want.memory > has.memory) return "memory";
  if (used.disk + want.disk > has.disk) return "disk";
  const dynamic = group.Networks.flatMap((network) => network.DynamicPorts).map((port) => addressOf(port.HostNetwork));
  for (const address of new Set(dynamic)) {
    let free = 0;
    for (let port = node.NodeResources.MinDynamicPort; port < node.NodeResources.MaxDynamicPort; port++) {
      if (!isTaken(port, address) && !statics.some((each) => each.Value === port && addressOf(each.HostNetwork) === address)) free++;
    }
    if (free < dynamic.filter((each) => each === address).length) return "network: dynamic port selection failed";
  }
  return "";
}

/** cpu, memory and disk of a node that allocations may have. */
function usable({ NodeResources: has, ReservedResources: keeps }: Node): { cpu: number; memory: number; disk: number } {
  return {
    cpu: has.Cpu.CpuShares - keeps.Cpu.CpuShares,
    memory: has.Memory.MemoryMB - keeps.Memory.MemoryMB,
    disk: has.Disk.DiskMB - keeps.Disk.DiskMB,
  };
}

/** Random groups have main tasks only: their sum. */
function usedBy(here: readonly { readonly AllocatedResources: AllocatedResources }[]): { cpu: number; memory: number; disk: number } {
  let [cpu, memory, disk] = [0, 0, 0];
  for (const { AllocatedResources } of here) {
    disk += AllocatedResources.Shared.DiskMB;
    for (const task of Object.values(AllocatedResources.Tasks)) {
      cpu += task.Cpu.CpuShares;
      memory += task.Memory.MemoryMB;
    }
  }
  return { cpu, memory, disk };
}

function asked(node: Node, group: TaskGroup): { cpu: number; memory: number; disk: number; cores: number } {
  const { CpuShares, TotalCpuCores } = node.NodeResources.Cpu;
  let [cpu, memory, cores] = [0, 0, 0];
  for (const { Resources } of group.Tasks) {
    if (Resources === null) continue;
    cpu += Resources.Cores > 0 ? Resources.Cores * Math.floor(CpuShares / TotalCpuCores) : Resources.CPU;
    memory += Resources.MemoryMB + Resources.SecretsMB;
    cores += Resources.Cores;
  }
  return { cpu, memory, disk: group.EphemeralDisk?.SizeMB ?? 0, cores };
}

/** How the devices that are asked for would be liked; undefined: they are not to be had. `taken`: vendor/type/name/id. */
function devicesFor(node: Node, group: TaskGroup, taken: ReadonlySet<string>): { matched: number; whole: number } | undefined {
  const given = new Set(taken);
  let [matched, whole] = [0, 0];
  for (const task of group.Tasks) {
    for (const request of task.Resources?.Devices ?? []) {
      let best: { device: NodeDevice; ids: string[]; liking: number } | undefined;
      for (const device of node.NodeResources.Devices) {
        const names = [device.Type, `${device.Vendor}/${device.Type}`, `${device.Vendor}/${device.Type}/${device.Name}`];
        if (!names.includes(request.Name) || !request.Constraints.every((each) => deviceHolds(device, each))) continue;
        const ids = device.Instances.filter((each) => each.Healthy && !given.has(`${names[2]}/${each.ID}`)).map((each) => each.ID);
        let liking = 0;
        for (const affinity of request.Affinities) if (deviceHolds(device, affinity)) liking += affinity.Weight;
        if (ids.length >= request.Count && (best === undefined || liking > best.liking)) best = { device, ids, liking };
      }
      if (best === undefined) return undefined;
      const { device } = best;
      for (const id of best.ids.slice(0, request.Count)) given.add(`${device.Vendor}/${device.Type}/${device.Name}/${id}`);
      matched += best.liking;
      for (const affinity of request.Affinities) whole += Math.abs(affinity.Weight);
    }
  }
  return { matched, whole };
}

/** Random clusters compare models, and memory in MiB. */
function deviceHolds(device: NodeDevice, { LTarget, Operand, RTarget }: Constraint | Affinity): boolean {
  if (LTarget === "${device.model}") return Operand === "=" ? device.Name === RTarget : device.Name !== RTarget;
  const memory = device.Attributes["memory"]?.Int;
  return memory !== undefined && memory >= Number(RTarget.replace(" MiB", ""));
}

// Scores. nomad.md §6.3.

function partsOf(
  node: Node,
  job: Job,
  group: TaskGroup,
  present: readonly Present[],
  snapshot: Snapshot,
  failedOn: ReadonlySet<string>,
): Readonly<Record<string, number>> {
  const parts: Record<string, number> = {};
  const here = present.filter((each) => each.NodeID === node.ID);
  const mates = present.filter((each) => each.JobID === job.ID && each.TaskGroup === group.Name);
  const used = usedBy(here);
  const has = usable(node);
  const want = asked(node, group);
  const freeCpu = 1 - (used.cpu + want.cpu) / has.cpu;
  const freeMemory = 1 - (used.memory + want.memory) / has.memory;
  const spare = 10 ** freeCpu + 10 ** freeMemory;
  const pool = snapshot.nodePool(job.NodePool === "" ? "default" : job.NodePool)?.SchedulerConfiguration?.SchedulerAlgorithm;
  const raw = (pool || snapshot.schedulerConfiguration().SchedulerAlgorithm) === "binpack" ? 20 - spare : spare - 2;
  parts["binpack"] = Math.min(18, Math.max(0, raw)) / 18;
  const taken = new Set<string>();
  for (const each of here) {
    for (const task of Object.values(each.AllocatedResources.Tasks)) {
      for (const { Vendor, Type, Name, DeviceIDs } of task.Devices)
        for (const id of DeviceIDs) taken.add(`${Vendor}/${Type}/${Name}/${id}`);
    }
  }
  const devices = devicesFor(node, group, taken);
  if (devices !== undefined && devices.whole > 0) parts["devices"] = devices.matched / devices.whole;
  const collisions = mates.filter((each) => each.NodeID === node.ID).length;
  if (collisions > 0) parts["job-anti-affinity"] = -(collisions + 1) / Math.max(1, group.Count ?? 1);
  if (failedOn.has(node.ID)) parts["node-reschedule-penalty"] = -1;
  const affinities = [...job.Affinities, ...group.Affinities, ...group.Tasks.flatMap((task) => task.Affinities)];
  if (affinities.length > 0) {
    let [matched, whole] = [0, 0];
    for (const affinity of affinities) {
      whole += Math.abs(affinity.Weight);
      if (holds(node, affinity)) matched += affinity.Weight;
    }
    if (whole > 0) parts["node-affinity"] = matched / whole;
  }
  const spreads = [...job.Spreads, ...group.Spreads];
  let weights = 0;
  for (const spread of spreads) weights += spread.Weight;
  let boost = 0;
  for (const spread of spreads) boost += spreadBoost(node, job, group, spread, spread.Weight / weights, mates, snapshot);
  if (boost !== 0) parts["allocation-spread"] = boost;
  return parts;
}

function spreadBoost(
  node: Node,
  job: Job,
  group: TaskGroup,
  spread: Spread,
  share: number,
  mates: readonly Present[],
  snapshot: Snapshot,
): number {
  const uses = new Map<string, number>();
  const count = (nodeId: string, by: number): void => {
    const its = snapshot.node(nodeId);
    const value = its === undefined ? undefined : valueOf(its, spread.Attribute);
    if (value !== undefined) uses.set(value, (uses.get(value) ?? 0) + by);
  };
  // What the plan stops leaves its value in use, by nobody.
  for (const old of snapshot.allocationsByJob(job.Namespace, job.ID))
    if (old.TaskGroup === group.Name && !clientTerminal(old)) count(old.NodeID, 0);
  for (const mate of mates) count(mate.NodeID, 1);
  const value = valueOf(node, spread.Attribute);
  if (spread.SpreadTarget.length > 0) return value === undefined ? -1 : targetBoost(value, group.Count ?? 1, spread, share, uses);
  if (uses.size === 0) return 0;
  if (value === undefined) return -1;
  const counts = [...uses.values()];
  const [min, max, current] = [Math.min(...counts), Math.max(...counts), uses.get(value) ?? 0];
  if (current !== min) return min === 0 ? -1 : (min - current) / min;
  if (min === 0 && max > 0) return 1;
  return min === max ? -1 : (max - min) / min;
}

function targetBoost(value: string, count: number, spread: Spread, share: number, uses: ReadonlyMap<string, number>): number {
  const desiredOf = (of: string): number | undefined => {
    const target = spread.SpreadTarget.find((each) => each.Value === of);
    if (target !== undefined) return (target.Percent / 100) * count;
    let rest = count;
    for (const each of spread.SpreadTarget) rest -= (each.Percent / 100) * count;
    return rest > 0 ? rest : undefined;
  };
  const boostOf = (of: string): number | undefined => {
    const desired = desiredOf(of);
    if (desired === undefined) return -1;
    return desired === 0 ? undefined : ((desired - ((uses.get(of) ?? 0) + 1)) / desired) * share;
  };
  const boost = boostOf(value);
  if (boost !== undefined) return boost;
  let lowest = -1;
  for (const used of uses.keys()) lowest = Math.min(lowest, boostOf(used) ?? -1);
  return lowest;
}
