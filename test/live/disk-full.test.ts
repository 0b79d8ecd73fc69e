/** data_dir on a small disk that is filled up for real: what the agent answers, what it keeps, and how it comes back. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, freePort, processesUnder, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const disk = temporaryDirectory("disk");
const ballast = join(disk.path, "ballast");
let agent: RealAgent;

before(async () => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m,mode=0755", "tmpfs", disk.path]);
  agent = await startRealAgent({
    config: {
      "50-all.hcl": `data_dir = ${JSON.stringify(join(disk.path, "data"))}\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n`,
    },
  });
});
after(async () => {
  try {
    await agent.remove();
  } finally {
    for (const { pid } of processesUnder(disk.path)) process.kill(pid, "SIGKILL");
    spawnSync("umount", ["-l", disk.path]);
    disk.remove();
  }
});

/** Every byte that is left. */
function fill(): void {
  const file = openSync(ballast, "a");
  const block = Buffer.alloc(64 * 1024, 1);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

const makeRoom = () => rmSync(ballast);

function register(id: string, more: object = {}): Promise<Response> {
  const task = {
    Name: "t",
    Driver: "raw_exec",
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
    Config: { command: "/bin/sleep", args: ["86400"] },
  };
  const Job = {
    ID: id,
    Datacenters: ["*"],
    Meta: { ballast: "x".repeat(20_000) },
    TaskGroups: [{ Name: "g", EphemeralDisk: { SizeMB: 10 }, Tasks: [task] }],
    ...more,
  };
  return agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
}

async function holdings(): Promise<{ jobs: string[]; evaluations: string[]; allocations: string[]; nodes: string[] }> {
  const ids = async (path: string) => (await agent.get<{ ID: string }[]>(path)).map((each) => each.ID).toSorted();
  return {
    jobs: await ids("/v1/jobs"),
    evaluations: await ids("/v1/evaluations"),
    allocations: await ids("/v1/allocations"),
    nodes: await ids("/v1/nodes"),
  };
}

const sleepers = () =>
  processesUnder("NOMAD_JOB_ID=before")
    .filter((each) => each.command.startsWith("/bin/sleep"))
    .map((each) => each.pid);

test("on a full disk writes are answered 503 with the reason, nothing changes, reads and tasks go on; with room again writes work", async () => {
  const registered = await register("before");
  assert.equal(registered.status, 200, await registered.text());
  await eventually(
    "the task to run",
    async () => (await agent.get<{ ClientStatus: string }[]>("/v1/job/before/allocations"))[0]?.ClientStatus === "running",
  );
  await eventually("its evaluation to be over", async () =>
    (await agent.get<{ Status: string }[]>("/v1/evaluations")).every((each) => each.Status === "complete"),
  );
  // What it is called is known once it has become its command.
  await eventually("the task to have become its command", () => sleepers().length === 1);
  const pids = sleepers();
  fill();
  const before = await holdings();

  for (let attempt = 0; attempt < 3; attempt++) {
    const response = await register(`refused-${attempt}`);
    const reason = await response.text();
    assert.equal(response.status, 503, reason);
    assert.match(reason, /disk is full/);
    assert.doesNotMatch(reason, /\n\s+at /);
  }
  const stop = await agent.request("/v1/job/before?purge=true", { method: "DELETE" });
  assert.equal(stop.status, 503, await stop.text());
  const command = await agent.cli("job", "stop", "-detach", "before");
  assert.equal(command.code, 1);
  assert.match(command.stderr, /disk is full/);

  assert.deepEqual(await holdings(), before);
  assert.deepEqual(sleepers(), pids);

  makeRoom();
  assert.equal(
    (
      await register("after", {
        TaskGroups: [{ Name: "g", Count: 0, Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/true" } }] }],
      })
    ).status,
    200,
  );
  assert.deepEqual((await holdings()).jobs, ["after", "before"]);
  assert.deepEqual(sleepers(), pids);
});

test("an agent killed on a full disk says why it cannot start; with room again it has everything, and the task runs on", async () => {
  const before = await holdings();
  const pids = sleepers();
  await agent.kill();
  fill();
  const refused = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-config", agent.configDirectory], {
    timeoutMs: 30_000,
  });
  assertSaysSpace(refused.code, refused.stderr);
  makeRoom();
  await agent.restart();
  const after = await holdings();
  // The node's return may be looked at in an evaluation of its own.
  assert.deepEqual({ ...after, evaluations: after.evaluations.filter((id) => before.evaluations.includes(id)) }, before);
  assert.deepEqual(sleepers(), pids);
});

test("an agent whose data_dir is new and has no room says so and exits 1", async () => {
  const files = temporaryDirectory("full-start");
  try {
    fill();
    const data = join(disk.path, "new");
    mkdirSync(data);
    const config = join(files.path, "agent.hcl");
    const [http, rpc, serf] = [await freePort(), await freePort(), await freePort()];
    writeFileSync(
      config,
      `data_dir = ${JSON.stringify(data)}\nports {\n  http = ${http}\n  rpc = ${rpc}\n  serf = ${serf}\n}\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n`,
    );
    const refused = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-config", config], { timeoutMs: 30_000 });
    assertSaysSpace(refused.code, refused.stderr);
  } finally {
    files.remove();
    makeRoom();
  }
});

function assertSaysSpace(code: number, stderr: string): void {
  assert.equal(code, 1, stderr);
  assert.match(stderr, /Cannot start agent: .*data|Cannot start agent: .*new/);
  assert.match(stderr, /space|full/i);
  assert.doesNotMatch(stderr, /\n\s+at /);
  assert.ok(stderr.trim().split("\n").length <= 3, stderr);
}
