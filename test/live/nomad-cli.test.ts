/** Nomad's own command line, unchanged, takes a job through its whole life against Drover's agent: what a user sees at each step. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, REPOSITORY, run, startRealAgent, temporaryDirectory, type CommandResult, type RealAgent } from "./real-agent.ts";

const PROGRAM = join(REPOSITORY, ".tools", "bin", "nomad");
const skip =
  process.env["DROVER_SKIP_LIVE"] === "1" ||
  (!existsSync(PROGRAM) && "Nomad's program is not there: `npm run tools -- nomad` builds it (ten minutes of two cores)");
const LIMIT = { skip, timeout: 120_000 };

const WEB = `variable "answer" { default = "one" }
job "web" {
  group "web" {
    count = 2
    network {
      port "http" {}
    }
    update {
      canary           = 1
      max_parallel     = 1
      min_healthy_time = "100ms"
    }
    scaling {
      min = 1
      max = 4
    }
    service {
      name     = "web"
      port     = "http"
      provider = "nomad"
      tags     = ["blue"]
    }
    task "server" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo answer $ANSWER; echo complaint >&2; trap 'echo hup' HUP; while true; do sleep 0.2; done"]
      }
      env { ANSWER = var.answer }
      action "greet" {
        command = "/bin/echo"
        args    = ["hello", "there"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
}
`;
const oneTask = (name: string, rest: string, script: string): string => `job "${name}" {
  type = "batch"
  ${rest}
  group "main" {
    task "main" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "${script}"]
      }
    }
  }
}
`;

let agent: RealAgent;
const scratch = temporaryDirectory("nomad-cli");

before(async () => {
  if (skip !== false) return;
  agent = await startRealAgent();
  const files = {
    "web.nomad.hcl": WEB,
    "nowhere.nomad.hcl": oneTask("nowhere", 'constraint {\n    attribute = "${meta.rack}"\n    value = "r2"\n  }', "true"),
    "greeter.nomad.hcl": oneTask(
      "greeter",
      'parameterized {\n    meta_required = ["who"]\n  }',
      "echo hello $NOMAD_META_who; test $NOMAD_META_who != nobody",
    ),
    "nightly.nomad.hcl": oneTask("nightly", 'periodic {\n    crons = ["0 3 * * *"]\n  }', "echo tonight"),
    "wrong.nomad.hcl": oneTask("wrong", "priority = 1000", "true"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(scratch.path, name), text);
});
after(async () => {
  await agent?.remove();
  scratch.remove();
});

/** Runs Nomad's program in the folder with the job files. */
function nomad(...args: readonly string[]): Promise<CommandResult> {
  const environment = { ...process.env, NOMAD_ADDR: agent.address, NOMAD_CLI_NO_COLOR: "1", NOMAD_CLI_SHOW_HINTS: "false", TZ: "UTC" };
  return run(PROGRAM, args, { cwd: scratch.path, env: environment, timeoutMs: 60_000 });
}

/** One step: the exit code, and every pattern in what was printed. Answers what was printed. */
async function sees(code: number, args: readonly string[], ...patterns: readonly RegExp[]): Promise<string> {
  const result = await nomad(...args);
  const printed = result.stdout + result.stderr;
  assert.equal(result.code, code, `nomad ${args.join(" ")}: ${printed}\n${agent.output()}`);
  for (const pattern of patterns) assert.match(printed, pattern, `nomad ${args.join(" ")}`);
  return printed;
}

async function runningAllocation(job: string): Promise<string> {
  const all = await agent.get<{ ID: string; ClientStatus: string; DesiredStatus: string }[]>(`/v1/job/${job}/allocations`);
  const found = all.find((each) => each.ClientStatus === "running" && each.DesiredStatus === "run");
  assert.ok(found, `no running allocation of "${job}": ${JSON.stringify(all)}`);
  return found.ID;
}
async function latestDeployment(job: string): Promise<string> {
  const { ID } = await agent.get<{ ID: string }>(`/v1/job/${job}/deployment`);
  return ID;
}

