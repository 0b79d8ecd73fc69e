/**
 * Three servers on machines of their own, and many nodes without tasks on a fourth: what they cost, and what they notice. The servers are agents as
 * they are installed, with their private Consul; the nodes are real sessions over real connections (many-nodes-process.ts).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { costOf, type ProcessCost } from "../../benchmark/process-cost.ts";
import { eventually } from "../real-agent.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./cluster-world.ts";
import type { PartOwner } from "./process.ts";

/** Of all nodes together, since the start. */
export interface NodesReport {
  readonly atMs: number;
  /** Connected and registered now. */
  readonly registered: number;
  /** Answers to heartbeats and registrations. */
  readonly beats: number;
  /** Connections of registered nodes that ended. */
  readonly lost: number;
  /** Allocations that servers said are gone. */
  readonly stopped: number;
  /** Nodes by the server they are connected to. */
  readonly byServer: Readonly<Record<string, number>>;
  /** What the last one that was refused was told. */
  readonly problem: string;
}

export interface NodeSeen {
  readonly ID: string;
  readonly Status: string;
  readonly ModifyIndex: number;
}

export interface ManyNodes {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterMachine[];
  /** Of a server: its agent. */
  process(server: ClusterMachine): MachineProcess;
  leader(): Promise<ClusterMachine>;
  /** Starts them; each of the nodes knows all three servers. */
  startNodes(count: number): void;
  /** Every one so far, oldest first. */
  reports(): readonly NodesReport[];
  latest(): NodesReport;
  /** As that server has them. */
  seenBy(server: ClusterMachine): Promise<NodeSeen[]>;
  /** Of the agents of the servers that run, and of their Consuls, from now on. */
  cost(watchMs: number): Promise<{
    readonly agents: readonly ProcessCost[];
    readonly consuls: readonly ProcessCost[];
    readonly nodes: ProcessCost | undefined;
  }>;
  /** For a failure: what the agents said last. */
  lastWords(): string;
}

const READY_MS = 90_000;

export async function startManyNodes(owner: PartOwner): Promise<ManyNodes> {
  const world = await startClusterWorld(owner, { machines: ["s1", "s2", "s3", "nodes"] });
  const servers = world.machines.slice(0, 3);
  const processes = new Map<ClusterMachine, MachineProcess>();
  const join = JSON.stringify(servers.map(({ address }) => `${address}:4648`));
  // All nodes come from one address here.
  const config = `server {\n  enabled = true\n  bootstrap_expect = 3\n  server_join { retry_join = ${join} }\n}\nlimits { rpc_max_conns_per_client = 0 }\n`;
  for (const server of servers) processes.set(server, server.agent({ "server.hcl": config }));
  let nodes: MachineProcess | undefined;
  const parsed = reader();
  const many: ManyNodes = {
    world,
    servers,
    process(server) {
      const found = processes.get(server);
      assert.ok(found);
      return found;
    },
    leader: () =>
      eventually(
        "a leader that those who run agree on",
        async () => {
          const running = servers.filter((each) => many.process(each).isRunning());
          const said = await Promise.all(running.map((each) => each.request("/v1/status/leader").then(({ text }) => text)));
          return running.find(({ address }) => said.every((each) => each.startsWith(`"${address}:`)));
        },
        READY_MS,
      ),
    startNodes(count) {
      assert.ok(nodes === undefined);
      const words = [NODES_PROCESS, String(count), ...servers.map(({ address }) => `${address}:4647`)];
      nodes = world.machine("nodes").start(process.execPath, words);
    },
    reports: () => parsed(nodes?.output() ?? ""),
    latest() {
      assert.ok(nodes?.isRunning() !== false, `the nodes' process has ended: ${nodes?.output().slice(-2000)}`);
      return many.reports().at(-1) ?? { atMs: 0, registered: 0, beats: 0, lost: 0, stopped: 0, byServer: {}, problem: "" };
    },
    seenBy: (server) => server.get<NodeSeen[]>("/v1/nodes", { timeoutMs: 30_000 }),
    async cost(watchMs) {
      const running = servers.filter((each) => many.process(each).isRunning());
      const [consuls, agents, load] = await Promise.all([
        Promise.all(running.map(async (each) => costOf(await consulOf(each), watchMs))),
        Promise.all(running.map((each) => costOf([many.process(each).pid], watchMs))),
        nodes === undefined ? undefined : costOf([nodes.pid], watchMs),
      ]);
      return { agents, consuls, nodes: load };
    },
    lastWords: () => [...processes].map(([{ name }, each]) => `${name}:\n${lastWords(each)}`).join("\n"),
  };
  try {
    await many.leader();
  } catch (error) {
    throw new Error(`${String(error)}\n${many.lastWords()}`);
  }
  return many;
}

const NODES_PROCESS = join(import.meta.dirname, "many-nodes-process.ts");

async function consulOf(machine: ClusterMachine): Promise<number[]> {
  const isConsul = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "consul";
    } catch {
      return false;
    }
  };
  return (await machine.pids()).filter(isConsul);
}

/** Lines that are whole, each read once. */
function reader(): (output: string) => readonly NodesReport[] {
  const reports: NodesReport[] = [];
  let read = 0;
  return (output) => {
    for (let end = output.indexOf("\n", read); end >= 0; end = output.indexOf("\n", read)) {
      const line = output.slice(read, end);
      read = end + 1;
      if (line.startsWith("{")) reports.push(JSON.parse(line) as NodesReport);
    }
    return reports;
  };
}

/** Answers of servers to nodes in each whole second between two times. */
export function beatsBySecond(reports: readonly NodesReport[], fromMs: number, toMs: number): number[] {
  const bySecond = new Map<number, number>();
  for (const [at, report] of reports.entries()) {
    const before = reports[at - 1];
    if (before === undefined || report.atMs < fromMs || report.atMs > toMs) continue;
    const second = Math.floor((report.atMs - fromMs) / 1000);
    bySecond.set(second, (bySecond.get(second) ?? 0) + report.beats - before.beats);
  }
  return [...bySecond.values()].slice(1, -1);
}
