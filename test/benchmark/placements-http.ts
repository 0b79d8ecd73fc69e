/**
 * Placements per second through the real path: HTTP submit → evaluation → plan → synced SQLite log → nodes start each task with the mock
 * driver and acknowledge it running.
 *
 * Server and nodes share a process (placements-server.ts) over the memory link: the nodes' work is on the server's thread and their
 * books in the memory measured, so both figures are on the dark side. This process is the HTTP client and holds the watch. Both loads go
 * to one server, one after the other. Other programs on the machine slow the wall clock's figures: "computing" is free of them. Memory is the resident set after 20,000 allocations less the one before the first, each
 * after full collections. The median of ROUNDS fresh servers is shown.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { jobOf, type JobShape } from "../simulation/fixtures.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
import type { Answer, Question } from "./placements-server.ts";

const NODES = 500;
const ROUNDS = 3;
const TIMEOUT_MS = 120_000;

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

interface Ran {
  readonly placedPerSecond: number;
  readonly runningPerSecond: number;
  readonly loopHeldMs: number;
  readonly loopComputedMs: number;
  readonly cpuUs: number;
}
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
  const child = fork(join(import.meta.dirname, "placements-server.ts"), [String(NODES)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    const answers = readAnswers(child);
    const { address } = await answers("address");
    child.send({ memory: true } satisfies Question);
    const before = await answers("rssBytes");
    const loads = [];
    for (const load of LOADS) loads.push(await submit(load, address as string, child, answers));
    child.send({ memory: true } satisfies Question);
    const after = await answers("rssBytes");
    const perAllocation = (key: "rssBytes" | "heapBytes") => ((after[key] as number) - (before[key] as number)) / ALLOCATIONS / 1024;
    return { loads, rssKbPerAllocation: perAllocation("rssBytes"), heapKbPerAllocation: perAllocation("heapBytes") };
  } finally {
    await stop(child);
  }
}

async function submit(load: Load, address: string, child: ChildProcess, answers: Answers): Promise<Ran> {
  const count = load.jobs.reduce((sum, job) => sum + job.count, 0);
  child.send({ expect: count } satisfies Question);
  const startedMs = performance.now();
  const placed = answers("placed").then(() => performance.now() - startedMs);
  const running = answers("running").then((answer) => ({ tookMs: performance.now() - startedMs, answer }));
  await Promise.all(
    load.jobs.map(async (job) => {
      const response = await fetch(`${address}/v1/jobs`, { method: "PUT", body: JSON.stringify({ Job: jobOf(job) }) });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    }),
  );
  const { tookMs, answer } = await running;
  await Promise.all(load.jobs.map((job) => confirm(address, job)));
  return {
    placedPerSecond: (count / (await placed)) * 1000,
    runningPerSecond: (count / tookMs) * 1000,
    loopHeldMs: answer.loopHeldMs as number,
    loopComputedMs: answer.loopComputedMs as number,
    cpuUs: ((answer.cpuMs as number) * 1000) / count,
  };
}

/** What was counted is what the API says. */
async function confirm(address: string, { id, count }: JobShape): Promise<void> {
  const summary = (await (await fetch(`${address}/v1/job/${id}/summary`)).json()) as { Summary: Record<string, { Running: number }> };
  const running = Object.values(summary.Summary).reduce((sum, group) => sum + group.Running, 0);
  if (running !== count) throw new Error(`job ${id}: the API says ${running} run, wanted ${count}`);
}

type Answers = (key: keyof Answer) => Promise<Answer>;

/** The child's next answer that has the key. */
function readAnswers(child: ChildProcess): Answers {
  return (key) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => reject(new Error(`no "${key}" from the server within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
    const hear = (answer: Answer): void => {
      if (answer[key] !== undefined) resolve(answer);
    };
    const exited = (code: number | null): void => reject(new Error(`the server ended with ${code} before it told "${key}"`));
    child.on("message", hear);
    child.on("exit", exited);
    return promise.finally(() => {
      clearTimeout(timer);
      child.off("message", hear);
      child.off("exit", exited);
    });
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  child.disconnect();
  await ended;
  clearTimeout(timer);
}
