/**
 * Templates and secrets as people get them wrong, given to the real program: what is known beforehand is refused with its place, what shows only
 * at run time is named by the task's events and `job why`, with what to do. Meanwhile the agent answers, keeps its process and its memory.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { suiteOwner } from "./parts/consul-window.ts";
import { eventually, freePort, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";
import { openSecretsWorld, type SecretsWorld } from "./secrets-chaos-world.ts";

const STACK_TRACE = /\n\s+at .*[(/].*:\d+:\d+\)?/;
const SECRET = "hunter2hunter2";
const OUTSIDE = temporaryDirectory("outside");

interface Shape {
  readonly templates?: readonly Readonly<Record<string, unknown>>[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly task?: Readonly<Record<string, unknown>>;
}

/** A job as the API takes it: one task, tried once. */
function job(id: string, { templates = [], command = ["/bin/sleep", "1000"], env = {}, task = {} }: Shape): object {
  const [program, ...args] = command;
  const Templates = templates.map((each, index) => ({ DestPath: `local/${index}`, ChangeMode: "noop", Splay: 0, ...each }));
  const policy = {
    RestartPolicy: { Attempts: 0, Mode: "fail", Interval: 300e9, Delay: 1e9 },
    ReschedulePolicy: { Attempts: 0, Unlimited: false },
  };
  const Tasks = [
    {
      Name: "t",
      Driver: "raw_exec",
      Config: { command: program, args },
      Env: env,
      Resources: { CPU: 20, MemoryMB: 10 },
      Templates,
      ...task,
    },
  ];
  return { ID: id, TaskGroups: [{ Name: "g", ...policy, Tasks }] };
}

async function submit(agent: RealAgent, id: string, shape: Shape): Promise<void> {
  const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job(id, shape) }) });
  assert.equal(answer.status, 200, await answer.text());
}

interface Seen {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly Events: readonly { readonly DisplayMessage: string }[] }>> | null;
}

async function told(agent: RealAgent, id: string): Promise<{ readonly id: string; readonly status: string; readonly events: string }> {
  const [first] = await agent.get<readonly Seen[]>(`/v1/job/${id}/allocations`);
  const events = Object.values(first?.TaskStates ?? {}).flatMap(({ Events }) => Events.map(({ DisplayMessage }) => DisplayMessage));
  return { id: first?.ID ?? "", status: first?.ClientStatus ?? "", events: events.join("\n") };
}

/** Until one of its events says so. */
async function says(agent: RealAgent, id: string, pattern: RegExp): Promise<string> {
  let seen = "";
  const found = () =>
    eventually(
      `${id} to say ${String(pattern)}`,
      async () => {
        seen = (await told(agent, id)).events;
        return pattern.test(seen);
      },
      30_000,
    );
  await found().catch((error: unknown) => assert.fail(`${String(error)}\n${seen}`));
  assert.doesNotMatch(seen, STACK_TRACE);
  assert.ok(!seen.includes(SECRET), seen);
  return seen;
}

async function setVariable(agent: RealAgent, path: string, Items: Readonly<Record<string, string>>): Promise<void> {
  const answer = await agent.request(`/v1/var/${path}`, { method: "PUT", body: JSON.stringify({ Path: path, Items }) });
  assert.equal(answer.status, 200, await answer.text());
}

const megabytesOf = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const value = (name: string): string => `{{ with nomadVar "nomad/jobs/${name}" }}{{ .a }}{{ end }}`;
const loops = "{{ range loop 90000 }}{{ range loop 90000 }}{{ range loop 90000 }}{{ end }}{{ end }}{{ end }}";
const loopsInHandlebars = "{{#each (loop 90000)}}{{#each (loop 90000)}}{{/each}}{{/each}}";

