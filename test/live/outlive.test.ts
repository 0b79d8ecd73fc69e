/** Tasks outlive the agent: kill -9 or SIGTERM it, start it again: same pids, no lost log line, right exit codes. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { controlGroupsOf, eventually, mountsUnder, processesUnder, startRealAgent, type RealAgent } from "./real-agent.ts";

interface TaskState {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  readonly Events: readonly {
    readonly Type: string;
    readonly DisplayMessage: string;
    readonly ExitCode?: number;
    readonly Details: Readonly<Record<string, string>>;
  }[];
}
interface Stub {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<Record<string, TaskState>>;
}

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(() => agent.remove());

/** Prints numbered lines as fast as it can until it has printed `lines`, then sleeps. */
const counter = (lines: number, andThen: string) => `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "line $i"; done; ${andThen}`;

async function register(id: string, driver: string, script: string, more: object = {}): Promise<void> {
  const Job = {
    ID: id,
    Type: "batch",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        RestartPolicy: { Attempts: 0, Mode: "fail" },
        Tasks: [
          {
            Name: "t",
            Driver: driver,
            Config: { command: "/bin/sh", args: ["-c", script] },
            Resources: { CPU: 50, MemoryMB: 64 },
            ...more,
          },
        ],
      },
    ],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(response.status, 200, await response.text());
}

async function allocation(job: string, status: string): Promise<Stub> {
  return eventually(`job ${job} to be ${status}`, async () => {
    const found = await agent.get<Stub[]>(`/v1/job/${job}/allocations`);
    return found.find((each) => each.ClientStatus === status);
  });
}

function pidsOf(job: string): number[] {
  return processesUnder(`NOMAD_JOB_ID=${job}`)
    .map((each) => each.pid)
    .toSorted((left, right) => left - right);
}

async function allLogs(id: string): Promise<string[]> {
  const response = await agent.request(`/v1/client/fs/logs/${id}?task=t&type=stdout&plain=true&follow=false&origin=start`);
  assert.equal(response.status, 200);
  return (await response.text()).split("\n").filter(Boolean);
}

for (const driver of ["raw_exec", "exec"]) {
  test(`kill -9 of the agent leaves a ${driver} task running, with the same pids and every log line`, async () => {
    const id = `writer-${driver.replace("_", "-")}`;
    await register(id, driver, counter(60_000, "exec sleep 600"));
    const running = await allocation(id, "running");
    const before = await eventually("the task's process", () => (pidsOf(id).length > 0 ? pidsOf(id) : undefined));
    await agent.kill();
    await agent.restart();
    const after = await allocation(id, "running");
    assert.equal(after.ID, running.ID);
    assert.equal(after.TaskStates["t"]?.Restarts, 0);
    assert.deepEqual(pidsOf(id).filter((pid) => before.includes(pid)).length > 0, true, "another process runs");
    assert.equal(after.TaskStates["t"]?.Events.filter((event) => event.Type === "Started").length, 1);
    const lines = await eventually("the last line", async () => {
      const found = await allLogs(running.ID);
      return found.at(-1) === "line 60000" ? found : undefined;
    });
    assert.equal(lines.length, 60_000);
    lines.forEach((line, position) => assert.equal(line, `line ${position + 1}`));
  });

  test(`a ${driver} task that ends while no agent runs is known with its exit code`, async () => {
    const id = `ender-${driver.replace("_", "-")}`;
    const marker = join(agent.dataDirectory, `${id}.go`);
    await register(id, driver, driver === "exec" ? "sleep 2; exit 7" : `while [ ! -e ${marker} ]; do sleep 0.05; done; exit 7`);
    const running = await allocation(id, "running");
    await eventually("the task's process", () => pidsOf(id).length > 0);
    await agent.kill();
    writeFileSync(marker, "");
    await eventually("the task to end", () => pidsOf(id).length === 0);
    await agent.restart();
    const failed = await allocation(id, "failed");
    assert.equal(failed.ID, running.ID);
    const ended = failed.TaskStates["t"]?.Events.find((event) => event.Type === "Terminated");
    assert.equal(ended?.Details["exit_code"] ?? String(ended?.ExitCode), "7");
  });
}

test("an agent that exits on SIGTERM leaves tasks running and says so", async () => {
  const before = pidsOf("writer-raw-exec");
  assert.ok(before.length > 0);
  assert.equal(await agent.terminate(), 0);
  assert.match(agent.output(), /tasks run on/);
  assert.deepEqual(pidsOf("writer-raw-exec"), before);
  await agent.restart();
  assert.deepEqual(pidsOf("writer-raw-exec"), before);
});

test("stopping jobs and collecting garbage leaves no process, mount or file of theirs", async () => {
  for (const job of await agent.get<{ ID: string }[]>("/v1/jobs")) {
    await agent.request(`/v1/job/${encodeURIComponent(job.ID)}`, { method: "DELETE" });
  }
  await eventually("every allocation to end", async () => {
    const all = await agent.get<Stub[]>("/v1/allocations");
    return all.every((each) => each.ClientStatus === "complete" || each.ClientStatus === "failed");
  });
  const ids = (await agent.get<Stub[]>("/v1/allocations")).map((each) => each.ID);
  assert.ok(ids.length >= 4);
  await agent.request("/v1/system/gc", { method: "PUT" });
  await eventually("the allocation directories to go", () => readdirSync(join(agent.dataDirectory, "alloc")).length === 0);
  assert.deepEqual(mountsUnder(agent.dataDirectory), []);
  for (const id of ids) assert.deepEqual(processesUnder(id), []);
  assert.deepEqual(controlGroupsOf(agent.dataDirectory), []);
});
