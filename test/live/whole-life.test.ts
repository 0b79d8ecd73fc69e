/** A job's whole life on real processes: hooks in their order, a limit of time, data that stays, health, commands beside tasks. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { eventually, processesUnder, startRealAgent, type RealAgent } from "./real-agent.ts";

interface Allocation {
  readonly ID: string;
  readonly JobVersion: number;
  readonly ClientStatus: string;
  readonly ClientDescription: string;
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null;
  readonly TaskStates: Readonly<
    Record<string, { readonly State: string; readonly Failed: boolean; readonly Events: readonly { readonly Type: string }[] }>
  >;
}

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(async () => {
  for (const { ID } of await agent.get<{ ID: string }[]>("/v1/jobs")) await agent.request(`/v1/job/${ID}`, { method: "DELETE" });
  await eventually("all tasks to have ended", async () =>
    (await agent.get<Allocation[]>("/v1/allocations")).every((each) => ["complete", "failed", "lost"].includes(each.ClientStatus)),
  ).finally(() => agent.remove());
});

const SECOND = 1e9;
const shell = (script: string, more: object = {}) => ({
  Driver: "exec",
  Config: { command: "/bin/sh", args: ["-c", script] },
  Resources: { CPU: 50, MemoryMB: 32 },
  ...more,
});

async function submit(job: Record<string, unknown>): Promise<void> {
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: { Datacenters: ["*"], ...job } }) });
  assert.equal(response.status, 200, await response.text());
}

const allocations = (job: string) => agent.get<Allocation[]>(`/v1/job/${job}/allocations`);

/** The newest allocation once it is as wanted. */
async function until(job: string, status: string, version = 0): Promise<Allocation> {
  let last: unknown;
  return await eventually(
    `${job} to be ${status}`,
    async () => {
      const all = await allocations(job);
      last = all;
      return all.find((each) => each.ClientStatus === status && each.JobVersion === version);
    },
    30_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(last, null, 1)}`);
  });
}

async function logs(id: string, task: string): Promise<string> {
  const response = await agent.request(`/v1/client/fs/logs/${id}?task=${task}&type=stdout&plain=true`);
  return await response.text();
}

test("prestart, main, poststart and poststop run in their order, and the allocation is complete", async () => {
  const hook = (Name: string, Hook: string) => ({
    Name,
    Lifecycle: { Hook, Sidecar: false },
    ...shell(`echo ${Name} >> /alloc/data/order`),
  });
  await submit({
    ID: "order",
    Type: "batch",
    TaskGroups: [
      {
        Name: "g",
        Tasks: [
          // It goes on until the one after it has said its word.
          { Name: "main", ...shell("echo main >> /alloc/data/order; until grep -q poststart /alloc/data/order; do sleep 0.05; done") },
          hook("prestart", "prestart"),
          hook("poststart", "poststart"),
          { ...hook("poststop", "poststop"), ...shell("cat /alloc/data/order; echo poststop") },
        ],
      },
    ],
  });
  const done = await until("order", "complete");
  assert.equal(await logs(done.ID, "poststop"), "prestart\nmain\npoststart\npoststop\n");
  for (const [name, state] of Object.entries(done.TaskStates)) assert.deepEqual([state.State, state.Failed], ["dead", false], name);
});

test("max_run_duration ends a batch as complete, without its poststop", async () => {
  await submit({
    ID: "late",
    Type: "batch",
    TaskGroups: [
      {
        Name: "g",
        MaxRunDuration: 2 * SECOND,
        Tasks: [
          { Name: "main", ...shell("trap 'exit 0' INT; while :; do sleep 0.05; done") },
          { Name: "after", Lifecycle: { Hook: "poststop", Sidecar: false }, ...shell("echo never") },
        ],
      },
    ],
  });
  const done = await until("late", "complete");
  assert.equal(done.ClientDescription, "allocation exceeded max_run_duration");
  assert.ok(!done.TaskStates["after"]?.Events.some((event) => event.Type === "Started"));
});

test("sticky data is there again after a new version, and an allocation of a deployment is told healthy", async () => {
  const job = (script: string) => ({
    ID: "sticky",
    Type: "service",
    TaskGroups: [
      {
        Name: "g",
        EphemeralDisk: { Sticky: true, Migrate: false, SizeMB: 110 },
        Update: {
          MaxParallel: 1,
          HealthCheck: "task_states",
          MinHealthyTime: 0.3 * SECOND,
          HealthyDeadline: 20 * SECOND,
          ProgressDeadline: 60 * SECOND,
        },
        Tasks: [{ Name: "t", ...shell(`${script}; trap 'exit 0' INT; while :; do sleep 0.05; done`) }],
      },
    ],
  });
  await submit(job("echo one > /alloc/data/x; echo two > /local/y"));
  await until("sticky", "running");
  await eventually("the first version to be healthy", async () => (await allocations("sticky"))[0]?.DeploymentStatus?.Healthy === true);
  await submit(job("cat /alloc/data/x /local/y"));
  const next = await until("sticky", "running", 1);
  await eventually("the data of the first version", async () => (await logs(next.ID, "t")) === "one\ntwo\n");
  await eventually(
    "the second version to be healthy",
    async () => (await allocations("sticky")).find((each) => each.JobVersion === 1)?.DeploymentStatus?.Healthy === true,
  );
});

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** undefined: the connection ended without one. */
  readonly code: number | undefined;
}

/** As the command line does it: a websocket, one JSON frame a message. */
function exec(
  id: string,
  task: string,
  command: readonly string[],
  options: { readonly tty?: boolean; readonly input?: string } = {},
): Promise<Ran> {
  const query = new URLSearchParams({ task, tty: String(options.tty === true), command: JSON.stringify(command) });
  const socket = new WebSocket(`${agent.address.replace("http", "ws")}/v1/client/allocation/${id}/exec?${query}`);
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  const said = { stdout: "", stderr: "" };
  let code: number | undefined;
  return new Promise((resolve) => {
    socket.addEventListener("open", () => {
      if (options.tty === true) send({ tty_size: { height: 40, width: 120 } });
      if (options.input !== undefined) send({ stdin: { data: Buffer.from(options.input).toString("base64") } });
      send({ stdin: { close: true } });
    });
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as {
        readonly stdout?: { readonly data?: string };
        readonly stderr?: { readonly data?: string };
        readonly exited?: boolean;
        readonly result?: { readonly exit_code?: number };
      };
      said.stdout += Buffer.from(frame.stdout?.data ?? "", "base64").toString();
      said.stderr += Buffer.from(frame.stderr?.data ?? "", "base64").toString();
      if (frame.exited === true) code = frame.result?.exit_code ?? 0;
    });
    socket.addEventListener("error", () => resolve({ ...said, code }));
    socket.addEventListener("close", ({ reason }) => resolve({ ...said, stderr: said.stderr + reason, code }));
  });
}

test("a command beside a task: input, output, status, and nothing of it left when its agent is killed", async () => {
  await submit({
    ID: "beside",
    Type: "service",
    TaskGroups: [
      {
        Name: "g",
        Tasks: [
          { Name: "chroot", ...shell("trap 'exit 0' INT; while :; do sleep 0.05; done") },
          { Name: "raw", ...shell("while :; do sleep 0.05; done", { Driver: "raw_exec" }) },
        ],
      },
    ],
  });
  const { ID } = await eventually("both tasks to run", async () =>
    (await allocations("beside")).find((each) => ["chroot", "raw"].every((task) => each.TaskStates[task]?.State === "running")),
  );
  for (const task of ["chroot", "raw"]) {
    const ran = await exec(ID, task, ["sh", "-c", "cat; echo err >&2; echo $NOMAD_TASK_NAME; exit 4"], { input: "in\n" });
    assert.deepEqual(ran, { code: 4, stdout: `in\n${task}\n`, stderr: "err\n" });
    const terminal = await exec(ID, task, ["sh", "-c", "until [ \"$(stty size)\" = '40 120' ]; do sleep 0.02; done; tty; exit 5"], {
      tty: true,
    });
    assert.equal(terminal.code, 5);
    assert.match(terminal.stdout, /\/dev\/pts\/\d+/);
  }
  const sleepers = () => processesUnder("31536001").filter(({ command }) => command.startsWith("sleep"));
  for (const task of ["chroot", "raw"]) {
    const ended = exec(ID, task, ["sleep", "31536001"]);
    await eventually(`the command in ${task} to run`, () => sleepers().length > 0);
    await agent.kill();
    assert.equal((await ended).code, undefined);
    await agent.restart();
    await eventually("nothing of it to be left", () => sleepers().length === 0);
    assert.equal((await exec(ID, task, ["true"])).code, 0);
    const found = (await allocations("beside")).find((each) => each.ID === ID);
    assert.ok(
      found?.TaskStates[task]?.Events.every((event) => event.Type !== "Restarting"),
      "the task is unharmed",
    );
  }
});