test("a service is checked, planned, run and looked at", LIMIT, async () => {
  await sees(0, ["node", "status", "-self"], /Eligibility\s+= eligible/, /Status\s+= ready/, /Allocated Resources/, /raw_exec/);
  await sees(0, ["job", "validate", "web.nomad.hcl"], /Job validation successful/);
  await sees(1, ["job", "validate", "wrong.nomad.hcl"], /priority/i);
  await sees(1, ["job", "plan", "web.nomad.hcl"], /\+ Job: "web"/, /2 create/, /All tasks successfully allocated/, /-check-index 0/);
  await sees(
    0,
    ["job", "run", "web.nomad.hcl"],
    /Allocation "[0-9a-f]{8}" created: node "[0-9a-f]{8}", group "web"/,
    /finished with status "complete"/,
    /Status {6}= successful/,
    /\nweb {9}2 {8}2 {7}2 {8}0 /,
  );
  await sees(0, ["job", "plan", "web.nomad.hcl"], /2 ignore/);
  await sees(0, ["job", "status"], /^ID {3}Type {5}Priority {2}Status {3}Submit Date/m, /^web {2}service {2}50 {8}running/m);
  await sees(
    0,
    ["job", "status", "web"],
    /Node Pool {5}= default/,
    /\nweb {9}0 {7}0 {9}2 {8}0/,
    /greet {8}web {9}server/,
    /run {6}running/,
  );
  await sees(0, ["job", "inspect", "web"], /"ID": "web"/);
  await sees(0, ["job", "allocs", "web"], /Task Group {2}Version {2}Desired {2}Status/);
  await sees(0, ["service", "list"], /web {11}\[blue\]/);
  await sees(0, ["service", "info", "web"], /\d+\.\d+\.\d+\.\d+:\d+ {2}\[blue\]/);
  await sees(0, ["eval", "list", "-job", "web"], /job-register +web/, /complete/);
});

test("what runs is read, entered and told to go on", LIMIT, async () => {
  const id = await runningAllocation("web");
  await sees(
    0,
    ["alloc", "status", id],
    /Client Status {7}= running/,
    /Task "server" is "running"/,
    /Allocation Addresses/,
    /\*http/,
    /Task started by client/,
  );
  await sees(0, ["alloc", "logs", id], /^answer one$/m);
  await sees(0, ["alloc", "logs", "-stderr", "-tail", "-n", "1", id], /^complaint$/m);
  await sees(0, ["alloc", "fs", id, "alloc/logs"], /Mode\s+Size\s+Modified Time\s+(Content Type\s+)?Name/, /server\.stdout\.0/);
  await sees(0, ["alloc", "fs", id, "alloc/logs/server.stdout.0"], /^answer one$/m);
  await sees(7, ["alloc", "exec", "-i=false", "-t=false", id, "/bin/sh", "-c", "echo inside; exit 7"], /^inside$/m);
  await sees(0, ["action", "-job=web", "-task=server", `-alloc=${id}`, "-i=false", "-t=false", "greet"], /^hello there$/m);
  await sees(0, ["alloc", "signal", "-s", "SIGHUP", id]);
  await eventually("the signal to be heard", async () => /^hup$/m.test((await nomad("alloc", "logs", id)).stdout), 20_000);
  await sees(0, ["alloc", "restart", id]);
  await eventually("the restart to be shown", async () => /Total Restarts\s*= 1/.test((await nomad("alloc", "status", id)).stdout), 20_000);
  await sees(0, ["alloc", "stop", id], /finished with status "complete"/);
});

test("a new version waits as a canary, is promoted, taken back, scaled", LIMIT, async () => {
  await sees(
    1,
    ["job", "plan", "-var", "answer=two", "web.nomad.hcl"],
    /1 canary, 2 ignore/,
    /forces create\/destroy update/,
    /"one" => "two"/,
  );
  await sees(
    0,
    ["job", "run", "-detach", "-var", "answer=two", "web.nomad.hcl"],
    /Job registration successful/,
    /Evaluation ID: [0-9a-f-]{36}/,
  );
  await eventually(
    "a healthy canary",
    async () => /\nweb\s+false\s+2\s+1\s+1\s+1\s+0/.test((await nomad("job", "status", "web")).stdout),
    30_000,
  );
  const deployment = await latestDeployment("web");
  await sees(0, ["deployment", "status", deployment], /requires manual promotion/, /Promoted {2}Desired {2}Canaries/);
  await sees(0, ["deployment", "promote", deployment], /Status {6}= successful/);
  await sees(0, ["deployment", "list"], /web {5}1 {12}successful/);
  await sees(0, ["job", "history", "-p", "web"], /Version {5}= 1/, /"one" => "two"/, /Stable {6}= true/);
  await sees(0, ["job", "tag", "apply", "-name", "good", "-version", "0", "web"], /tagged with name "good"/);
  await sees(0, ["job", "revert", "-detach", "web", "good"], /[0-9a-f-]{36}/);
  await eventually(
    "a healthy canary",
    async () => /\nweb\s+false\s+2\s+1\s+1\s+1\s+0/.test((await nomad("job", "status", "web")).stdout),
    30_000,
  );
  await sees(0, ["job", "promote", "web"], /Status {6}= successful/);
  await sees(0, ["job", "scale", "web", "web", "3"], /finished with status "complete"/);
  await sees(1, ["job", "scale", "web", "web", "5"], /maximum/);
  await sees(0, ["job", "scaling-events", "web"], /web {9}3 {6}2 /);
  await sees(0, ["scaling", "policy", "list"], /horizontal {2}Namespace:default,Job:web,Group:web/);
});

