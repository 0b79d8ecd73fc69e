/** GET /v1/jobs with one keep-alive client. */
import { Agent, get } from "node:http";
import { startRealAgent } from "../live/real-agent.ts";
import type { Benchmark } from "./figure.ts";

const JOBS = 100;
const SECONDS = 5;

export const jobsList: Benchmark = {
  name: "jobs-list",
  about: `${JOBS} jobs, ${SECONDS} s, one keep-alive client`,
  async run() {
    const agent = await startRealAgent();
    const connection = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let each = 0; each < JOBS; each++) {
        const job = { ID: `job-${each}`, Datacenters: ["nowhere"], TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "true" } }] }] };
        const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
        if (!response.ok) throw new Error(await response.text());
      }
      const once = () =>
        new Promise<number>((resolve, reject) => {
          get(`${agent.address}/v1/jobs`, { agent: connection }, (response) => {
            let bytes = 0;
            response.on("data", (data: Buffer) => (bytes += data.length));
            response.on("end", () => resolve(bytes));
          }).on("error", reject);
        });
      for (let warm = 0; warm < 200; warm++) await once();
      const started = performance.now();
      let count = 0;
      while (performance.now() - started < SECONDS * 1000) {
        await once();
        count++;
      }
      return [{ bench: `GET /v1/jobs (${JOBS} jobs)`, value: count / ((performance.now() - started) / 1000), unit: "/s", reference: 377, goal: "≥ 1000" }];
    } finally {
      connection.destroy();
      await agent.remove();
    }
  },
};
