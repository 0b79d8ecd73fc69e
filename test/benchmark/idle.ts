/** What an agent with nothing to do costs: resident memory and processor time. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startRealAgent } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";

const SETTLE_MS = 5_000;
const WATCH_MS = 20_000;
const TICKS_PER_SECOND = 100;

export const idle: Benchmark = {
  name: "idle",
  about: `an agent with nothing to do, watched for ${WATCH_MS / 1000} s`,
  async run() {
    const agent = await startRealAgent();
    try {
      await sleep(SETTLE_MS);
      const before = cpuTicks(agent.pid);
      await sleep(WATCH_MS);
      const used = (cpuTicks(agent.pid) - before) / TICKS_PER_SECOND / (WATCH_MS / 1000);
      return [
        { bench: "idle RSS", value: residentKb(agent.pid) / 1024, unit: "MB", reference: null, goal: "" },
        { bench: "idle CPU", value: used * 100, unit: "% of a core", reference: null, goal: "≤ 1" },
      ];
    } finally {
      await agent.remove();
    }
  },
};

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
