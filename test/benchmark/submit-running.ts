/** From PUT /v1/jobs to the allocation seen running over HTTP: raw_exec on an agent that is server and node. */
import { startRealAgent } from "../live/real-agent.ts";
import { percentile, type Benchmark } from "./figure.ts";

const ROUNDS = 30;

export const submitRunning: Benchmark = {
  name: "submit-running",
  about: `${ROUNDS} jobs one after another, raw_exec, HTTP`,
  async run() {
    const agent = await startRealAgent();
    try {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const id = `bench-${round}`;
        const started = performance.now();
        const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job(id) }) });
        if (!response.ok) throw new Error(await response.text());
        let index = 0;
        for (;;) {
          const answer = await agent.request(`/v1/job/${id}/allocations?index=${index}&wait=5s`);
          index = Number(answer.headers.get("x-nomad-index"));
          const allocations = (await answer.json()) as { ClientStatus: string }[];
          if (allocations[0]?.ClientStatus === "running") break;
          if (performance.now() - started > 30_000) throw new Error(`job ${id} did not run: ${JSON.stringify(allocations)}`);
        }
        times.push(performance.now() - started);
        await agent.request(`/v1/job/${id}?purge=true`, { method: "DELETE" });
      }
      return [
        { bench: "submit → running p50", value: percentile(times, 50), unit: "ms", reference: 757, goal: "≤ 150" },
        { bench: "submit → running p95", value: percentile(times, 95), unit: "ms", reference: 976, goal: "≤ 250" },
      ];
    } finally {
      await agent.remove();
    }
  },
};

function job(id: string): object {
  return {
    ID: id,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: 1,
        Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["3600"] }, Resources: { CPU: 20, MemoryMB: 16 } }],
      },
    ],
  };
}
