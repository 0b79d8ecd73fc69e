/** Operations as they happen, by register: when each began and ended, in one order. */
import { linearize } from "./linearize.ts";
import { REGISTER, type RegisterAnswer, type RegisterCall, type RegisterOperation, tell, withoutUnseen } from "./register.ts";

export type Ending =
  | RegisterAnswer
  /** Surely nothing happened. */
  | "failed"
  /** Perhaps something happened, or still will. */
  | "unknown";

export interface History {
  readonly operations: ReadonlyMap<string, readonly RegisterOperation[]>;
  /** A place in the order of all that happens. */
  now(): number;
  /** Records what `act` does; gives how it ended. */
  run(process: string, register: string, call: RegisterCall, act: () => Promise<Ending>): Promise<Ending>;
}

export function createHistory(): History {
  const operations = new Map<string, RegisterOperation[]>();
  let at = 0;
  return {
    operations,
    now: () => ++at,
    async run(process, register, call, act) {
      const beganAt = ++at;
      const ending = await act();
      const endedAt = ++at;
      // What failed did nothing, and who reads and is told nothing knows nothing. Should what failed show up somewhere, nobody wrote it.
      if (ending === "failed" || (ending === "unknown" && call.kind === "read")) return ending;
      const list = operations.get(register) ?? [];
      operations.set(register, list);
      list.push({ process, call, answer: ending === "unknown" ? undefined : ending, beganAt, endedAt });
      return ending;
    },
  };
}

/** What is wrong with it; [] is well. */
export function historyFaults({ operations }: Pick<History, "operations">): string[] {
  const faults: string[] = [];
  for (const [register, all] of operations) {
    const verdict = linearize(REGISTER, withoutUnseen(all));
    if (verdict.linearizable) continue;
    const around = Math.min(...verdict.stuckAt.map(({ beganAt }) => beganAt));
    const near = all
      .filter(({ beganAt, endedAt }) => endedAt > around - 40 && beganAt < around + 40)
      .toSorted((a, b) => a.beganAt - b.beganAt);
    faults.push(
      [
        `${register}: no order of its ${all.length} operations is that of one copy. After ${verdict.order.length}, the last of them`,
        ...verdict.order.slice(-5).map((each) => `    ${tell(each)}`),
        "  nothing of this could have come:",
        ...verdict.stuckAt.map((each) => `    ${tell(each)}`),
        "  around it:",
        ...near.map((each) => `    ${tell(each)}`),
      ].join("\n"),
    );
  }
  return faults;
}
