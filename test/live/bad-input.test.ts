/**
 * Bad input of every kind we could think of, given to the real program: what, where, how to fix; exit code 1 or a 4xx with the
 * reason as plain text; never a stack trace, nothing half done.
 */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  eventually,
  freePort,
  REPOSITORY,
  run,
  startRealAgent,
  temporaryDirectory,
  type CommandResult,
  type RealAgent,
} from "./real-agent.ts";

let agent: RealAgent;
const files = temporaryDirectory("bad-input");

before(async () => {
  agent = await startRealAgent();
  // What a new cluster writes by itself comes to an end.
  await eventually("the first key", async () => (await agent.get<{ keys: unknown[] }>("/.well-known/jwks.json")).keys.length > 0);
});
after(async () => {
  await agent.remove();
  files.remove();
});

const STACK_TRACE = /\n\s+at .*[(/].*:\d+:\d+\)?/;

/** A whole job around the part that is wrong. */
function jobWith(part: { job?: string; group?: string; task?: string; driver?: string; config?: string }): string {
  return `job "bad" {
  datacenters = ["dc1"]
${part.job ?? ""}
  group "g" {
${part.group ?? ""}
    task "t" {
      driver = "${part.driver ?? "raw_exec"}"
      config {
${part.config ?? '        command = "/bin/true"'}
      }
${part.task ?? ""}
    }
  }
}
`;
}

/** A job file and what must be said of it; the pattern sees standard output and error. */
const JOB_FILES: readonly (readonly [kind: string, text: string | Buffer, pattern: RegExp])[] = [
  ["a missing brace", 'job "bad" {\n  group "g" {\n', /bad\.nomad:\d+:\d+: /],
  ["a stray character", 'job "bad" {\n  count = @\n}\n', /bad\.nomad:2:11: /],
  ["an unclosed heredoc", 'job "bad" {\n  meta {\n    x = <<EOT\nnever ends\n', /bad\.nomad:3:\d+: /],
  ["an unclosed string", 'job "bad" {\n  name = "oops\n}\n', /bad\.nomad:2:\d+: /],
  ["an empty file", "", /bad\.nomad:.*job/],
  ["two job blocks", 'job "a" {}\njob "b" {}\n', /bad\.nomad:2:1: /],
  ["an unknown block", jobWith({ job: '  gruop "x" {}' }), /bad\.nomad:3:3: [^]*did you mean "group"/i],
  ["an unknown attribute", jobWith({ job: "  datacentres = []" }), /bad\.nomad:3:3: [^]*did you mean "datacenters"/i],
  ["a word where a number belongs", jobWith({ group: '    count = "three"' }), /bad\.nomad:5:13: .*count/],
  ["a list where text belongs", jobWith({ job: "  region = []" }), /bad\.nomad:3:12: .*region/],
  ["a duration that is none", jobWith({ task: '      kill_timeout = "5 minutes"' }), /bad\.nomad:\d+:\d+: .*kill_timeout/],
  ["an undeclared variable", jobWith({ job: "  priority = var.nope" }), /bad\.nomad:3:\d+: .*nope/],
  ["a variable without a value", `variable "who" {}\n${jobWith({ job: "  name = var.who" })}`, /who/],
  ["an unknown function", jobWith({ job: '  name = uper("x")' }), /bad\.nomad:3:10: [^]*did you mean "upper"/i],
  ["a function given the wrong kind", jobWith({ job: '  name = upper(["x"])' }), /bad\.nomad:3:/],
  [
    "locals in a circle",
    `locals {\n  a = local.b\n  b = local.a\n}\n${jobWith({ job: "  name = local.a" })}`,
    /bad\.nomad:\d+:\d+: .*(cycle|circle|itself)/i,
  ],
  ["no driver", 'job "bad" {\n  group "g" {\n    task "t" {}\n  }\n}\n', /Task "t".*driver/],
  ["no group", 'job "bad" {}\n', /group/],
  ["two tasks of one name", jobWith({ group: '    task "t" {\n      driver = "raw_exec"\n    }' }), /"t"/],
  ["two ports of one label", jobWith({ group: '    network {\n      port "http" {}\n      port "http" {}\n    }' }), /http/],
  ["a port beyond the last", jobWith({ group: '    network {\n      port "http" {\n        static = 70000\n      }\n    }' }), /70000/],
  [
    "a constraint that is no regular expression",
    jobWith({ job: '  constraint {\n    attribute = "${attr.kernel.name}"\n    operator = "regexp"\n    value = "("\n  }' }),
    /regexp|regular expression/,
  ],
  ["too little memory", jobWith({ task: "      resources {\n        memory = 1\n      }" }), /memory/i],
  ["a negative count", jobWith({ group: "    count = -1" }), /count/i],
  ["a priority beyond the highest", jobWith({ job: "  priority = 101" }), /priority/i],
  ["a job id with spaces", jobWith({}).replace('job "bad"', 'job "very bad"'), /very bad/],
  [
    "restart rules that contradict each other",
    jobWith({ group: '    restart {\n      attempts = 10\n      delay = "1m"\n      interval = "1m"\n    }' }),
    /restart/i,
  ],
  [
    "a block whose time has not come",
    jobWith({ task: '      artifact {\n        source = "https://example.com/x.tgz"\n      }' }),
    /"?artifact"?.*not/i,
  ],
  [
    "a service whose port nobody declared",
    jobWith({ group: '    service {\n      name = "web"\n      port = "htp"\n    }' }),
    /service "web".*port.*"htp"/i,
  ],
  [
    "two services of one name and port",
    jobWith({
      group: `    network {\n      port "http" {}\n    }\n${'    service {\n      name = "web"\n      port = "http"\n    }\n'.repeat(2)}`,
    }),
    /"web".*(twice|duplicate|already|same)/i,
  ],
  [
    "a check without an interval",
    jobWith({
      group:
        '    network {\n      port "http" {}\n    }\n    service {\n      name = "web"\n      port = "http"\n      check {\n        type = "tcp"\n        timeout = "2s"\n      }\n    }',
    }),
    /check.*interval/i,
  ],
  ["binary junk", randomBytes(4096), /bad\.nomad:\d+:\d+: /],
  ["nesting without an end", `x = ${"[".repeat(200_000)}`, /bad\.nomad:1:\d+: /],
];

