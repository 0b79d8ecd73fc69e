/**
 * What may be asked of stale reads: that one server never goes back, across its restarts too, and that what it tells was really written. Returns
 * what is wrong; [] is well.
 */
import type { RegisterOperation } from "./register.ts";

export interface StaleRead {
  readonly server: string;
  readonly register: string;
  readonly beganAt: number;
  readonly endedAt: number;
  /** null: nothing was there. */
  readonly value: string | null;
  /** Of the write; 0 where nothing was there. */
  readonly index: number;
}

export function staleFaults(reads: readonly StaleRead[], operations: ReadonlyMap<string, readonly RegisterOperation[]>): string[] {
  const faults: string[] = [];
  const groups = Map.groupBy(reads, ({ server, register }) => `${server} ${register}`);
  for (const [place, group] of groups) {
    const ended = group.toSorted((a, b) => a.endedAt - b.endedAt);
    let newest: StaleRead | undefined;
    let next = 0;
    for (const read of group.toSorted((a, b) => a.beganAt - b.beganAt)) {
      // Of those that were over when this one began.
      for (let over = ended[next]; over !== undefined && over.endedAt < read.beganAt; over = ended[++next])
        if (newest === undefined || over.index > newest.index) newest = over;
      if (newest !== undefined && read.index < newest.index)
        faults.push(
          `${place} went back: ${newest.value} @${newest.index} by ${newest.endedAt}, then ${read.value} @${read.index} at ${read.beganAt}`,
        );
    }
  }
  for (const [register, group] of Map.groupBy(reads, (read) => read.register)) {
    const written = new Map<string, number | undefined>();
    for (const { call, answer } of operations.get(register) ?? [])
      if (call.kind !== "read" && answer?.kind !== "told") written.set(call.value, answer?.index);
    for (const { server, value, index } of group) {
      if (value === null) continue;
      if (!written.has(value)) faults.push(`${server} ${register}: tells ${value} @${index}, which nobody wrote`);
      else if ((written.get(value) ?? index) !== index)
        faults.push(`${server} ${register}: tells ${value} @${index}, which was written @${written.get(value)}`);
    }
  }
  return faults;
}
