/**
 * Placements where choosing is what costs: many nodes, many jobs, rules that look at every node. The path is that of `placements`
 * (HTTP → plan → synced log → mock nodes acknowledge); "90 % full" is measured below it, as computing time of scheduler, plan check and
 * state, so that the comparison is one of the scheduler and not of the machine's other work.
 */
import { jobOf } from "../simulation/fixtures.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { startPlacements, type Submitted } from "./placements-child.ts";
import { microsecondsPerPlacement } from "./schedule.ts";

interface Load {
  readonly name: string;
  readonly nodes: number;
  readonly jobs: readonly Submitted[];
  /** Nomad 2.0.6 on such a machine, placed per second. */
  readonly reference: number | null;
  readonly goal: string;
}

const SIZE = { cpu: 100, memoryMB: 100, diskMB: 10 };

function submitted(id: string, count: number, fields: Readonly<Record<string, unknown>> = {}): Submitted {
  return { id, count, job: { ...jobOf({ id, count, ...SIZE }), ...fields } };
}

const LOADS: readonly Load[] = [
  {
    name: "1,000 jobs of 100 over 5,000 nodes",
    nodes: 5_000,
    jobs: Array.from({ length: 1_000 }, (_, index) => submitted(`job-${index}`, 100)),
    reference: null,
    goal: "≥ 3,750",
  },
  {
    name: "1,000 spread over 500 node ids",
    nodes: 500,
    jobs: [submitted("spread", 1_000, { Spreads: [{ Attribute: "${node.unique.id}", Weight: 100, SpreadTarget: [] }] })],
    // Placed none in 200 s.
    reference: 0,
    goal: "≥ 1,500",
  },
  {
    name: "1,000 with an affinity on distinct hosts of 5,000",
    nodes: 5_000,
    jobs: [
      submitted("affine", 1_000, {
        Affinities: [{ LTarget: "${node.unique.name}", Operand: "regexp", RTarget: "[02468]$", Weight: 70 }],
        Constraints: [{ LTarget: "", Operand: "distinct_hosts", RTarget: "true" }],
      }),
    ],
    reference: null,
    goal: "≥ 1,500",
  },
];

export const scheduling: Benchmark = {
  name: "scheduling",
  about: "many nodes, many jobs, spread, affinity, distinct hosts, a full cluster",
  async run() {
    const figures: Figure[] = [];
    for (const load of LOADS) figures.push(...(await measure(load)));
    const empty = microsecondsPerPlacement({ name: "empty", nodes: 5_000, count: 10_000 });
    const full = microsecondsPerPlacement({ name: "90 % full", nodes: 5_000, count: 10_000, fullPart: 0.9 });
    figures.push(
      figure("10,000 over 5,000 empty nodes: computed per allocation", empty, "µs", null, ""),
      figure("10,000 over 5,000 nodes 90 % full: computed per allocation", full, "µs", null, ""),
      figure("90 % full against empty: slower by", (full / empty - 1) * 100, "%", null, "≤ 20"),
    );
    return figures;
  },
};

function figure(bench: string, value: number, unit: string, reference: number | null, goal: string): Figure {
  return { bench: `scheduling: ${bench}`, value, unit, reference, goal };
}

async function measure({ name, nodes, jobs, reference, goal }: Load): Promise<readonly Figure[]> {
  const child = await startPlacements(nodes);
  try {
    const ran = await child.run(jobs);
    return [
      figure(`${name}: placed`, ran.placedPerSecond, "/s", reference, goal),
      figure(`${name}: running`, ran.runningPerSecond, "/s", null, ""),
      figure(`${name}: computed per allocation, nodes included`, ran.cpuUs, "µs", null, ""),
      figure(`${name}: event loop held, longest, computing`, ran.loopComputedMs, "ms", null, "≤ 100"),
    ];
  } finally {
    await child.stop();
  }
}
