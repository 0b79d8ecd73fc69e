/**
 * A process that is not to end: started again when it did, with pauses that grow while it does not stay. One that lives and answers nothing is of
 * no more use than one that ended: it is asked now and then, and ended when it has let ASKED_MAX questions in a row go by.
 *
 *   up ──ended──▶ waiting (250 ms, doubling to 15 s; from the start after a minute up) ──▶ starting ──▶ up
 *    │               ▲                                                                     ▲  │
 *    │               └──────────────────────────── failed ─────────────────────────────────┼──┘
 *    └──silent──▶ ending ─────────────────────────────────────────────────────────────────┘
 *
 * Questions are counted, not time: while the whole machine stood still nobody asked. The next one is started only when the last has ended.
 */
import type { Clock, Timer } from "#ports";
import { messageOf } from "#std";
import type { Tell } from "./options.ts";

export interface Supervised<Process> {
  start(): Promise<Process>;
  isRunning(process: Process): boolean;
  /** Does it say anything at all, to one question, within that time? Never rejects. */
  answers(process: Process, withinMs: number): Promise<boolean>;
  /** Resolves when it has ended. */
  end(process: Process): Promise<void>;
  /** So long it may say nothing while it lives. */
  readonly silentMs: number;
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
  /** It is looked after no more; an end or a start that is on its way is waited for. Nothing else is ended. */
  letGo(): Promise<void>;
}

const LOOK_MS = 500;
/** Questions in a row without an answer. */
const ASKED_MAX = 12;
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
  /** What is on its way: an end, a start. */
  let acting: Promise<void> = Promise.resolve();
  const askEveryMs = supervised.silentMs / ASKED_MAX;
  let unanswered = 0;
  let askAtMs = 0;
  let isAsking = false;

  const up = (): void => {
    startedAtMs = clock.nowMs();
    unanswered = 0;
    askAtMs = startedAtMs + askEveryMs;
    look();
  };
  const look = (): void => {
    timer = clock.after(Math.min(LOOK_MS, askEveryMs), () => {
      if (over) return;
      if (supervised.isRunning(process)) {
        if (unanswered >= ASKED_MAX) return void (acting = endSilent());
        void ask();
        return look();
      }
      if (clock.nowMs() - startedAtMs > WELL_MS) pauseMs = PAUSE_MS.first;
      report("warn", `${supervised.name(process)} has ended; it is started again`, { in_ms: pauseMs, last_word: supervised.lastWord() });
      startLater();
    });
  };
  const ask = async (): Promise<void> => {
    if (isAsking || clock.nowMs() < askAtMs) return;
    isAsking = true;
    askAtMs = clock.nowMs() + askEveryMs;
    const asked = process;
    const answered = await supervised.answers(asked, askEveryMs);
    isAsking = false;
    if (asked === process) unanswered = answered ? 0 : unanswered + 1;
  };
  const endSilent = async (): Promise<void> => {
    const forSeconds = Math.round(supervised.silentMs / 1000);
    report("warn", `${supervised.name(process)} lives and has answered nothing for ${forSeconds} s; it is ended and started again`);
    try {
      await supervised.end(process);
    } catch (thrown) {
      report("error", messageOf(thrown), { again_in_ms: pauseMs });
      if (!over) startLater();
      return;
    }
    if (!over) await startNow();
  };
  const startLater = (): void => {
    timer = clock.after(pauseMs, () => {
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.most);
      if (!over) acting = startNow();
    });
  };
  const startNow = async (): Promise<void> => {
    try {
      process = await supervised.start();
      report("info", `${supervised.name(process)} runs again`);
      if (!over) up();
    } catch (thrown) {
      report("error", messageOf(thrown), { again_in_ms: pauseMs });
      if (!over) startLater();
    }
  };
  up();
  return {
    get process() {
      return process;
    },
    async letGo() {
      over = true;
      timer?.cancel();
      await acting;
    },
  };
}
