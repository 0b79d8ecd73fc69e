/** The tutorial of the field, step by step, on the real program with a real exec task. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

const JOB = join(import.meta.dirname, "tutorial", "hey.nomad");
let agent: RealAgent;

before(async () => {
  agent = await startRealAgent({
    config: {
      "nomad.hcl": 'datacenter = "dc1"\nlog_json = true\n',
      "server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "client.hcl": "client {\n  enabled = true\n}\n",
    },
  });
});
after(() => agent.remove());

test("the agent logs one JSON object a line, as log_json asks", () => {
  const lines = agent
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  assert.ok(lines.length > 0, agent.output());
  for (const line of lines) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    assert.ok(
      typeof entry["@message"] === "string" && typeof entry["@level"] === "string" && typeof entry["@timestamp"] === "string",
      line,
    );
  }
});

test("node status shows the node ready, with the exec driver", async () => {
  const { code, stdout } = await agent.cli("node", "status");
  assert.equal(code, 0);
  assert.match(stdout, /^ID +Node Pool +DC +Name +Class +Drain +Eligibility +Status$/m);
  assert.match(stdout, /^[0-9a-f]{8} +default +dc1 +\S+ +<none> +false +eligible +ready$/m);
  const self = await agent.cli("node", "status", "-self");
  assert.equal(self.code, 0, self.stderr);
  assert.match(self.stdout, /^exec +true +true /m);
});

test("job plan of a new job says what it would create, and exits 1", async () => {
  const { code, stdout } = await agent.cli("job", "plan", JOB);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^\+ Job: "hello"$/m);
  assert.match(stdout, /^\+ Task Group: "example" \(1 create\)$/m);
  assert.match(stdout, /^ {2}\+ Task: "server" \(forces create\)$/m);
  assert.match(stdout, /^Scheduler dry-run:\n- All tasks successfully allocated\.$/m);
  assert.match(stdout, /^Job Modify Index: 0$/m);
  assert.match(stdout, /job run -check-index 0 \S*hey\.nomad$/m);
});

test("job run -check-index 0 monitors the evaluation to complete", async () => {
  const { code, stdout, stderr } = await agent.cli("job", "run", "-check-index", "0", JOB);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^==> \S+: Monitoring evaluation "[0-9a-f]{8}"$/m);
  assert.match(stdout, /Evaluation triggered by job "hello"$/m);
  assert.match(stdout, /Allocation "[0-9a-f]{8}" created: node "[0-9a-f]{8}", group "example"$/m);
  assert.match(stdout, /Evaluation status changed: "pending" -> "complete"$|finished with status "complete"$/m);
  assert.match(stdout, /^==> \S+: Evaluation "[0-9a-f]{8}" finished with status "complete"$/m);
});

test("the task answers hello world on its static port", async () => {
  const text = await eventually("the task to answer on 5678", async () => (await fetch("http://127.0.0.1:5678/")).text());
  assert.equal(text, "hello world\n");
});

test("a stale check index is refused and nothing changes", async () => {
  const before = await agent.get<{ Version: number; JobModifyIndex: number }>("/v1/job/hello");
  const changed = join(agent.configDirectory, "..", "changed.nomad");
  writeFileSync(changed, readFileSync(JOB, "utf8").replace('datacenters = ["dc1"]', 'datacenters = ["dc1"]\n  priority = 70'));
  const { code, stderr } = await agent.cli("job", "run", "-check-index", "0", changed);
  assert.equal(code, 1);
  assert.match(stderr, /Enforcing job modify index 0/);
  const after = await agent.get<{ Version: number; JobModifyIndex: number }>("/v1/job/hello");
  assert.deepEqual([after.Version, after.JobModifyIndex], [before.Version, before.JobModifyIndex]);
});

test("an unchanged job plans as no change and exits 0, a changed one exits 1", async () => {
  const same = await agent.cli("job", "plan", JOB);
  assert.equal(same.code, 0, same.stdout);
  const changed = join(agent.configDirectory, "..", "changed.nomad");
  writeFileSync(
    changed,
    readFileSync(JOB, "utf8").replace('driver = "exec"', 'driver = "exec"\n      env {\n        COLOUR = "blue"\n      }'),
  );
  const different = await agent.cli("job", "plan", changed);
  assert.equal(different.code, 1, different.stdout);
  assert.match(different.stdout, /^\+\/- Job: "hello"$/m);
  assert.match(different.stdout, /^\+\/- Task Group: "example" \(1 create\/destroy update\)$/m);
  assert.match(different.stdout, /\+ Env\[COLOUR\]: +"blue"/);
});

test("job status lists the job and shows it with its allocation", async () => {
  const list = await agent.cli("job", "status");
  assert.match(list.stdout, /^ID +Type +Priority +Status +Submit Date$/m);
  assert.match(list.stdout, /^hello +service +50 +running +\d{4}-/m);
  const shown = await agent.cli("job", "status", "hello");
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /^ID +=? ?hello$/m);
  assert.match(shown.stdout, /^Status +=? ?running$/m);
  assert.match(
    shown.stdout,
    /^Summary\nTask Group +Queued +Starting +Running +Failed +Complete +Lost +Unknown\nexample +0 +0 +1 +0 +0 +0 +0$/m,
  );
  assert.match(
    shown.stdout,
    /^Allocations\nID +Node ID +Task Group +Version +Desired +Status +Created +Modified\n[0-9a-f]{8} +[0-9a-f]{8} +example +0 +run +running /m,
  );
});

test("alloc status shows use, address and events, alloc logs what was printed", async () => {
  const [allocation] = await agent.get<{ ID: string }[]>("/v1/job/hello/allocations");
  assert.ok(allocation !== undefined);
  const { code, stdout, stderr } = await agent.cli("alloc", "status", allocation.ID.slice(0, 8));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Task "server" is "running"$/m);
  assert.match(stdout, /^\d+\/100 MHz +\S+ [KM]iB\/300 MiB +300 MiB +http: \S+:5678$/m);
  assert.match(
    stdout,
    /Started +Task started by client\n[^\n]* Task Setup +Building Task Directory\n[^\n]* Received +Task received by client$/m,
  );
  const logs = await agent.cli("alloc", "logs", allocation.ID.slice(0, 8));
  assert.match(logs.stdout, /^listening on 5678\nanswered\n/);
  const tail = await agent.cli("alloc", "logs", "-tail", "-n", "1", allocation.ID.slice(0, 8));
  assert.equal(tail.stdout, "answered\n");
});

test("job stop ends the task and the job is dead (stopped)", async () => {
  const { code, stdout } = await agent.cli("job", "stop", "hello");
  assert.equal(code, 0, stdout);
  await eventually("the port to close", async () =>
    fetch("http://127.0.0.1:5678/").then(
      () => false,
      () => true,
    ),
  );
  const line = await eventually(
    "the job to be dead",
    async () => /^hello .*dead \(stopped\)/m.exec((await agent.cli("job", "status")).stdout)?.[0],
  );
  assert.match(line, /^hello +service +50 +dead \(stopped\)/);
});

test("after PUT /v1/system/gc there are no running jobs", async () => {
  await eventually("the allocation to be complete", async () => {
    const allocations = await agent.get<{ ClientStatus: string }[]>("/v1/job/hello/allocations");
    return allocations.every((each) => each.ClientStatus === "complete");
  });
  const response = await agent.request("/v1/system/gc", { method: "PUT" });
  assert.equal(response.status, 200);
  const { code, stdout } = await agent.cli("job", "status");
  assert.equal(stdout, "No running jobs\n");
  assert.equal(code, 0);
});