/** What fails, or waits, by itself. */
const AT_RUN_TIME: readonly (readonly [id: string, shape: Shape, pattern: RegExp])[] = [
  [
    "endless-go",
    { templates: [{ EmbeddedTmpl: `x\n${loops}` }] },
    /template "local\/0": line 2, column \d+: it took longer than 10 s and was ended \(Let it loop over less/,
  ],
  [
    "endless-handlebars",
    { templates: [{ EmbeddedTmpl: `x\n${loopsInHandlebars}`, Engine: "handlebars" }] },
    /template "local\/0": line 2, column \d+: it took longer than 10 s/,
  ],
  [
    "huge",
    { templates: [{ EmbeddedTmpl: 'x\n{{ range loop 90000 }}{{ sprig_repeat 10000 "x" }}{{ end }}' }] },
    /template "local\/0": line 2.*grows above.*\(Let it make less/,
  ],
  [
    "deep",
    { templates: [{ EmbeddedTmpl: '{{ define "a" }}{{ template "a" }}{{ end }}\n{{ template "a" }}' }] },
    /template "local\/0": line 1.*exceeded maximum template depth/,
  ],
  [
    "shadow",
    { templates: [{ EmbeddedTmpl: '{{ file "/etc/shadow" }}' }] },
    /\/etc\/shadow: .*not in the task's directory.*Name a file below local\//,
  ],
  ["source-outside", { templates: [{ SourcePath: "/etc/shadow" }] }, /Cannot read a template from "\/etc\/shadow": its source escapes/],
  [
    "source-absent",
    { templates: [{ SourcePath: "local/none.tpl" }] },
    /source "local\/none\.tpl": there is no such file.*Let an artifact bring it/,
  ],
  [
    "destination-outside",
    { templates: [{ EmbeddedTmpl: "x", DestPath: "${X}" }], env: { X: "../../../../x" } },
    /"\$\{X\}": its destination escapes/,
  ],
  [
    "no-variables",
    { templates: [{ EmbeddedTmpl: `A=1\n${SECRET}\n`, Envvars: true }] },
    /variables from "local\/0": line 2: there is no = in it, wanted KEY=VALUE/,
  ],
  [
    "bad-name",
    { templates: [{ EmbeddedTmpl: `A=1\nB C=${SECRET}\n`, Envvars: true }] },
    /line 2: what stands before the = is no name of a variable/,
  ],
  [
    "missing-key",
    { templates: [{ EmbeddedTmpl: '{{ $m := "{}" | parseJSON }}\n{{ $m.nope }}', ErrMissingKey: true }] },
    /line 2, column \d+.*map has no entry for key "nope"/,
  ],
  [
    "bad-call",
    { templates: [{ EmbeddedTmpl: `{{ parseInt "${SECRET}" }}` }] },
    /line 1, column 4, at <parseInt>: error calling parseInt: .*not a whole number/,
  ],
  ["absent", { templates: [{ EmbeddedTmpl: value("absent") }] }, /Missing: nomad\.var\.block\(nomad\/jobs\/absent\)/],
  [
    "foreign",
    { templates: [{ EmbeddedTmpl: value("other") }] },
    /may not read variable "nomad\/jobs\/other".*Keep it at "nomad\/jobs\/foreign"/,
  ],
  ["no-consul", { templates: [{ EmbeddedTmpl: '{{ key "a" }}' }] }, /consul is not set up on this node.*Set consul \{ enabled = true/],
  [
    "no-vault",
    { templates: [{ EmbeddedTmpl: '{{ with secret "secret/data/a" }}{{ .Data }}{{ end }}' }] },
    /vault is not set up on this node.*Set vault \{ enabled = true/,
  ],
];

const script = (Command: string, Args: readonly string[], more: object = {}): object => ({
  ChangeMode: "script",
  ChangeScript: { Command, Args, Timeout: 1e9, FailOnError: false, ...more },
});

/** What goes wrong when a variable changes. */
const AT_CHANGE: readonly (readonly [id: string, shape: Shape, pattern: RegExp])[] = [
  [
    "script-fails",
    { templates: [{ EmbeddedTmpl: value("script-fails"), ...script("/bin/sh", ["-c", `cat local/0; exit 3`], { FailOnError: true }) }] },
    /failed to run script \/bin\/sh.*Exit code: 3/,
  ],
  [
    "script-hangs",
    { templates: [{ EmbeddedTmpl: value("script-hangs"), ...script("/bin/sleep", ["1000"]) }] },
    /\/bin\/sleep.*it did not end within 1s and was killed/,
  ],
  [
    "script-absent",
    { templates: [{ EmbeddedTmpl: value("script-absent"), ...script("/nowhere/program", []) }] },
    /\/nowhere\/program.*Exit code: 127 \(there is no such program/,
  ],
  [
    "breaks",
    { templates: [{ EmbeddedTmpl: `x\n{{ with nomadVar "nomad/jobs/breaks" }}{{ .a.Value | parseInt }}{{ end }}` }] },
    /Template failed: .*"local\/0": line 2.*parseInt/,
  ],
  [
    "env-breaks",
    {
      templates: [{ EmbeddedTmpl: `{{ with nomadVar "nomad/jobs/env-breaks" }}A={{ .a }}{{ end }}`, Envvars: true, ChangeMode: "restart" }],
    },
    /Template failed: Cannot read variables from "local\/0": line 2/,
  ],
  [
    "swaps-folder",
    {
      templates: [{ EmbeddedTmpl: value("swaps-folder"), DestPath: "local/conf/victim" }],
      command: ["/bin/sh", "-c", `cd local; while true; do rm -rf conf; ln -s ${OUTSIDE.path} conf; sleep 0.1; done`],
    },
    /Cannot open "local\/conf": it leads out of the allocation's directory/,
  ],
];

after(() => OUTSIDE.remove());

// Side by side: most of the time is two templates that do not end.
describe("templates and secrets as people get them wrong", { concurrency: 3, skip: process.env["DROVER_SKIP_LIVE"] === "1" }, () => {
  describe("bad templates on a node with neither Consul nor Vault", { concurrency: 1 }, () => {
    let agent: RealAgent;
    const files = temporaryDirectory("bad-templates");
    before(async () => {
      agent = await startRealAgent();
    });
    after(async () => {
      await agent.remove();
      files.remove();
    });

    test(
      "what fails at run time is named with its fix, and what waits says for what; meanwhile the agent answers and stays as it is",
      { timeout: 120_000 },
      async () => {
        const { pid } = agent;
        writeFileSync(join(OUTSIDE.path, "victim"), "keep");
        for (const [id] of AT_CHANGE) await setVariable(agent, `nomad/jobs/${id}`, { a: "1" });
        for (const [id, shape] of [...AT_CHANGE, ...AT_RUN_TIME]) await submit(agent, id, shape);
        // Rendered one after the other: those that take ten seconds hold up others, and nobody else.
        const slowest: number[] = [];
        const asking = new AbortController();
        const asked = (async () => {
          while (!asking.signal.aborted) {
            const startedAt = performance.now();
            await agent.get("/v1/status/leader");
            slowest.push(performance.now() - startedAt);
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        })();
        try {
          for (const [id] of AT_CHANGE) await eventually(`${id} to run`, async () => (await told(agent, id)).status === "running", 60_000);
          for (const [id] of AT_CHANGE) await setVariable(agent, `nomad/jobs/${id}`, { a: `${SECRET}\nx` });
          for (const [id, , pattern] of [...AT_RUN_TIME, ...AT_CHANGE]) await says(agent, id, pattern);
        } finally {
          asking.abort();
          await asked;
        }
        const late = slowest.toSorted((a, b) => a - b);
        const usual = late[Math.floor(late.length * 0.95)] ?? 0;
        assert.ok(usual < 100, `95 of 100 answers within ${usual.toFixed(0)} ms`);
        assert.equal(agent.pid, pid);
        assert.ok(megabytesOf(pid) < 500, `${megabytesOf(pid).toFixed(0)} MB`);
        assert.equal(readFileSync(join(OUTSIDE.path, "victim"), "utf8"), "keep");
        assert.equal(statSync(OUTSIDE.path).isDirectory(), true);
        assert.ok(!agent.output().includes(SECRET), "no value stands in the log");
      },
    );

    test("job why and alloc status name what the events do", async () => {
      const answers = await Promise.all([
        agent.cli("job", "why", "absent"),
        agent.cli("job", "why", "foreign"),
        agent.cli("job", "why", "endless-go"),
        agent.cli("job", "why", "no-variables"),
        agent.cli("alloc", "status", (await told(agent, "absent")).id),
      ]);
      const patterns = [
        /has waited .* for nomad\.var\.block\(nomad\/jobs\/absent\): nothing is there yet/,
        /for nomad\/jobs\/other: .*Permission denied.*Keep it at "nomad\/jobs\/foreign"/s,
        /template "local\/0": line 2, column \d+: it took longer than 10 s/,
        /line 2: there is no = in it, wanted KEY=VALUE/,
        /Missing: nomad\.var\.block\(nomad\/jobs\/absent\)/,
      ];
      for (const [index, { code, stdout, stderr }] of answers.entries()) {
        assert.equal(code, 0, stderr);
        assert.match(stdout, patterns[index] as RegExp);
        assert.doesNotMatch(stdout + stderr, STACK_TRACE);
      }
    });

    test("validate, plan and run say the same of a wrong job file, with exit codes that are not 0; the API says it as plain text", async () => {
      const path = join(files.path, "bad.nomad.hcl");
      writeFileSync(
        path,
        `job "refused" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n      template {\n        destination = "local/a"\n        data        = <<-EOT\n          one\n            {{ kye "a" }}\n        EOT\n      }\n    }\n  }\n}\n`,
      );
      for (const [verb, wanted] of [
        ["validate", 1],
        ["plan", 255],
        ["run", 1],
      ] as const) {
        const { code, stdout, stderr } = await agent.cli("job", verb, path);
        assert.equal(code, wanted, stdout + stderr);
        assert.match(
          stderr,
          /bad\.nomad\.hcl:9:16: .*function "kye" is not defined\. Did you mean "key"\?\n +9 \| +\{\{ kye "a" \}\}\n +\| {16}\^{3}\n/,
        );
      }
      const answer = await agent.request("/v1/jobs", {
        method: "PUT",
        body: JSON.stringify({ Job: job("refused", { templates: [{ EmbeddedTmpl: "x\n{{ if }}" }] }) }),
      });
      assert.equal(answer.status, 400);
      assert.match(
        await answer.text(),
        /template 1, line 2, column \d+: missing value for if \(TaskGroups\[0\]\.Tasks\[0\]\.Templates\[0\]\.EmbeddedTmpl\)/,
      );
      assert.equal((await agent.request("/v1/job/refused")).status, 404);
    });
  });

  describe("an agent's vault and template blocks", () => {
    const files = temporaryDirectory("bad-vault-config");
    after(() => files.remove());
    const head = async (): Promise<string> =>
      `data_dir = ${JSON.stringify(join(files.path, "data"))}\nbind_addr = "127.0.0.1"\nports {\n  http = ${await freePort()}\n}\nclient {\n  enabled = true\n}\n`;
    const CONFIGURATIONS: readonly (readonly [kind: string, text: string, pattern: RegExp])[] = [
      [
        "an address of another kind",
        'vault {\n  enabled = true\n  address = "ftp://x"\n}\n',
        /bad\.hcl:11:\d+: vault\.address is "ftp:\/\/x", must be a URL/,
      ],
      [
        "an address with a password",
        `vault {\n  enabled = true\n  address = "https://me:${SECRET}@x"\n}\n`,
        /bad\.hcl:11:\d+: vault\.address holds a user or a password/,
      ],
      ["an unknown key", 'vault {\n  adress = "http://x"\n}\n', /bad\.hcl:10:\d+: [^]*did you mean "address"/i],
      [
        "an unknown key of template",
        "client {\n  template {\n    function_denylst = []\n  }\n}\n",
        /bad\.hcl:11:\d+: [^]*did you mean "function_denylist"/i,
      ],
      [
        "a wait that is none",
        'client {\n  template {\n    wait {\n      min = "10s"\n      max = "1s"\n    }\n  }\n}\n',
        /bad\.hcl:12:\d+: client\.template\.wait\.min is 10000 ms, must be at most/,
      ],
    ];
    test("mistakes in them are shown with their place, no password is, and the agent does not start", { timeout: 60_000 }, async () => {
      mkdirSync(files.path, { recursive: true });
      const start = await head();
      const results = await Promise.all(
        CONFIGURATIONS.map(async ([kind, text, pattern], index) => {
          const folder = join(files.path, String(index));
          mkdirSync(folder);
          writeFileSync(join(folder, "bad.hcl"), start + text);
          const args = [join(REPOSITORY, "src/main.ts"), "agent", "-config", join(folder, "bad.hcl")];
          return { kind, pattern, ...(await run(process.execPath, args, { timeoutMs: 30_000 })) };
        }),
      );
      for (const { kind, pattern, code, stdout, stderr } of results) {
        assert.equal(code, 1, kind + stdout + stderr);
        assert.match(stdout + stderr, pattern, kind);
        assert.doesNotMatch(stdout + stderr, STACK_TRACE);
        assert.ok(!(stdout + stderr).includes(SECRET), kind);
      }
    });
  });

  describe("what Consul and Vault refuse", () => {
    const owner = suiteOwner(after);
    let world: SecretsWorld;
    before(async () => {
      world = await openSecretsWorld(owner);
    });

    const Vault = { Role: "" };
    const secret = (path: string): string => `{{ with secret "${path}" }}{{ .Data.data.a }}{{ end }}`;

    test(
      "the rule, the policy or the role that lacks is named with the lines that give it, and what was mended goes on",
      { timeout: 120_000 },
      async () => {
        const { agent, bao, consul } = world;
        const { Policies } = await consul.get<{ Policies: { ID: string; Name: string }[] }>("/v1/acl/role/name/nomad-tasks-default");
        const [policy] = Policies;
        assert.ok(policy !== undefined);
        await consul.put(`/v1/acl/policy/${policy.ID}`, { Name: policy.Name, Rules: 'key_prefix "app/" {\n  policy = "read"\n}\n' });
        await submit(agent, "denied-key", { templates: [{ EmbeddedTmpl: '{{ key "other/a" }}' }], task: { Consul: {} } });
        await submit(agent, "denied-path", { templates: [{ EmbeddedTmpl: secret("secret/data/elsewhere/a") }], task: { Vault } });
        await submit(agent, "no-role", {
          templates: [{ EmbeddedTmpl: secret("secret/data/default/no-role") }],
          task: { Vault: { Role: "nobody" } },
        });
        await submit(agent, "absent-secret", {
          templates: [{ EmbeddedTmpl: secret("secret/data/default/absent-secret") }],
          task: { Vault },
        });
        await says(agent, "denied-key", /waiting for other\/a: .*needs a policy with: key_prefix "other\/" \{ policy = "read" \}/s);
        await says(agent, "denied-path", /secret\/data\/elsewhere\/a.*nomad-workloads.*path "secret\/data\/elsewhere\/a"/s);
        await says(agent, "no-role", /nobody.*(setup vault|role)/s);
        await says(agent, "absent-secret", /Missing: vault\.read\(secret\/data\/default\/absent-secret\)/);
        assert.match(await world.why("denied-path"), /secret\/data\/elsewhere\/a.*nomad-workloads/s);
        await bao.seal();
        await submit(agent, "sealed", { templates: [{ EmbeddedTmpl: secret("secret/data/default/sealed") }], task: { Vault } });
        await says(agent, "sealed", /[Vv]ault.*sealed/);
        await bao.unseal();
        await world.setSecret("sealed", { a: "1" });
        await eventually("what was sealed to run", async () => (await told(agent, "sealed")).status === "running", 60_000);
      },
    );
  });
});
