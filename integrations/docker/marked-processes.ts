/** Processes on this machine that carry a mark in their environment, with all their descendants. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

interface Marked {
  readonly pid: number;
  readonly value: string;
}

/** With `NAME=prefix…`; the rest of the value is told. */
export function marked(name: string, prefix: string): Marked[] {
  return processIds().flatMap((pid) => {
    const value = variable(pid, name);
    return value !== undefined && value.startsWith(prefix) ? [{ pid, value }] : [];
  });
}

/** Ends all that carry exactly this value and what they started, until none is left (or for 5 s). */
export async function endMarked(
  name: string,
  values: (value: string) => boolean,
  prefix: string,
  roots: readonly number[] = [],
): Promise<void> {
  for (let round = 0; round < 250; round++) {
    const found = new Set([
      ...marked(name, prefix).flatMap(({ pid, value }) => (values(value) ? [pid] : [])),
      ...(round === 0 ? roots : []),
    ]);
    if (found.size === 0) return;
    for (const pid of withDescendants(found)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await sleep(20);
  }
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

function variable(pid: number, name: string): string | undefined {
  try {
    const found = readFileSync(`/proc/${pid}/environ`, "latin1")
      .split("\0")
      .find((each) => each.startsWith(`${name}=`));
    return found?.slice(name.length + 1);
  } catch {
    return undefined;
  }
}

function withDescendants(pids: ReadonlySet<number>): Set<number> {
  const parents = processIds().flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      return [[pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])] as const];
    } catch {
      return [];
    }
  });
  const all = new Set(pids);
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (all.has(pid) || !all.has(parent)) continue;
      all.add(pid);
      grown = true;
    }
  }
  return all;
}
