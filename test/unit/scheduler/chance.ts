/** Random small clusters and jobs from a seed: cheap enough for tens of thousands. A failure prints the seed. */
import type { Constraint, DeviceRequest, HostNetwork, Job, Network, Node, NodeDevice, Spread, Task, TaskGroup } from "#model";
import { createSeededRandom } from "#integrations/memory";
import { aGroup, aJob, aNetwork, aNode, aTask } from "./nouns.ts";

export interface Chance {
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
  /** True one time in `of`. */
  once(of: number): boolean;
}

export function chanceFrom(seed: number): Chance {
  const random = createSeededRandom(seed);
  const below = (bound: number) => random.integer(bound);
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number], once: (of) => below(of) === 0 };
}

export function anyNode(chance: Chance, name: string): Node {
  return aNode(name, {
    cpu: 500 * (1 + chance.below(6)),
    memory: 256 * (1 + chance.below(6)),
    disk: 100 * (1 + chance.below(5)),
    cores: 1 + chance.below(4),
    Datacenter: chance.pick(["dc1", "dc2"]),
    NodeClass: chance.pick(["", "big", "small"]),
    Meta: chance.once(10)
      ? {}
      : { rack: `r${chance.below(3)}`, tags: chance.pick(["ssd", "ssd,fast", "hdd"]), size: String(chance.below(12)) },
    devices: chance.once(3) ? anyDevices(chance) : [],
    Status: chance.once(8) ? "down" : "ready",
    SchedulingEligibility: chance.once(8) ? "ineligible" : "eligible",
    NodePool: chance.once(8) ? "gpu" : "default",
    drivers: chance.once(8) ? [] : ["raw_exec"],
    reservedPorts: chance.once(3) ? "8080,20001" : "",
    HostNetworks: chance.once(3) ? {} : { public: anyHostNetwork(chance) },
    bridge: !chance.once(4),
    dynamicPorts: [20_000, 20_000 + chance.below(6)],
  });
}

/** With an address of its own, with the node's, or (down) with none. */
function anyHostNetwork(chance: Chance): HostNetwork {
  const Addresses = chance.pick([["203.0.113.1"], ["203.0.113.1"], ["10.0.0.1"], []]);
  return { Name: "public", CIDR: "", Interface: "", ReservedPorts: chance.once(3) ? "8080,20002" : "", Addresses };
}

/** Now and then on the other network of the host, or in a network of their own. */
function anyNetwork(chance: Chance): Network {
  const network = aNetwork(chance.pick([{ http: 8080 }, { a: 0 }, { http: 8080, a: 0, b: 0 }]), {
    Mode: chance.once(3) ? "bridge" : "host",
  });
  const elsewhere = <P extends object>(port: P): P => (chance.once(3) ? { ...port, HostNetwork: "public" } : port);
  return { ...network, ReservedPorts: network.ReservedPorts.map(elsewhere), DynamicPorts: network.DynamicPorts.map(elsewhere) };
}

function anyDevices(chance: Chance): readonly NodeDevice[] {
  return ["a", "b"].slice(0, 1 + chance.below(2)).map((Name) => ({
    Vendor: "nvidia",
    Type: "gpu",
    Name,
    Instances: ["1", "2", "3"]
      .slice(0, 1 + chance.below(3))
      .map((ID) => ({ ID, Healthy: !chance.once(5), HealthDescription: "", Locality: null })),
    Attributes: { memory: { Int: 4 * (1 + chance.below(3)), Unit: "MiB" } },
  }));
}

function anyRequest(chance: Chance): DeviceRequest {
  return {
    Name: chance.pick(["gpu", "nvidia/gpu", "nvidia/gpu/a"]),
    Count: 1 + chance.below(2),
    Constraints: chance.once(3) ? [{ LTarget: "${device.attr.memory}", Operand: ">=", RTarget: "8 MiB" }] : [],
    Affinities: chance.once(3) ? [{ LTarget: "${device.model}", Operand: "=", RTarget: "b", Weight: 30 - chance.below(60) || 1 }] : [],
  };
}