for (const [kind, text, pattern] of JOB_FILES) {
  test(`job run refuses ${kind} and registers nothing`, async () => {
    const path = join(files.path, "bad.nomad");
    writeFileSync(path, text);
    const index = await lastIndex();
    const result = await agent.cli("job", "run", path);
    assert.equal(result.code, 1, result.stdout + result.stderr);
    assertClean(result, pattern);
    assert.equal((await agent.request("/v1/job/bad")).status, 404);
    assert.equal(await lastIndex(), index, "something was written");
  });
}

const COMMAND_LINES: readonly (readonly [kind: string, words: readonly string[], code: number, pattern: RegExp])[] = [
  ["an unknown command", ["job", "rnu"], 127, /did you mean "job run"/],
  ["an unknown flag", ["job", "run", "-chekc-index", "0", "x"], 1, /flag provided but not defined: -chekc-index/],
  ["a flag without its value", ["job", "run", "-check-index"], 1, /flag needs an argument: -check-index/],
  ["a flag with the wrong kind of value", ["job", "run", "-check-index", "x", "y"], 1, /invalid value "x" for flag -check-index/],
  ["no file at all", ["job", "run"], 1, /takes one argument/],
  ["a file that is not there", ["job", "run", "/nowhere/x.nomad"], 1, /"\/nowhere\/x\.nomad": no such file/],
  ["a directory for a file", ["job", "run", "/tmp"], 1, /"\/tmp": it is a directory/],
  ["JSON that is none", ["job", "run", "-json", join(REPOSITORY, "README.md")], 1, /Cannot read JSON job/],
  ["a job nobody knows", ["job", "status", "nope"], 1, /No job\(s\) with prefix or id "nope" found/],
  ["an allocation nobody knows", ["alloc", "status", "ffffffff"], 1, /No allocation\(s\) with prefix or id "ffffffff" found/],
  ["an id that is none", ["alloc", "status", "../../etc"], 1, /an id is made of/],
  ["an address where nobody listens", ["job", "status", "-address", "http://127.0.0.1:9"], 1, /127\.0\.0\.1:9/],
  ["an address that is none", ["job", "status", "-address", "not an address"], 1, /address/i],
];

