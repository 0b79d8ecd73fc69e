/** What happens to an agent, its jobs and its Consul, drawn from a seed: the same seed, the same history. Pure. */
import { createSeededRandom } from "#integrations/memory";

/** Job kinds, each a different use of Consul: see jobOf in consul-chaos-world.ts. */
export const JOBS = ["plain", "tokens", "checked"] as const;
export type JobName = (typeof JOBS)[number];
const COUNT_MAX = 5;

/** What an operator asks of the herd. */
export type Move =
  | { readonly kind: "run"; readonly job: JobName; readonly count: number; readonly version: number; readonly tag: number }
  | { readonly kind: "stop"; readonly job: JobName }
  /** One allocation is stopped and replaced; `which` of those that live, in the order of their names. */
  | { readonly kind: "replace"; readonly job: JobName; readonly which: number }
  /** Its task is killed and restarted in place. */
  | { readonly kind: "crash"; readonly job: JobName; readonly which: number }
  | { readonly kind: "drain" };

/** What befalls the agent and its Consul. The moves happen in the midst of it. */
export const FAULTS = [
  "none",
  "agent killed",
  "agent killed in the midst",
  "agent and Consul killed, agent first",
  "agent and Consul killed, Consul first",
  "agent killed while Consul is slow",
  "Consul killed",
  "Consul wiped",
  "Consul wiped, an operator takes his time",
  "Consul wiped while the agent is dead",
  "Consul slow",
  "Consul cut off",
  "Consul paused",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Round {
  readonly fault: Fault;
  readonly moves: readonly Move[];
  /** From the last move to what comes in its midst. */
  readonly pauseMs: number;
}

export interface History {
  readonly rounds: readonly Round[];
  /** Allocations there are at most, if nothing but the moves replaces any. */
  readonly lifecycles: number;
  readonly kills: number;
}

interface Herd {
  readonly count: number;
  readonly version: number;
  readonly tag: number;
}

/** Every fault once in each deck of rounds; as many rounds as it takes for so many lifecycles and kills of the agent, one deck at least. */
export function historyOf(seed: number, wanted: { readonly lifecycles: number; readonly kills: number }): History {
  const random = createSeededRandom(seed);
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const herds = new Map<JobName, Herd>();
  const rounds: Round[] = [];
  let lifecycles = 0;
  let kills = 0;
  let version = 0;

  const start = (job: JobName, herd: Herd, born: number): Move => {
    herds.set(job, herd);
    lifecycles += born;
    return { kind: "run", job, ...herd };
  };
  const move = (): Move => {
    const job = JOBS[below(JOBS.length)] as JobName;
    const herd = herds.get(job);
    if (herd === undefined) {
      const count = 1 + below(COUNT_MAX);
      return start(job, { count, version: ++version, tag: 0 }, count);
    }
    const which = below(herd.count);
    const dice = below(20);
    if (dice < 2) {
      herds.delete(job);
      return { kind: "stop", job };
    }
    if (dice < 6) return start(job, { ...herd, version: ++version }, herd.count);
    if (dice < 9) return start(job, { ...herd, tag: herd.tag + 1 }, 0);
    if (dice < 14) {
      const count = 1 + below(COUNT_MAX);
      return start(job, { ...herd, count }, Math.max(0, count - herd.count));
    }
    if (dice < 17) {
      lifecycles++;
      return { kind: "replace", job, which };
    }
    if (dice < 19) return { kind: "crash", job, which };
    lifecycles += [...herds.values()].reduce((sum, each) => sum + each.count, 0);
    return { kind: "drain" };
  };
  const deck = (): Fault[] => {
    const left = [...FAULTS];
    return FAULTS.map(() => left.splice(below(left.length), 1)[0] as Fault);
  };
  // Some are asked for whose birth a later move overtakes.
  while (lifecycles < wanted.lifecycles * 1.15 || kills < wanted.kills) {
    for (const fault of deck()) {
      if (rounds.length >= FAULTS.length && lifecycles >= wanted.lifecycles * 1.15 && kills >= wanted.kills) break;
      rounds.push({ fault, moves: Array.from({ length: 3 + below(2) }, move), pauseMs: below(400) });
      if (killsAgent(fault)) kills++;
    }
  }
  return { rounds, lifecycles, kills };
}

export function killsAgent(fault: Fault): boolean {
  return fault.startsWith("agent") || fault === "Consul wiped while the agent is dead";
}

export function describeRound({ fault, moves }: Round): string {
  const words = moves.map((each) => {
    if (each.kind === "drain") return "drain";
    if (each.kind === "run") return `run ${each.job} ×${each.count} v${each.version}.${each.tag}`;
    return each.kind === "stop" ? `stop ${each.job}` : `${each.kind} ${each.job}[${each.which}]`;
  });
  return `${fault}: ${words.join(", ")}`;
}