test("jobs that are dispatched, timed, or fit nowhere say so", LIMIT, async () => {
  await sees(
    2,
    ["job", "run", "nowhere.nomad.hcl"],
    /failed to place all allocations/,
    /Constraint "\$\{meta\.rack\} = r2": 1 nodes? excluded by filter/,
  );
  await sees(0, ["job", "status", "nowhere"], /Placement Failure/, /pending/);
  await sees(0, ["job", "run", "greeter.nomad.hcl"], /Job registration successful/);
  await sees(0, ["job", "status", "greeter"], /Parameterized = true/, /Required Metadata\s+= who/);
  await sees(1, ["job", "dispatch", "greeter"], /who/);
  const dispatched = await sees(
    0,
    ["job", "dispatch", "-meta", "who=you", "greeter"],
    /Dispatched Job ID = greeter\/dispatch-/,
    /status "complete"/,
  );
  const child = /Dispatched Job ID = (\S+)/.exec(dispatched)?.[1] ?? "";
  await eventually("the child's words", async () => /hello you/.test((await nomad("alloc", "logs", "-job", child)).stdout), 20_000);
  await sees(0, ["job", "run", "nightly.nomad.hcl"], /Approximate next launch time: .*03:00:00Z/);
  await sees(0, ["job", "periodic", "force", "nightly"], /status "complete"/);
  await sees(0, ["job", "status", "nightly"], /Periodic += true/, /nightly\/periodic-\d+/);
});

test("variables, namespaces, node pools, the node's drain", LIMIT, async () => {
  await sees(0, ["var", "put", "nomad/jobs/web", "user=me", "word=secret"], /nomad\/jobs\/web/);
  assert.equal((await sees(0, ["var", "get", "-item", "word", "nomad/jobs/web"])).trim(), "secret");
  await sees(1, ["var", "put", "-check-index", "1", "nomad/jobs/web", "user=you"], /conflict/i);
  await sees(0, ["var", "list", "-out", "table"], /default {4}nomad\/jobs\/web/);
  await sees(0, ["var", "purge", "nomad/jobs/web"], /Successfully purged/);
  await sees(0, ["namespace", "apply", "-description", "a team", "team"], /Successfully applied namespace "team"/);
  await sees(0, ["namespace", "list"], /team {5}a team/);
  await sees(0, ["namespace", "delete", "team"], /Successfully deleted namespace "team"/);
  await sees(0, ["node", "pool", "list"], /all {6}Node pool with all nodes/);
  await sees(
    0,
    ["node", "drain", "-enable", "-yes", "-self", "-deadline", "1s"],
    /drain strategy set/,
    /Drain complete/,
    /All allocations on node "\S+" have stopped/,
  );
  await sees(0, ["node", "status"], /ineligible +ready/);
  await sees(0, ["node", "drain", "-disable", "-yes", "-self"], /drain strategy unset/);
  await eventually("the service to be back", async () => /\nweb\s+0\s+0\s+3\s/.test((await nomad("job", "status", "web")).stdout), 30_000);
});

test("the agent is asked about itself, and the job ends", LIMIT, async () => {
  await sees(0, ["server", "members"], /alive {3}true/, /global/);
  await sees(0, ["agent-info"], /^nomad$/m, /known_regions/);
  await sees(0, ["operator", "api", "-X", "GET", "/v1/status/leader"], /"127\.0\.0\.1:\d+"/);
  await sees(0, ["operator", "scheduler", "get-config"], /Scheduler Algorithm\s+= binpack/);
  const snapshot = join(scratch.path, "state.snap");
  await sees(0, ["operator", "snapshot", "save", snapshot], /State file written to/);
  assert.ok(readFileSync(snapshot).length > 0);
  await sees(0, ["job", "stop", "web"], /finished with status "complete"/);
  await sees(0, ["job", "status", "web"], /Status {8}= dead \(stopped\)/);
  await sees(0, ["job", "start", "web"], /finished with status "complete"/);
  await sees(0, ["job", "stop", "-purge", "-detach", "web", "nowhere", "greeter", "nightly"]);
  await sees(0, ["system", "gc"]);
  await sees(1, ["job", "status", "web"], /No job\(s\) with prefix or ID "web" found/);
});
