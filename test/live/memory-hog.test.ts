/** A task that takes more memory than it may: killed, named as the cause, restarted by policy. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

interface State {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  readonly Events: readonly {
    readonly Type: string;
    readonly DisplayMessage: string;
    readonly Details: Readonly<Record<string, string>>;
  }[];
}

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(() => agent.remove());

test("a memory hog at 32 MB is killed, marked failed with OOM as the reason, and restarted by policy", async () => {
  const Job = {
    ID: "hog",
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        RestartPolicy: { Attempts: 1, Delay: 1e9, Interval: 60e9, Mode: "fail" },
        ReschedulePolicy: { Attempts: 0, Unlimited: false },
        Tasks: [
          {
            Name: "t",
            Driver: "exec",
            Config: { command: "/usr/bin/perl", args: ["-e", "my @all; while (1) { push @all, 'x' x 1048576 }"] },
            Resources: { CPU: 100, MemoryMB: 32 },
          },
        ],
      },
    ],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(response.status, 200, await response.text());

  const state = await eventually(
    "the hog to have failed for good",
    async () => {
      const [found] = await agent.get<{ ClientStatus: string; TaskStates: Record<string, State> }[]>("/v1/job/hog/allocations");
      return found?.ClientStatus === "failed" ? found.TaskStates["t"] : undefined;
    },
    60_000,
  );
  assert.equal(state.Failed, true);
  assert.equal(state.Restarts, 1);
  const ends = state.Events.filter((event) => event.Type === "Terminated");
  assert.equal(ends.length, 2, JSON.stringify(state.Events, null, 1));
  for (const event of ends) {
    assert.match(event.DisplayMessage, /OOM/);
    assert.equal(event.Details["oom_killed"], "true");
  }
  assert.ok(state.Events.some((event) => event.Type === "Restarting"));
  assert.ok(state.Events.some((event) => event.Type === "Not Restarting"));
  const [allocation] = await agent.get<{ ID: string }[]>("/v1/job/hog/allocations");
  const { stdout } = await agent.cli("alloc", "status", allocation?.ID ?? "");
  assert.match(stdout, /Terminated +.*OOM/);
});
