/** The process placements are measured in (placements-server.ts), as its parent sees it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Answer, Question } from "./placements-server.ts";

const TIMEOUT_MS = 240_000;
/** Submitting at once; the API refuses more than a hundred connections of one address. */
const CLIENTS_MAX = 20;

export interface Submitted {
  readonly id: string;
  readonly count: number;
  /** As a client sends it. */
  readonly job: unknown;
}

export interface Ran {
  readonly placedPerSecond: number;
  readonly runningPerSecond: number;
  readonly loopHeldMs: number;
  readonly loopComputedMs: number;
  readonly cpuUs: number;
}

export interface PlacementsChild {
  /** Submits the jobs side by side and waits until all they ask for runs. */
  run(jobs: readonly Submitted[]): Promise<Ran>;
  memory(): Promise<{ readonly rssBytes: number; readonly heapBytes: number }>;
  stop(): Promise<void>;
}

/** Up, with so many nodes ready. */
export async function startPlacements(nodes: number): Promise<PlacementsChild> {
  const child = fork(join(import.meta.dirname, "placements-server.ts"), [String(nodes)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    const answers = readAnswers(child);
    const address = (await answers("address")).address as string;
    return {
      run: (jobs) => submit(jobs, address, child, answers),
      async memory() {
        child.send({ memory: true } satisfies Question);
        const { rssBytes, heapBytes } = await answers("rssBytes");
        return { rssBytes: rssBytes as number, heapBytes: heapBytes as number };
      },
      stop: () => stop(child),
    };
  } catch (thrown) {
    await stop(child);
    throw thrown;
  }
}

async function submit(jobs: readonly Submitted[], address: string, child: ChildProcess, answers: Answers): Promise<Ran> {
  const count = jobs.reduce((sum, job) => sum + job.count, 0);
  child.send({ expect: count } satisfies Question);
  const startedMs = performance.now();
  const placed = answers("placed").then(() => performance.now() - startedMs);
  const running = answers("running").then((answer) => ({ tookMs: performance.now() - startedMs, answer }));
  const waiting = [...jobs];
  const submitOne = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const response = await fetch(`${address}/v1/jobs`, { method: "PUT", body: JSON.stringify({ Job: next.job }) });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.body?.cancel();
    }
  };
  await Promise.all([placed, running, ...Array.from({ length: CLIENTS_MAX }, submitOne)]);
  const { tookMs, answer } = await running;
  for (const job of jobs.length > 20 ? jobs.slice(0, 20) : jobs) await confirm(address, job);
  return {
    placedPerSecond: (count / (await placed)) * 1000,
    runningPerSecond: (count / tookMs) * 1000,
    loopHeldMs: answer.loopHeldMs as number,
    loopComputedMs: answer.loopComputedMs as number,
    cpuUs: ((answer.cpuMs as number) * 1000) / count,
  };
}

/** What was counted is what the API says. */
async function confirm(address: string, { id, count }: Submitted): Promise<void> {
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
