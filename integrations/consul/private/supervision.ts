/**
 * A process that is not to end: started again when it did, with pauses that grow while it does not stay.
 *
 *   up ──ended──▶ waiting (250 ms, doubling to 15 s; from the start after a minute up) ──▶ starting ──▶ up
 *                    ▲                                                                        │
 *                    └──────────────────────────── failed ────────────────────────────────────┘
 */
import type { Clock, Timer } from "#ports";
import { messageOf } from "#std";
import type { Tell } from "./options.ts";

export interface Supervised<Process> {
  start(): Promise<Process>;
  isRunning(process: Process): boolean;
  /** For people: what it said last. */
  lastWord(): string;
  /** For people, with its number: "the private Consul (process 17)". */
  name(process: Process): string;
  readonly clock: Clock;
  readonly report: Tell;
}

export interface Supervision<Process> {
  /** The one that runs, or ran last. */
  readonly process: Process;
  /** It is looked after no more; a start that is on its way is waited for. Nothing is ended. */
  letGo(): Promise<void>;
}

const LOOK_MS = 500;
const PAUSE_MS = { first: 250, most: 15_000 };
/** After so long it counts as well again. */
const WELL_MS = 60_000;

/** Rejects when the first start does. */
export async function supervise<Process>(supervised: Supervised<Process>): Promise<Supervision<Process>> {
  const { clock, report } = supervised;
  let process = await supervised.start();
  let startedAtMs = clock.nowMs();
  let pauseMs = PAUSE_MS.first;
  let over = false;
  let timer: Timer | undefined;
  let starting: Promise<void> = Promise.resolve();

  const look = (): void => {
    timer = clock.after(LOOK_MS, () => {
      if (over) return;
      if (supervised.isRunning(process)) return look();
      if (clock.nowMs() - startedAtMs > WELL_MS) pauseMs = PAUSE_MS.first;
      report("warn", `${supervised.name(process)} has ended; it is started again`, { in_ms: pauseMs, last_word: supervised.lastWord() });
      startLater();
    });
  };
  const startLater = (): void => {
    timer = clock.after(pauseMs, () => {
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.most);
      if (!over) starting = startNow();
    });
  };
  const startNow = async (): Promise<void> => {
    try {
      process = await supervised.start();
      startedAtMs = clock.nowMs();
      report("info", `${supervised.name(process)} runs again`);
      if (!over) look();
    } catch (thrown) {
      report("error", messageOf(thrown), { again_in_ms: pauseMs });
      if (!over) startLater();
    }
  };
  look();
  return {
    get process() {
      return process;
    },
    async letGo() {
      over = true;
      timer?.cancel();
      await starting;
    },
  };
}
