/** The three allocations of the kill story, and how its processes are told from all others on the machine. */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, type Dirent } from "node:fs";
import { join } from "node:path";
import type { Allocation, AllocationId } from "#model";
import { anIdentity } from "../unit/client/identity/nouns.ts";
import { anAllocation, NANOSECONDS } from "../unit/client/stage.ts";

export interface Story {
  index: number;
  chapter: "begin" | "serving" | "replacing" | "settled" | "forgotten";
  allocations: Record<string, Allocation>;
  readonly ids: readonly AllocationId[];
}

/** crash, serve, next. */
export function storyAllocations(
  driver: string,
  ids: readonly AllocationId[] = [0, 1, 2].map(() => randomUUID() as AllocationId),
): Allocation[] {
  const [crashId, serveId, nextId] = ids as [AllocationId, AllocationId, AllocationId];
  // As pid 1 of its own namespace a plain sleep does not hear SIGINT: it is killed after its timeout.
  const shell = (script: string) => ({
    Driver: driver,
    KillTimeout: 0.1 * NANOSECONDS,
    Config: { command: "/bin/sh", args: ["-c", script] } as never,
  });
  // Each start leaves a line, each process is one sleep.
  const stay = `echo started >>"$NOMAD_ALLOC_DIR/data/starts-$NOMAD_TASK_NAME"; exec sleep 86399`;
  // Each task has a file with who it is, and a token for it.
  const identified = { Identity: anIdentity({ File: true, Env: true }), Identities: [anIdentity({ Name: "consul_default" })] };
  const RestartPolicy = { Attempts: 1, Interval: 600 * NANOSECONDS, Delay: 0.1 * NANOSECONDS, Mode: "fail", RenderTemplates: false };
  const never = { ...RestartPolicy, Attempts: 0 };
  const at = (ID: AllocationId, allocation: Allocation): Allocation => ({ ...allocation, ID });
  return [
    at(
      crashId,
      anAllocation("a", {
        type: "batch",
        tasks: [{ RestartPolicy, ...shell(`echo said; echo started >>"$NOMAD_ALLOC_DIR/data/starts-main"; exit 9`) }],
      }),
    ),
    at(
      serveId,
      anAllocation("b", {
        tasks: [
          { RestartPolicy: never, ShutdownDelay: 0.2 * NANOSECONDS, ...identified, ...shell(stay) },
          { Name: "lead", Leader: true, RestartPolicy: never, ...shell(stay) },
        ],
      }),
    ),
    at(nextId, anAllocation("c", { PreviousAllocation: serveId, tasks: [{ RestartPolicy: never, ...identified, ...shell(stay) }] })),
  ];
}

/** Processes of these allocations that run `sleep`: allocation id → pids. */
export function sleepers(ids: readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      const id = ids.find((each) => environment.includes(`NOMAD_ALLOC_ID=${each}\0`));
      if (id === undefined || !readFileSync(`/proc/${name}/cmdline`, "utf8").startsWith("sleep")) continue;
      found.set(id, [...(found.get(id) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

export interface Trace {
  readonly kind: "process" | "mount" | "cgroup";
  /** A pid or a path. */
  readonly what: string;
  readonly words: string;
}

/** Everything on the machine that carries one of these ids, or lies in this directory: processes, mounts, cgroups. */
export function traces(ids: readonly string[], directory: string): Trace[] {
  const found: Trace[] = [];
  const ours = (text: string) => text.includes(directory) || ids.some((id) => text.includes(id));
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (words !== "" && (ours(words) || ids.some((id) => readFileSync(`/proc/${name}/environ`, "utf8").includes(id))))
        found.push({ kind: "process", what: name, words });
    } catch {
      // It ended while we looked.
    }
  }
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n"))
    if (ours(line)) found.push({ kind: "mount", what: line.split(" ")[4] as string, words: line });
  walkCgroups("/sys/fs/cgroup", (path) => {
    if (ids.some((id) => path.includes(id))) found.push({ kind: "cgroup", what: path, words: "" });
  });
  return found;
}

function walkCgroups(directory: string, visit: (path: string) => void, depth = 0): void {
  if (depth > 6) return;
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    visit(path);
    walkCgroups(path, visit, depth + 1);
  }
}
