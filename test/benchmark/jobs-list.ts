/** GET /v1/jobs with one keep-alive client: first while nothing changes, then while one of the jobs does all the time. */
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { startRealAgent, type RealAgent } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";

const JOBS = 100;
const WARM_UP = 200;
const WATCH_MS = 5_000;
const CHANGE_EVERY_MS = 50;

export const jobsList: Benchmark = {
  name: "jobs-list",
  about: `${JOBS} jobs, ${WATCH_MS / 1000} s, one keep-alive client`,
  async run() {
    const agent = await startRealAgent();
    const connection = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let each = 0; each < JOBS; each++) await register(agent, `job-${each}`, 50);
      const list = () => fetchList(agent, connection);
      for (let warm = 0; warm < WARM_UP; warm++) await list();
      const still = await perSecond(list);

      const changing = new AbortController();
      const changes = change(agent, changing.signal);
      const moving = await perSecond(list);
      changing.abort();
      await changes;
      return [
        { bench: `GET /v1/jobs (${JOBS} jobs)`, value: still, unit: "/s", reference: 377, goal: "≥ 1000" },
        { bench: `GET /v1/jobs, ${1000 / CHANGE_EVERY_MS} changes a second`, value: moving, unit: "/s", reference: null, goal: "≥ 1000" },
      ];
    } finally {
      connection.destroy();
      await agent.remove();
    }
  },
};

async function perSecond(once: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < WATCH_MS) {
    await once();
    count++;
  }
  return (count / (performance.now() - started)) * 1000;
}

/** Another priority each time. */
async function change(agent: RealAgent, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    await register(agent, `job-${round % JOBS}`, 10 + (round % 50));
    await sleep(CHANGE_EVERY_MS);
  }
}

/** A job for a datacenter that is not there: nothing of it runs. */
async function register(agent: RealAgent, id: string, priority: number): Promise<void> {
  const task = { Name: "t", Driver: "raw_exec", Config: { command: "true" } };
  const job = { ID: id, Priority: priority, Datacenters: ["nowhere"], TaskGroups: [{ Name: "g", Tasks: [task] }] };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
  if (!response.ok) throw new Error(await response.text());
}

function fetchList(agent: RealAgent, connection: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(`${agent.address}/v1/jobs`, { agent: connection }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`GET /v1/jobs: ${response.statusCode}`));
      response.on("end", resolve);
      response.on("error", reject);
      response.resume();
    }).on("error", reject);
  });
}
