/**
 * What a packed agent (server and node) costs while nothing happens: resident memory and processor time, first with no task, then with
 * TASKS quiet ones, log keeper included.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, processesUnder, startRealAgent, type RealAgent } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";
import { packRelease } from "./release.ts";

const SETTLE_MS = 5_000;
const WATCH_MS = 20_000;
const TASKS = 20;
/** Of /proc/PID/stat; Linux has said 100 for decades. */
const TICKS_PER_SECOND = 100;

export const idle: Benchmark = {
  name: "idle",
  about: `a packed agent with nothing to do, then with ${TASKS} quiet tasks, ${WATCH_MS / 1000} s each`,
  async run() {
    const release = await packRelease();
    try {
      const started = performance.now();
      const agent = await startRealAgent({ program: release.main });
      try {
        const startMs = performance.now() - started;
        const empty = await watch([agent.pid]);
        await runQuietTasks(agent);
        const keepers = processesUnder(agent.dataDirectory)
          .filter(({ command }) => command.includes("log-keeper"))
          .map(({ pid }) => pid);
        const busy = await watch([agent.pid, ...keepers]);
        return [
          { bench: "agent: start → node ready", value: startMs, unit: "ms", reference: null, goal: "" },
          { bench: "idle RSS", value: empty.residentMb, unit: "MB", reference: null, goal: "" },
          { bench: "idle CPU", value: empty.cpuPercent, unit: "% of a core", reference: null, goal: "≤ 1" },
          {
            bench: `${TASKS} quiet tasks: CPU, log keeper included`,
            value: busy.cpuPercent,
            unit: "% of a core",
            reference: null,
            goal: "≤ 1",
          },
          {
            bench: `${TASKS} quiet tasks: RSS per task, log keeper included`,
            value: (busy.residentMb - empty.residentMb) / TASKS,
            unit: "MB",
            reference: null,
            goal: "≤ 5",
          },
        ];
      } finally {
        await agent.remove();
      }
    } finally {
      release.remove();
    }
  },
};

async function watch(pids: readonly number[]): Promise<{ readonly residentMb: number; readonly cpuPercent: number }> {
  const ticks = () => pids.reduce((sum, pid) => sum + cpuTicks(pid), 0);
  await sleep(SETTLE_MS);
  const before = ticks();
  await sleep(WATCH_MS);
  const used = (ticks() - before) / TICKS_PER_SECOND / (WATCH_MS / 1000);
  return { residentMb: pids.reduce((sum, pid) => sum + residentKb(pid), 0) / 1024, cpuPercent: used * 100 };
}

async function runQuietTasks(agent: RealAgent): Promise<void> {
  const task = {
    Name: "t",
    Driver: "raw_exec",
    Config: { command: "/bin/sleep", args: ["3600"] },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
    Resources: { CPU: 20, MemoryMB: 16 },
  };
  const job = {
    ID: "quiet",
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [{ Name: "g", Count: TASKS, EphemeralDisk: { SizeMB: 10 }, Tasks: [task] }],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
  if (!response.ok) throw new Error(await response.text());
  await eventually(
    `${TASKS} running tasks`,
    async () => {
      const allocations = await agent.get<{ ClientStatus: string }[]>("/v1/job/quiet/allocations");
      return allocations.filter(({ ClientStatus }) => ClientStatus === "running").length === TASKS;
    },
    60_000,
  );
  // Until they count as healthy there is work left to do.
  await eventually(
    "the deployment to be done",
    async () => (await agent.get<{ Status: string }[]>("/v1/job/quiet/deployments"))[0]?.Status === "successful",
    60_000,
  );
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
