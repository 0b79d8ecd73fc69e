/** SIGHUP: the log level follows the configuration; a configuration that cannot be read changes nothing and is told by name. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

const CONFIG = (level: string) =>
  `log_level = "${level}"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n`;
let agent: RealAgent;
let path: string;

before(async () => {
  agent = await startRealAgent({ config: { "10-all.hcl": CONFIG("INFO") } });
  path = join(agent.configDirectory, "10-all.hcl");
});
after(() => agent.remove());

let read: number;
beforeEach(() => {
  read = agent.output().length;
});
/** What the agent printed since the test began. */
const since = () => agent.output().slice(read);

/** Something happens that the agent tells about at level DEBUG. */
async function makeDebugLines(): Promise<void> {
  const Job = {
    ID: "spoken-of",
    Type: "batch",
    Datacenters: ["*"],
    TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/true" } }] }],
  };
  assert.equal((await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) })).status, 200);
  await eventually("the job's task to end", async () => {
    const [allocation] = await agent.get<{ ClientStatus: string }[]>("/v1/job/spoken-of/allocations");
    return allocation?.ClientStatus === "complete";
  });
  await agent.request("/v1/job/spoken-of?purge=true", { method: "DELETE" });
}

test("at INFO no DEBUG line is printed", async () => {
  await makeDebugLines();
  assert.doesNotMatch(agent.output(), /\[(DEBUG|TRACE)\]/);
});

test("SIGHUP takes over a changed log_level: DEBUG lines appear, without a restart", async () => {
  const { pid } = agent;
  writeFileSync(path, CONFIG("DEBUG"));
  process.kill(pid, "SIGHUP");
  await eventually("the agent to have read it", () => /configuration read again.*log_level=DEBUG/.test(since()));
  await makeDebugLines();
  await eventually("a DEBUG line", () => /\[DEBUG\]/.test(since()));
  assert.equal(agent.pid, pid);
});

test("SIGHUP with a broken file keeps the old configuration and says where it is broken", async () => {
  writeFileSync(path, CONFIG("ERROR").replace("client {", "cleint {"));
  process.kill(agent.pid, "SIGHUP");
  const line = await eventually(
    "the agent to complain",
    () => /^.*\[ERROR\].*could not be read again, the old one stays.*$/m.exec(since())?.[0],
  );
  assert.match(line, /10-all\.hcl:\d+:\d+: /);
  assert.match(line, /cleint/);
  await makeDebugLines();
  await eventually("DEBUG lines as before", () => /\[DEBUG\]/.test(since()));
});

test("SIGHUP with the file mended takes it over", async () => {
  writeFileSync(path, CONFIG("WARN"));
  process.kill(agent.pid, "SIGHUP");
  // The line that tells is of level INFO: at WARN it is not seen, and neither is anything below.
  await eventually("the level to be WARN", async () => {
    const before = agent.output().length;
    await makeDebugLines();
    return !/\[(DEBUG|INFO)\]/.test(agent.output().slice(before));
  });
});
