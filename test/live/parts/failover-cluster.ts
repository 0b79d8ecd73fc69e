/** Three servers, and clients, each on a machine of its own, for tests that take the leader away. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "../../eventually.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./cluster-world.ts";
import { put } from "./write-load.ts";

export interface ThreeServers {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterMachine[];
  readonly process: (machine: ClusterMachine) => MachineProcess;
  /** On the files of before. */
  readonly start: (machine: ClusterMachine) => void;
  readonly leader: (except?: ClusterMachine) => Promise<ClusterMachine>;
  /** Its main loop does nothing else for so long. */
  readonly busyFor: (machine: ClusterMachine, lengthMs: number) => void;
}

export interface ThreeOptions {
  readonly clients?: readonly string[];
  /** Starts a Consul of others' on the machines, which Drover finds at 127.0.0.1:8500. Without: each server keeps its own. */
  readonly consul?: (servers: readonly ClusterMachine[]) => Promise<void>;
  /** Makes another Drover in the folder (other-program.ts) that all of them run. */
  readonly program?: (folder: string) => string;
}

/** SIGUSR2 makes the main loop compute for as long as the file says, in milliseconds. */
const BUSY = `import { readFileSync } from "node:fs";
process.on("SIGUSR2", () => {
  const until = performance.now() + Number(readFileSync(process.env.BUSY_FILE, "utf8"));
  while (performance.now() < until);
});
`;

export async function startThree(t: TestContext, { clients = [], consul, program }: ThreeOptions = {}): Promise<ThreeServers> {
  const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", ...clients] });
  const servers = world.machines.slice(0, 3);
  const processes = new Map<ClusterMachine, MachineProcess>();
  t.after(() => {
    if (!t.passed) for (const [machine, each] of processes) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
  });
  const busy = join(world.folder, "busy.mjs");
  writeFileSync(busy, BUSY);
  writeFileSync(join(world.folder, "busy-ms"), "0");
  const other = program === undefined ? {} : { program: program(join(world.folder, "program")) };
  const environment = { NODE_OPTIONS: `--import=${busy}`, BUSY_FILE: join(world.folder, "busy-ms") };
  const start = (machine: ClusterMachine, files?: Readonly<Record<string, string>>): void =>
    void processes.set(machine, machine.agent(files, { environment, ...other }));
  const first = servers[0] as ClusterMachine;
  await consul?.(servers);
  const found = consul === undefined ? `server_join { retry_join = ["${first.address}:4648"] }` : "";
  const external = consul === undefined ? "" : 'consul { address = "127.0.0.1:8500" }\n';
  for (const machine of servers)
    start(machine, { "server.hcl": `server {\n  enabled = true\n  bootstrap_expect = 3\n  ${found}\n}\n${external}` });
  for (const name of clients)
    start(world.machine(name), {
      "client.hcl": `client {\n  enabled = true\n  servers = [${servers.map(({ address }) => `"${address}"`).join(", ")}]\n  dns { port = 0 }\n}
plugin "raw_exec" { config { enabled = true } }`,
    });
  for (const machine of world.machines) await machine.answers(90_000);
  const leader = (except?: ClusterMachine): Promise<ClusterMachine> =>
    eventually(
      "a leader",
      async () => {
        for (const server of servers) {
          if (server === except) continue;
          const { text, status } = await server.request("/v1/status/leader", { timeoutMs: 2000 });
          const found = servers.find(({ address }) => status === 200 && text === `"${address}:4647"`);
          if (found !== undefined && found !== except) return found;
        }
        return undefined;
      },
      90_000,
    );
  await leader();
  for (const server of servers) await eventually(`${server.name} to follow`, () => put(server, `follows/${server.name}`), 60_000);
  const busyFor = (machine: ClusterMachine, lengthMs: number): void => {
    writeFileSync(join(world.folder, "busy-ms"), String(lengthMs));
    process.kill((processes.get(machine) as MachineProcess).pid, "SIGUSR2");
  };
  return {
    world,
    servers,
    busyFor,
    leader,
    start: (machine) => start(machine),
    process: (machine) => processes.get(machine) as MachineProcess,
  };
}

/** From now until a write that is sent from now on is acknowledged, through whichever of them is quicker; who is refused asks again. */
export async function nextWrite(servers: readonly ClusterMachine[], name: string): Promise<number> {
  const startedMs = performance.now();
  await Promise.any(servers.map((server) => eventually("a write", () => put(server, `next/${name}-${server.name}`), 30_000)));
  return performance.now() - startedMs;
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

export const shown = (figures: readonly number[]): string => figures.map((each) => `${Math.round(each)}`).join(" ");

export const isConsul = (pid: number): boolean => /^\S*consul agent /.test(commandOf(pid));

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
