/**
 * Work that runs once at a time and misses nothing: whoever asks for it while it runs gets one more round, however late in the round they ask.
 *
 *   idle ──ask──► round ──over, nobody has asked meanwhile──► idle
 *                  ▲ └────over, somebody has asked──┐
 *                  └────────────────────────────────┘
 *
 * What it stands for is `running ??= work().finally(() => (running = undefined))`, which loses wake-ups: the flag falls some turns after the
 * work's last look at what there is to do, and who comes in between finds it still up, and nobody who looks again. Here the last look is at
 * the asking itself, in the turn in which it becomes idle.
 */
export interface Rounds {
  /**
   * Begins a round now, or one more after the one that runs; many who ask meanwhile share it. Resolves when that round is over, and rejects as it
   * does: the next one, if somebody asked for it, runs all the same.
   */
  ask(): Promise<void>;
  readonly running: boolean;
}

/** `round` begins in the turn of the `ask` that finds it idle. */
export function createRounds(round: () => Promise<void>): Rounds {
  let running = false;
  let next: PromiseWithResolvers<void> | undefined;

  async function run(first: PromiseWithResolvers<void>): Promise<void> {
    running = true;
    for (let asked: PromiseWithResolvers<void> | undefined = first; asked !== undefined; asked = next) {
      next = undefined;
      try {
        await round();
        asked.resolve();
      } catch (thrown) {
        asked.reject(thrown);
      }
    }
    running = false;
  }

  return {
    ask() {
      if (running) return (next ??= Promise.withResolvers()).promise;
      const first = Promise.withResolvers<void>();
      void run(first);
      return first.promise;
    },
    get running() {
      return running;
    },
  };
}
