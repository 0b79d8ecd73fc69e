/**
 * What a packed agent (server and node) costs while nothing happens: resident memory and processor time, first with no task, then with
 * TASKS quiet ones, log keeper included, then with as many that have a template each, of one variable.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, processesUnder, startRealAgent, type RealAgent } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";
import { costOf, type ProcessCost } from "./process-cost.ts";
import { packRelease } from "./release.ts";

const SETTLE_MS = 5_000;
const WATCH_MS = 20_000;
const TASKS = 20;
const TEMPLATES = {
  Templates: [{ EmbeddedTmpl: '{{ with nomadVar "nomad/jobs/rendered" }}{{ .color }}{{ end }}', DestPath: "local/color" }],
};

export const idle: Benchmark = {
  name: "idle",
  about: `a packed agent with nothing to do, then with ${TASKS} quiet tasks, then with as many that have a template, ${WATCH_MS / 1000} s each`,
  async run() {
    const release = await packRelease();
    try {
      const started = performance.now();
      const agent = await startRealAgent({ program: release.main });
      try {
        const startMs = performance.now() - started;
        const empty = await watch([agent.pid]);
        const beside = () => [agent.pid, ...keepers(agent)];
        await runQuietTasks(agent, "quiet");
        const busy = await watch(beside());
        await agent.request("/v1/job/quiet?purge=true", { method: "DELETE" });
        await agent.request("/v1/var/nomad/jobs/rendered", { method: "PUT", body: JSON.stringify({ Items: { color: "red" } }) });
        await runQuietTasks(agent, "rendered", TEMPLATES);
        const rendered = await watch(beside());
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
          {
            bench: `${TASKS} quiet tasks with a template each: CPU, log keeper included`,
            value: rendered.cpuPercent,
            unit: "% of a core",
            reference: null,
            goal: "≤ 1",
          },
          {
            bench: `${TASKS} quiet tasks with a template each: RSS, log keeper included`,
            value: rendered.residentMb,
            unit: "MB",
            reference: null,
            goal: "",
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

async function watch(pids: readonly number[]): Promise<ProcessCost> {
  await sleep(SETTLE_MS);
  return costOf(pids, WATCH_MS);
}

function keepers(agent: RealAgent): number[] {
  const all = processesUnder(agent.dataDirectory).filter(({ command }) => command.includes("log-keeper"));
  return all.map(({ pid }) => pid);
}

async function runQuietTasks(agent: RealAgent, id: string, templates: object = {}): Promise<void> {
  const task = {
    ...templates,
    Name: "t",
    Driver: "raw_exec",
    Config: { command: "/bin/sleep", args: ["3600"] },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
    Resources: { CPU: 20, MemoryMB: 16 },
  };
  const job = {
    ID: id,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [{ Name: "g", Count: TASKS, EphemeralDisk: { SizeMB: 10 }, Tasks: [task] }],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
  if (!response.ok) throw new Error(await response.text());
  await eventually(
    `${TASKS} running tasks`,
    async () => {
      const allocations = await agent.get<{ ClientStatus: string }[]>(`/v1/job/${id}/allocations`);
      return allocations.filter(({ ClientStatus }) => ClientStatus === "running").length === TASKS;
    },
    60_000,
  );
  // Until they count as healthy there is work left to do.
  await eventually(
    "the deployment to be done",
    async () => (await agent.get<{ Status: string }[]>(`/v1/job/${id}/deployments`))[0]?.Status === "successful",
    60_000,
  );
}