for (const [kind, words, code, pattern] of COMMAND_LINES) {
  test(`the command line with ${kind} is answered by name`, async () => {
    const result = await agent.cli(...(words[2] === "-address" ? words : words));
    assert.equal(result.code, code, result.stdout + result.stderr);
    assertClean(result, pattern);
  });
}

const REQUESTS: readonly (readonly [
  kind: string,
  method: string,
  path: string,
  body: string | Buffer | undefined,
  status: number,
  pattern: RegExp,
])[] = [
  ["JSON that is none", "PUT", "/v1/jobs", "{", 400, /JSON/i],
  ["binary junk", "PUT", "/v1/jobs", randomBytes(512), 400, /./],
  ["no body", "PUT", "/v1/jobs", undefined, 400, /./],
  ["a job that is null", "PUT", "/v1/jobs", '{"Job":null}', 400, /Job/],
  ["a job that is a list", "PUT", "/v1/jobs", '{"Job":[]}', 400, /Job|object/],
  ["a count that is text", "PUT", "/v1/jobs", '{"Job":{"ID":"bad","TaskGroups":[{"Name":"g","Count":"x","Tasks":[]}]}}', 400, /Count/],
  ["HCL that is none", "PUT", "/v1/jobs/parse", '{"JobHCL":"job {"}', 400, /1:\d+/],
  [
    "a function that would read the server's disk",
    "PUT",
    "/v1/jobs/parse",
    JSON.stringify({ JobHCL: 'job "x" {\n name = file("/etc/passwd")\n}' }),
    400,
    /file/,
  ],
  ["the wrong method", "DELETE", "/v1/jobs", undefined, 405, /Invalid method/],
  ["a path nobody answers", "GET", "/v1/nope", undefined, 404, /./],
  ["a job nobody knows", "GET", "/v1/job/nope", undefined, 404, /job not found/],
  ["a filter that is none", "GET", "/v1/jobs?filter=ID%20%3D%3D", undefined, 400, /./],
  ["an index that is none", "GET", "/v1/jobs?index=x", undefined, 400, /index/i],
  ["a wait that is none", "GET", "/v1/jobs?index=1&wait=x", undefined, 400, /wait/i],
  ["an endpoint whose time has not come", "GET", "/v1/volumes/external", undefined, 501, /not in this version/],
  ["an endpoint of something that is switched off", "GET", "/v1/acl/policies", undefined, 400, /ACL support disabled/],
];

for (const [kind, method, path, body, status, pattern] of REQUESTS) {
  test(`HTTP with ${kind} is answered ${status} with the reason as plain text`, async () => {
    const index = await lastIndex();
    const response = await agent.request(path, { method, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain/);
    assert.match(text, pattern);
    assert.doesNotMatch(text, STACK_TRACE);
    assert.equal(await lastIndex(), index, "something was written");
  });
}

test("a job of 10 MB is taken whole or refused whole, and the agent goes on answering", async () => {
  const job = {
    ID: "huge",
    Datacenters: ["dc1"],
    TaskGroups: [
      {
        Name: "g",
        Count: 0,
        Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "true" }, Env: { BIG: "x".repeat(10 * 1024 * 1024) } }],
      },
    ],
  };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job }) });
  const text = await response.text();
  assert.ok(response.status === 200 || response.status === 413 || response.status === 400, `${response.status} ${text.slice(0, 200)}`);
  const there = (await agent.request("/v1/job/huge")).status;
  assert.equal(there, response.status === 200 ? 200 : 404);
  if (response.status !== 200) assert.ok(text.length < 1000, "the reason is a sentence");
  await agent.request("/v1/job/huge?purge=true", { method: "DELETE" });
});

