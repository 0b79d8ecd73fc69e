/**
 * Placements per second through the real path: HTTP submit → evaluation → plan → synced SQLite log → nodes start each task with the mock
 * driver and acknowledge it running.
 *
 * Server and nodes share a process (placements-server.ts) over the memory link: the nodes' work is on the server's thread and their
 * books in the memory measured, so both figures are on the dark side. This process is the HTTP client and holds the watch. Both loads go
 * to one server, one after the other. Other programs on the machine slow the wall clock's figures: "computing" is free of them. Memory is the resident set after 20,000 allocations less the one before the first, each
 * after full collections. The median of ROUNDS fresh servers is shown.
 */
import { jobOf, type JobShape } from "../simulation/fixtures.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
import { type Ran, startPlacements } from "./placements-child.ts";

const NODES = 500;
const ROUNDS = 3;

interface Load {
  readonly name: string;
  readonly jobs: readonly JobShape[];
  /** Nomad 2.0.6 with its own simulated nodes. */
  readonly placedReference: number | null;
  readonly runningReference: number;
}

const SIZE = { cpu: 100, memoryMB: 100, diskMB: 10 };
const LOADS: readonly Load[] = [
  {
    name: "one batch job of 10,000",
    jobs: [{ id: "batch", type: "batch", count: 10_000, ...SIZE }],
    placedReference: 315,
    runningReference: 94,
  },
  {
    name: "10 jobs of 1,000",
    jobs: Array.from({ length: 10 }, (_, index) => ({ id: `service-${index}`, count: 1_000, ...SIZE })),
    placedReference: null,
    runningReference: 123,
  },
];
const ALLOCATIONS = LOADS.flatMap(({ jobs }) => jobs).reduce((sum, { count }) => sum + count, 0);
/** Nomad's server had 1.16 GB resident after 20,000. */
const REFERENCE_KB = (1.16 * 1024 * 1024) / 20_000;

interface Measured {
  readonly loads: readonly Ran[];
  readonly rssKbPerAllocation: number;
  readonly heapKbPerAllocation: number;
}

export const placements: Benchmark = {
  name: "placements",
  about: `${NODES} nodes, ${ALLOCATIONS.toLocaleString("en")} allocations over HTTP, median of ${ROUNDS}`,
  async run() {
    const rounds: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measure());
    const middle = (pick: (measured: Measured) => number): number => percentile(rounds.map(pick), 50);
    return [
      ...LOADS.flatMap((load, index) => {
        const of = (key: keyof Ran) => middle(({ loads }) => loads[index]?.[key] ?? Number.NaN);
        return [
          figure(`${load.name}: placed`, of("placedPerSecond"), "/s", load.placedReference, "≥ 3,750"),
          figure(`${load.name}: running`, of("runningPerSecond"), "/s", load.runningReference, "≥ 3,750"),
          figure(`${load.name}: computed per allocation, nodes included`, of("cpuUs"), "µs", null, ""),
          figure(`${load.name}: event loop held, longest`, of("loopHeldMs"), "ms", null, "≤ 100"),
          figure(`${load.name}: event loop held, longest, computing`, of("loopComputedMs"), "ms", null, "≤ 100"),
        ];
      }),
      figure(
        "RSS per allocation, nodes' books included",
        middle((each) => each.rssKbPerAllocation),
        "KB",
        REFERENCE_KB,
        "≤ 8",
      ),
      figure(
        "JavaScript heap of it",
        middle((each) => each.heapKbPerAllocation),
        "KB",
        null,
        "",
      ),
    ];
  },
};

function figure(bench: string, value: number, unit: string, reference: number | null, goal: string): Figure {
  return { bench: `placements: ${bench}`, value, unit, reference, goal };
}

async function measure(): Promise<Measured> {
  const child = await startPlacements(NODES);
  try {
    const before = await child.memory();
    const loads = [];
    for (const { jobs } of LOADS) loads.push(await child.run(jobs.map((job) => ({ id: job.id, count: job.count, job: jobOf(job) }))));
    const after = await child.memory();
    const perAllocation = (key: "rssBytes" | "heapBytes") => (after[key] - before[key]) / ALLOCATIONS / 1024;
    return { loads, rssKbPerAllocation: perAllocation("rssBytes"), heapKbPerAllocation: perAllocation("heapBytes") };
  } finally {
    await child.stop();
  }
}