const CONSTRAINTS: readonly Constraint[] = [
  { LTarget: "${meta.rack}", Operand: "!=", RTarget: "r0" },
  { LTarget: "${node.class}", Operand: "=", RTarget: "big" },
  { LTarget: "${node.unique.name}", Operand: "regexp", RTarget: "[0-3]$" },
  { LTarget: "${meta.rack}", Operand: "is_set", RTarget: "" },
  { LTarget: "${meta.size}", Operand: ">=", RTarget: "4" },
  { LTarget: "${meta.tags}", Operand: "set_contains_any", RTarget: "fast,hdd" },
  { LTarget: "", Operand: "distinct_hosts", RTarget: "true" },
  { LTarget: "${meta.rack}", Operand: "distinct_property", RTarget: "2" },
];

const TARGETS: readonly Spread["SpreadTarget"][] = [
  [],
  [],
  [{ Value: "r1", Percent: 60 }],
  [
    { Value: "r0", Percent: 0 },
    { Value: "r1", Percent: 100 },
  ],
];

function anyTask(chance: Chance): Task {
  const task = aTask({ cpu: 100 + chance.below(900), memory: 32 + chance.below(500), cores: chance.once(8) ? 1 + chance.below(2) : 0 });
  const Devices = chance.once(6) ? [anyRequest(chance)] : [];
  const Resources = task.Resources === null ? null : { ...task.Resources, Devices, SecretsMB: chance.once(6) ? 20 : 0 };
  return { ...task, Resources, Affinities: chance.once(8) ? [{ LTarget: "${node.class}", Operand: "=", RTarget: "big", Weight: 20 }] : [] };
}

export function anyGroup(chance: Chance, name: string): TaskGroup {
  return aGroup({
    Name: name,
    Count: chance.below(6),
    disk: 10 + chance.below(60),
    Tasks: [anyTask(chance)],
    Networks: chance.once(3) ? [anyNetwork(chance)] : [],
    Constraints: chance.once(3) ? [chance.pick(CONSTRAINTS)] : [],
    Affinities: chance.once(4) ? [{ LTarget: "${meta.rack}", Operand: "=", RTarget: "r1", Weight: 50 - chance.below(100) }] : [],
    Spreads: chance.once(4) ? [{ Attribute: "${meta.rack}", Weight: 50, SpreadTarget: chance.pick(TARGETS) }] : [],
    Meta: chance.once(3) ? { color: chance.pick(["red", "blue"]) } : {},
  });
}

/** `types`: one of them. Spreads and affinities are not for system jobs. */
export function anyJob(chance: Chance, id: string, types: readonly string[] = ["service", "batch"]): Job {
  const groups = ["web", "db"].slice(0, 1 + chance.below(2));
  const Type = chance.pick(types);
  const isSystem = Type === "system" || Type === "sysbatch";
  return aJob({
    ID: id,
    Name: id,
    Type,
    Priority: 1 + chance.below(100),
    AllAtOnce: chance.once(12),
    Datacenters: chance.pick([["*"], ["dc1"], ["dc*"]]),
    NodePool: chance.once(6) ? "all" : "default",
    Constraints: chance.once(5) ? [chance.pick(CONSTRAINTS)] : [],
    Spreads: !isSystem && chance.once(8) ? [{ Attribute: "${node.datacenter}", Weight: 30, SpreadTarget: [] }] : [],
    Affinities: !isSystem && chance.once(8) ? [{ LTarget: "${node.datacenter}", Operand: "=", RTarget: "dc1", Weight: 40 }] : [],
    TaskGroups: groups.map((name) => {
      const group = anyGroup(chance, name);
      const tasks = group.Tasks.map((task) => ({ ...task, Affinities: [] }));
      return isSystem ? { ...group, Count: 1, Spreads: [], Affinities: [], Tasks: tasks } : group;
    }),
  });
}

/** Runs `act` with `runs` seeds; a failure names its seed. DROVER_TEST_SEED runs one. */
export function withSeeds(runs: number, act: (chance: Chance, seed: number) => void): void {
  const only = process.env["DROVER_TEST_SEED"];
  const seeds = only === undefined ? Array.from({ length: runs }, (_, seed) => seed + 1) : [Number(only)];
  for (const seed of seeds) {
    try {
      act(chanceFrom(seed), seed);
    } catch (thrown) {
      throw new Error(
        `seed ${seed}: ${thrown instanceof Error ? thrown.message : String(thrown)} (DROVER_TEST_SEED=${seed} runs it alone)`,
        { cause: thrown },
      );
    }
  }
}