test("an impossible constraint is named with how many nodes it excluded", async () => {
  const result = await runJob(jobWith({ job: '  constraint {\n    attribute = "${attr.kernel.name}"\n    value = "windows"\n  }' }));
  assert.equal(result.code, 2, result.stdout + result.stderr);
  assert.match(result.stdout, /Constraint "\$\{attr\.kernel\.name\} = windows": 1 node excluded by filter/);
  const status = await agent.cli("job", "status", "bad");
  assert.match(status.stdout, /Placement Failure[^]*kernel\.name\} = windows/);
  await purge();
});

test("a job too big for every node is told the nearest shortfall", async () => {
  const result = await runJob(jobWith({ task: "      resources {\n        memory = 99999999\n      }" }));
  assert.equal(result.code, 2, result.stdout + result.stderr);
  assert.match(result.stdout, /Dimension "memory" exhausted on 1 node/);
  assert.match(result.stdout, /Nearest fit: node "[^"]+" is short of \d+ MB memory/);
  await purge();
});

test("a driver no node has is named", async () => {
  const result = await runJob(jobWith({ driver: "raw_exce" }));
  assert.ok(result.code === 1 || result.code === 2, result.stdout + result.stderr);
  assert.match(result.stdout + result.stderr, /missing drivers|raw_exce/);
  await purge();
});

test("a command that is not there fails the task by name", async () => {
  await runJob(
    jobWith({ config: '        command = "/nowhere/program"', group: '    restart {\n      attempts = 0\n      mode = "fail"\n    }' }),
    "-detach",
  );
  const allocation = await eventually("the allocation to fail", async () => {
    const [first] =
      await agent.get<{ ID: string; ClientStatus: string; TaskStates: Record<string, { Events: { DisplayMessage: string }[] }> }[]>(
        "/v1/job/bad/allocations",
      );
    return first?.ClientStatus === "failed" ? first : undefined;
  });
  const told = allocation.TaskStates["t"]?.Events.map((event) => event.DisplayMessage).join("\n") ?? "";
  assert.match(told, /\/nowhere\/program/);
  await purge();
});

test("a config key the driver does not know is named, with what was meant", async () => {
  const result = await runJob(jobWith({ config: '        comand = "/bin/true"' }), "-detach");
  if (result.code === 1) {
    assert.match(result.stdout + result.stderr, /comand/);
  } else {
    const told = await eventually("the allocation to fail", async () => {
      const [first] =
        await agent.get<{ ClientStatus: string; TaskStates: Record<string, { Events: { DisplayMessage: string }[] }> }[]>(
          "/v1/job/bad/allocations",
        );
      return first?.ClientStatus === "failed" ? first.TaskStates["t"]?.Events.map((event) => event.DisplayMessage).join("\n") : undefined;
    });
    assert.match(told, /comand[^]*command/);
  }
  await purge();
});

test("paths that leave the allocation, and its secrets, are refused by the fs API", async () => {
  await runJob(
    jobWith({
      config:
        '        command = "/bin/sh"\n        args = ["-c", "ln -s /etc/passwd $NOMAD_TASK_DIR/out; ln -s ../secrets $NOMAD_TASK_DIR/in; sleep 60"]',
    }),
    "-detach",
  );
  const id = await eventually("the allocation to run", async () => {
    const [first] = await agent.get<{ ID: string; ClientStatus: string }[]>("/v1/job/bad/allocations");
    return first?.ClientStatus === "running" ? first.ID : undefined;
  });
  await eventually("the links", async () =>
    (await agent.request(`/v1/client/fs/ls/${id}?path=t/local`)).json().then((list: unknown) => (list as unknown[]).length >= 2),
  );
  for (const path of [
    "../../../../etc/passwd",
    "/../../etc/passwd",
    "t/local/out",
    "t/local/../../../../../etc/passwd",
    "t/secrets/x",
    "t/local/in/x",
    "t/private",
    "%2e%2e/%2e%2e/etc/passwd",
    "t/local/\0",
  ]) {
    for (const verb of ["cat", "stat", "readat", "stream"]) {
      const response = await agent.request(`/v1/client/fs/${verb}/${id}?path=${encodeURIComponent(path)}&offset=0&limit=100&follow=false`);
      const text = await response.text();
      assert.ok(response.status >= 400 && response.status < 500, `${verb} ${path}: ${response.status} ${text}`);
      assert.doesNotMatch(text, /root:/);
      assert.doesNotMatch(text, STACK_TRACE);
    }
  }
  await purge();
});

