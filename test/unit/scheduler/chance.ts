/** Random small clusters and jobs from a seed: cheap enough for tens of thousands. A failure prints the seed. */
import type { Constraint, Job, Node, TaskGroup } from "#model";
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
    Meta: { rack: `r${chance.below(3)}` },
    Status: chance.once(8) ? "down" : "ready",
    SchedulingEligibility: chance.once(8) ? "ineligible" : "eligible",
    NodePool: chance.once(8) ? "gpu" : "default",
    drivers: chance.once(8) ? [] : ["raw_exec"],
    reservedPorts: chance.once(3) ? "8080,20001" : "",
    dynamicPorts: [20_000, 20_000 + chance.below(6)],
  });
}

const CONSTRAINTS: readonly Constraint[] = [
  { LTarget: "${meta.rack}", Operand: "!=", RTarget: "r0" },
  { LTarget: "${node.class}", Operand: "=", RTarget: "big" },
  { LTarget: "${node.unique.name}", Operand: "regexp", RTarget: "[0-3]$" },
  { LTarget: "", Operand: "distinct_hosts", RTarget: "true" },
  { LTarget: "${meta.rack}", Operand: "distinct_property", RTarget: "2" },
];

export function anyGroup(chance: Chance, name: string): TaskGroup {
  const ports = [{ http: 8080 }, { a: 0 }, { http: 8080, a: 0, b: 0 }];
  return aGroup({
    Name: name,
    Count: chance.below(6),
    disk: 10 + chance.below(60),
    Tasks: [aTask({ cpu: 100 + chance.below(900), memory: 32 + chance.below(500), cores: chance.once(10) ? 1 : 0 })],
    Networks: chance.once(3) ? [aNetwork(chance.pick(ports))] : [],
    Constraints: chance.once(3) ? [chance.pick(CONSTRAINTS)] : [],
    Affinities: chance.once(4) ? [{ LTarget: "${meta.rack}", Operand: "=", RTarget: "r1", Weight: 50 - chance.below(100) }] : [],
    Spreads: chance.once(4)
      ? [{ Attribute: "${meta.rack}", Weight: 50, SpreadTarget: chance.once(2) ? [] : [{ Value: "r1", Percent: 60 }] }]
      : [],
    Meta: chance.once(3) ? { color: chance.pick(["red", "blue"]) } : {},
  });
}

export function anyJob(chance: Chance, id: string): Job {
  const groups = ["web", "db"].slice(0, 1 + chance.below(2));
  return aJob({
    ID: id,
    Name: id,
    Type: chance.pick(["service", "batch"]),
    Priority: 1 + chance.below(100),
    AllAtOnce: chance.once(12),
    Datacenters: chance.pick([["*"], ["dc1"], ["dc*"]]),
    NodePool: chance.once(6) ? "all" : "default",
    Constraints: chance.once(5) ? [chance.pick(CONSTRAINTS)] : [],
    TaskGroups: groups.map((name) => anyGroup(chance, name)),
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