// The agent itself.
const CONFIGURATIONS: readonly (readonly [kind: string, text: string, pattern: RegExp])[] = [
  ["an unknown key", 'data_dri = "/tmp/x"\n', /bad\.hcl:1:1: [^]*did you mean "data_dir"/i],
  ["a wrong type", "server {\n  enabled = []\n}\n", /bad\.hcl:2:\d+: .*enabled/],
  ["no data_dir", "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n", /data_dir/],
  [
    "a relative data_dir",
    'data_dir = "var/lib"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n',
    /data_dir.*"var\/lib"|"var\/lib".*absolute/,
  ],
  ["a syntax error", "server {\n", /bad\.hcl:\d+:\d+: /],
  [
    "several servers and no program to keep their log",
    `data_dir = ${JSON.stringify(join(files.path, "never"))}\nserver {\n  enabled = true\n  bootstrap_expect = 3\n  consul_path = "/nowhere/consul"\n}\n`,
    /Cannot form a cluster: [^]*consul \{ address \}/,
  ],
  ["neither server nor client", 'data_dir = "/tmp/drover-never"\n', /server|client/],
];
for (const [kind, text, pattern] of CONFIGURATIONS) {
  test(`the agent refuses a configuration with ${kind}`, async () => {
    const path = join(files.path, "bad.hcl");
    writeFileSync(path, text);
    const result = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-config", path], { timeoutMs: 20_000 });
    assert.equal(result.code, 1, result.stdout + result.stderr);
    assertClean(result, pattern);
  });
}

test("the agent refuses a data_dir that is a symbolic link", async () => {
  mkdirSync(join(files.path, "real"), { recursive: true });
  symlinkSync(join(files.path, "real"), join(files.path, "link"));
  const path = join(files.path, "bad.hcl");
  writeFileSync(path, `data_dir = ${JSON.stringify(join(files.path, "link"))}\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n`);
  const result = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-config", path], { timeoutMs: 20_000 });
  assert.equal(result.code, 1);
  assertClean(result, /symbolic link|symlink/i);
});

test("an agent whose port is taken says which and by what name to change it, and leaves nothing running", async () => {
  const data = join(files.path, "second");
  mkdirSync(data, { recursive: true });
  const path = join(files.path, "second.hcl");
  writeFileSync(
    path,
    `data_dir = ${JSON.stringify(data)}\nports {\n  http = ${agent.port}\n  rpc = ${await freePort()}\n  serf = ${await freePort()}\n}\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\n`,
  );
  const result = await run(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-config", path], { timeoutMs: 20_000 });
  assert.equal(result.code, 1, result.stdout + result.stderr);
  assertClean(result, new RegExp(`${agent.port}.*in use`));
});

function assertClean(result: CommandResult, pattern: RegExp): void {
  const text = result.stdout + result.stderr;
  assert.match(text, pattern);
  assert.doesNotMatch(text, STACK_TRACE);
  assert.doesNotMatch(text, /undefined|\[object Object\]|NaN/);
}

async function runJob(text: string, ...flags: readonly string[]): Promise<CommandResult> {
  const path = join(files.path, "bad.nomad");
  writeFileSync(path, text);
  return agent.cli("job", "run", ...flags, path);
}

async function purge(): Promise<void> {
  await agent.request("/v1/job/bad?purge=true", { method: "DELETE" });
  await eventually("the job to be gone", async () => (await agent.request("/v1/job/bad")).status === 404);
}

async function lastIndex(): Promise<number> {
  const response = await agent.request("/v1/agent/self");
  const self = (await response.json()) as { stats: { raft?: { last_log_index?: string } } };
  return Number(self.stats.raft?.last_log_index ?? 0);
}
